//! Rules that keep what is near: to one row (MoNNA, NNA) or to the origin (CGE).

use super::Weights;
use crate::geometry::Geometry;

/// The mean of the n - f points nearest to `own`, itself among them (Farhadkhani et al.: Robust
/// Collaborative Learning with Linear Gradient Overhead, ICML 2023, section 3: MoNNA; the same as
/// nearest neighbour averaging, NNA).
pub(crate) fn nearest_to(g: &Geometry, f: usize, own: usize) -> Weights {
    let scores: Vec<f64> = (0..g.n()).map(|i| g.squared(own, i)).collect();
    // Before any other point at distance zero.
    let key = |i: usize| if i == own { -1.0 } else { scores[i] };
    let chosen = g.least(g.n() - f, key);
    Weights::chosen(g.n(), &chosen, Some(scores))
}

/// The mean of the n - f points of least norm (Liu, Gupta, Vaidya: Approximate Byzantine
/// Fault-Tolerance in Distributed Optimization, PODC 2021, section 4: CGE).
pub(crate) fn smallest(g: &Geometry, f: usize) -> Weights {
    let scores: Vec<f64> = (0..g.n()).map(|i| g.squared(i, g.n())).collect();
    let chosen = g.least(g.n() - f, |i| scores[i]);
    Weights::chosen(g.n(), &chosen, Some(scores))
}
