//! How columns are cut: the units in which rows lie in memory, and in which the engine works. Part of the results'
//! definition, since sums are made unit by unit.

use std::ops::Range;

/// Columns whose distances are summed in `f32`, before `f64` takes over. A panel of a row is one page of memory.
pub(crate) const PANEL: usize = 1024;
/// Columns of one unit of work: sixteen panels.
pub(crate) const BLOCK: usize = 16 * PANEL;
/// Values between two rows of a tile: one cache line, so that the rows do not meet in one cache set.
const GAP: usize = 16;
/// Values from one row of a tile to the next.
pub(crate) const STRIDE: usize = PANEL + GAP;

/// The columns of a block.
pub(crate) fn block_range(block: usize, d: usize) -> Range<usize> {
    block * BLOCK..d.min((block + 1) * BLOCK)
}
