//! Coordinate-wise trimmed mean (Yin et al. 2018, <https://arxiv.org/abs/1803.01498>).

use crate::input::Inputs;
use crate::middle;
use crate::report::Aggregate;

/// Mean of each column without its f smallest and its f largest values. Needs n >= 2f + 1.
pub(crate) fn aggregate(inputs: &Inputs<'_>, max_byzantine: usize) -> Aggregate {
    let last = inputs.n() - 1 - max_byzantine;
    middle::aggregate(inputs, max_byzantine, last, max_byzantine)
}
