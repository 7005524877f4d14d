//! Coordinate-wise median (Yin et al. 2018, <https://arxiv.org/abs/1803.01498>).
//!
//! For an even number of rows: the mean of the two middle values.

use crate::input::Inputs;
use crate::middle;
use crate::report::Aggregate;

/// The median of each column. Needs n >= 1; robust for n >= 2f + 1.
pub(crate) fn aggregate(inputs: &Inputs<'_>, max_byzantine: usize) -> Aggregate {
    let n = inputs.n();
    middle::aggregate(inputs, (n - 1) / 2, n / 2, max_byzantine)
}
