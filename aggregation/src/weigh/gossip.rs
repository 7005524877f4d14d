//! Rules for a node that sees only its neighbours: it moves its own row towards theirs.
//!
//! Every row, its own included, has the weight 1/n; up to f of the others lie.

use super::Weights;
use super::clip::factor;
use crate::geometry::Geometry;

/// The own row plus 1/n of each clipped difference to the others (He, Karimireddy, Jaggi:
/// Byzantine-Robust Decentralized Learning via ClippedGossip, 2022, section 4).
pub(crate) fn clipped(g: &Geometry, own: usize, radius: f64) -> Weights {
    let n = g.n();
    let mut weights: Vec<f64> = (0..n)
        .map(|i| factor(g.squared(own, i), radius) / n as f64)
        .collect();
    weights[own] = 0.0;
    weights[own] = 1.0 - weights.iter().sum::<f64>();
    Weights {
        weights,
        scores: Some((0..n).map(|i| g.squared(own, i)).collect()),
    }
}

/// The adaptive radius of ClippedGossip for f liars, as Gaucher et al. compute it: its square is the
/// sum of the squared distances of the n - f - 2 nearest others, over f. No liar, no clipping.
pub(crate) fn radius_he(g: &Geometry, own: usize, f: usize) -> f64 {
    if f == 0 {
        return f64::INFINITY;
    }
    let distances = ascending(g, own);
    (distances[..(g.n() - f).saturating_sub(1)]
        .iter()
        .sum::<f64>()
        / f as f64)
        .sqrt()
}

/// The radius of CS+ (Gaucher, Dieuleveut, Hendrikx: Unified Breakdown Analysis for Byzantine Robust
/// Gossip, ICML 2025, section 4): the 2f farthest are clipped to the distance of the next.
pub(crate) fn radius_cs_plus(g: &Geometry, own: usize, f: usize) -> f64 {
    let distances = ascending(g, own);
    distances[(g.n() - 2 * f).max(1) - 1].sqrt()
}

/// GTS, geometric trimmed sum (ibid.): the f farthest count as the own row.
pub(crate) fn trimmed_sum(g: &Geometry, own: usize, f: usize) -> Weights {
    let n = g.n();
    let near = super::nearest::nearest_to(g, f, own);
    let mut weights: Vec<f64> = near
        .weights
        .iter()
        .map(|w| if *w > 0.0 { 1.0 / n as f64 } else { 0.0 })
        .collect();
    weights[own] += f as f64 / n as f64;
    Weights {
        weights,
        scores: near.scores,
    }
}

/// IOS, iterative outlier scissor (Wu, Chen, Ling: Byzantine-Resilient Decentralized Stochastic
/// Optimization With Robust Aggregation Rules, IEEE TSP 2023): f times, the row farthest from the
/// mean of those left is left out; never the own one.
pub(crate) fn scissor(g: &Geometry, own: usize, f: usize) -> Weights {
    let mut left: Vec<usize> = (0..g.n()).collect();
    for _ in 0..f {
        let mean = Weights::chosen(g.n(), &left, None).weights;
        let to = g.squared_to(&mean);
        let others = left.iter().filter(|&&i| i != own);
        // Of several, the one with the highest rank.
        let farthest = others.max_by(|&&a, &&b| {
            let by_distance = to[a].total_cmp(&to[b]);
            by_distance.then(g.rank(a).cmp(&g.rank(b)))
        });
        if let Some(&farthest) = farthest {
            left.retain(|&i| i != farthest);
        }
    }
    Weights::chosen(g.n(), &left, None)
}

/// Squared distances from the own row, its own zero first.
fn ascending(g: &Geometry, own: usize) -> Vec<f64> {
    let mut all: Vec<f64> = (0..g.n()).map(|i| g.squared(own, i)).collect();
    all.sort_unstable_by(f64::total_cmp);
    all
}
