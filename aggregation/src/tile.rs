//! How columns are cut: the units in which the engine works. Part of the results'
//! definition, since sums are made unit by unit.

use std::ops::Range;

/// Columns whose distances are summed in `f32`, before `f64` takes over. A panel of a row is one page of memory.
pub(crate) const PANEL: usize = 1024;
/// Columns of one unit of work: sixteen panels.
pub(crate) const BLOCK: usize = 16 * PANEL;

/// The columns of a block.
pub(crate) fn block_range(block: usize, d: usize) -> Range<usize> {
    block * BLOCK..d.min((block + 1) * BLOCK)
}
