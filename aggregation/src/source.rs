//! [`Source`]: where the passes of the engine read rows, whatever holds them.

use std::ops::Range;

use crate::engine::block_range;

/// n rows of d values, in an order of the caller's choice.
pub(crate) enum Source<'a> {
    /// One slice per row.
    Rows(Vec<&'a [f32]>),
}

impl<'a> Source<'a> {
    /// Number of rows.
    pub(crate) fn n(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.len(),
        }
    }

    /// Number of columns.
    pub(crate) fn d(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.first().map_or(0, |row| row.len()),
        }
    }

    /// Some of the rows, or all of them in another order.
    pub(crate) fn subset(&self, chosen: &[usize]) -> Source<'a> {
        match self {
            Self::Rows(rows) => Source::Rows(chosen.iter().map(|&row| rows[row]).collect()),
        }
    }

    /// Calls `visit` with the columns of a block, left to right, as slices of all rows with the
    /// range to read in them, and with the place of that range in the block.
    pub(crate) fn for_each_piece(
        &self,
        block: usize,
        mut visit: impl FnMut(&[&[f32]], Range<usize>, usize),
    ) {
        match self {
            Self::Rows(rows) => visit(rows, block_range(block, self.d()), 0),
        }
    }
}
