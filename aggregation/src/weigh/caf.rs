//! CAF, covariance-bound agnostic filter (Allouah, Guerraoui, Stephan: Towards Trustworthy Federated
//! Learning with Untrusted Participants, ICML 2025, algorithm 2), exactly and in row space.

use super::Weights;
use super::median::normalised;
use crate::geometry::Geometry;
use crate::spectrum::{Top, top};

/// Every point starts with weight 1. While the weights add up to more than n - 2f: find the
/// direction of largest variance, and lower each weight in proportion to the point's squared
/// deviation along it. The mean with the least variance seen wins.
///
/// The largest deviation is taken over points that still have a weight, so each iteration removes
/// one point at least, and there are at most n. (Taken over all points, as elsewhere, one removed
/// row of 1e30 stops the weights from falling, for ever.)
pub(crate) fn caf(g: &Geometry, f: usize) -> Weights {
    let n = g.n();
    let mut weights = vec![1.0; n];
    let mut best = (f64::INFINITY, weights.clone());
    let mut start = None;
    for _ in 0..n {
        let total: f64 = weights.iter().sum();
        if total <= (n - 2 * f) as f64 {
            break;
        }
        let share = normalised(weights.clone());
        let centred = centred(g, &share);
        let root: Vec<f64> = share.iter().map(|w| w.sqrt()).collect();
        let scaled = |i: usize, j: usize| root[i] * centred[i * n + j] * root[j];
        let Top { value, vector } = top(n, scaled, start.take(), f64::INFINITY);
        if value < best.0 {
            best = (value, weights.clone());
        }
        let along: Vec<f64> = (0..n)
            .map(|i| {
                let row = &centred[i * n..][..n];
                let terms = row.iter().zip(&vector).zip(&root);
                terms.map(|((k, v), r)| k * v * r).sum::<f64>().powi(2)
            })
            .collect();
        let weighted = (0..n).filter(|&i| weights[i] > 0.0);
        let most = weighted.map(|i| along[i]).fold(0.0, f64::max);
        if most == 0.0 {
            break;
        }
        for (weight, along) in weights.iter_mut().zip(&along) {
            // 0 for the farthest of those that count; never below.
            *weight *= (1.0 - along / most).max(0.0);
        }
        start = Some(vector);
    }
    Weights {
        weights: normalised(best.1),
        scores: None,
    }
}

/// The scalar products of the points around their weighted mean.
fn centred(g: &Geometry, share: &[f64]) -> Vec<f64> {
    let n = g.n();
    let mean_of = |i: usize| (0..n).map(|j| share[j] * g.squared(i, j)).sum::<f64>();
    let to_mean: Vec<f64> = (0..n).map(mean_of).collect();
    let spread: f64 = share.iter().zip(&to_mean).map(|(w, r)| w * r).sum();
    let mut out = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            out[i * n + j] = (to_mean[i] + to_mean[j] - spread - g.squared(i, j)) / 2.0;
        }
    }
    out
}
