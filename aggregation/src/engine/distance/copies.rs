//! The rows of one panel, where no vector lies across two cache lines.
//!
//! A tile loads each row of a panel once for each row of tiles: dozens of times where rows are many. A load across two
//! lines costs two, and a large vector as an allocator hands it out begins a few bytes after a line. So such rows are
//! copied first; the values, and with them the results, are the same.

use crate::engine::PANEL;
use crate::engine::simd::LANES;

use super::tile::Row;

/// Bytes of a cache line, and of the widest vector.
const LINE: usize = 64;
/// Rows from which a copy is made up for.
const WORTH_IT: usize = 16;

/// Room for the rows of a panel.
#[derive(Debug, Default)]
pub(super) struct Copies {
    values: Vec<f32>,
}

impl Copies {
    /// The rows, or copies of them, if that is quicker to read often.
    pub(super) fn aligned<'a>(&'a mut self, rows: Vec<Row<'a>>) -> Vec<Row<'a>> {
        let width = rows.first().map_or(0, |row| row.len());
        let lies_across = |row: &Row<'_>| row.as_ptr().align_offset(LINE) != 0;
        if rows.len() < WORTH_IT || !rows.iter().any(lies_across) {
            return rows;
        }
        self.values.clear();
        self.values.reserve(rows.len() * PANEL + LINE);
        let first = self.values.as_ptr().align_offset(LINE).min(LINE);
        self.values.resize(first, 0.0);
        for row in &rows {
            self.values.extend_from_slice(row.as_flattened());
        }
        let copies = self.values[first..].as_chunks::<LANES>().0;
        copies.chunks_exact(width).collect()
    }
}
