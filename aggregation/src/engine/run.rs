//! Runs: what the kernels read of a row at a time, the values of one panel.

use super::simd::{LANES, Simd};
use crate::source::Strip;
use crate::tile::PANEL;

/// Vectors of a run, which are cache lines if it begins with one.
pub(super) const LINES: usize = PANEL / LANES;

/// The values of one row in one panel.
pub(super) type Run = [[f32; LANES]; LINES];

/// The first values, if there are enough.
#[inline(always)]
pub(super) fn whole(values: &[f32]) -> Option<&Run> {
    values.as_chunks().0.first_chunk()
}

/// Vectors from one that is loaded to one that is asked for.
const NEAR: usize = 2;

/// Loads a vector, and asks for a later one: where a loop over rows loads from each in turn, the processor does not see
/// that each is read on and on.
#[inline(always)]
pub(super) fn load<S: Simd>(s: S, run: &Run, at: usize) -> S::F {
    s.prefetch_near(&run[(at + NEAR) % LINES]);
    s.load(&run[at])
}

/// The runs of all rows in the panel that starts at this column. Short ones are filled up with zeros, in `room`.
pub(super) fn runs<'a>(strip: &Strip<'a>, start: usize, room: &'a mut Vec<Run>) -> Vec<&'a Run> {
    let end = strip.range.end.min(start + PANEL);
    let rows = strip.rows.iter().map(|row| &row[start..end]);
    let mut runs = Vec::with_capacity(rows.len());
    if end == start + PANEL {
        runs.extend(rows.filter_map(whole));
    } else {
        room.clear();
        room.extend(rows.map(|row| {
            let mut run = [[0.0; LANES]; LINES];
            run.as_flattened_mut()[..row.len()].copy_from_slice(row);
            run
        }));
        runs.extend(room.iter());
    }
    runs
}
