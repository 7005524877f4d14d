//! The rows of a panel, copied to where each vector is a cache line.
//!
//! A vector that straddles two lines takes two loads, and the squares load each row once for every four others. An
//! allocator puts long rows anywhere at a multiple of sixteen bytes. Who reads a row first copies it ([`OwnProducts`](super::products::OwnProducts)).

use super::tile::{Row, SIDE, four};
use crate::engine::run::LINES;
use crate::engine::simd::{LANES, Lanes, Simd, arrays};

/// Rows from which copies pay. A register of sixteen lanes always straddles two lines in a row that does not begin with one;
/// shorter ones do so half of the time: of 32 rows the copies take as long as they save, of 64 half as long.
const fn pays_from<S: Simd>() -> usize {
    if S::REGISTERS == 1 { 32 } else { 48 }
}

/// From one copy to the next: one line more than a row has, so that they do not meet in one cache set.
const STRIDE: usize = LINES + 1;

/// Rows of a panel, and room for copies of them.
pub(super) struct Aligned<'a> {
    rows: &'a [Row<'a>],
    room: &'a mut [Lanes<f32>],
}

impl<'a> Aligned<'a> {
    /// Takes room for copies where they pay.
    pub(super) fn new<S: Simd>(rows: &'a [Row<'a>], room: &'a mut Vec<Lanes<f32>>) -> Self {
        let is_aligned = |row: &Row<'_>| row.as_ptr().cast::<Lanes<f32>>().is_aligned();
        let pays = rows.len() >= pays_from::<S>() && !rows.iter().all(is_aligned);
        let blocks = if pays { rows.len().div_ceil(SIDE) } else { 0 };
        room.resize(blocks * SIDE * STRIDE, Lanes([0.0; LANES]));
        Self { rows, room }
    }

    /// The rows of a block as they are, and room for their copies, if they are to be copied.
    pub(super) fn original(&mut self, block: usize) -> ([Row<'a>; SIDE], &mut [Lanes<f32>]) {
        let mut room = self.room.chunks_exact_mut(SIDE * STRIDE);
        let room = room.nth(block).unwrap_or_default();
        (four(self.rows, SIDE * block), room)
    }

    /// The rows of a block that was copied.
    #[inline(always)]
    pub(super) fn block(&self, block: usize) -> [Row<'_>; SIDE] {
        let rows = four(self.rows, SIDE * block);
        std::array::from_fn(|k| {
            let row = rows[k];
            let at = (SIDE * block + k) * STRIDE;
            self.room.get(at..at + row.len()).map_or(row, arrays)
        })
    }
}

/// Where the rows of a block are copied to.
#[inline(always)]
pub(super) fn copies(room: &mut [Lanes<f32>]) -> Option<[&mut [Lanes<f32>; LINES]; SIDE]> {
    let mut rows = room.chunks_exact_mut(STRIDE);
    let mut next = || rows.next()?.first_chunk_mut();
    Some([next()?, next()?, next()?, next()?])
}
