//! The geometric median: the point with the least sum of distances to the rows.

use super::Weights;
use crate::geometry::Geometry;

/// Where an iteration begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At zero.
    Origin,
    /// At the mean of the rows.
    Mean,
}

/// Iterations of the exact form. Each costs n^2; the tolerance ends nearly every run long before.
const MOST_ITERATIONS: usize = 10_000;

/// Smoothed Weiszfeld (Pillutla, Kakade, Harchaoui: Robust Aggregation for Federated Learning, IEEE
/// TSP 2022, algorithm 2): z <- sum of b_i x_i / sum of b_i, b_i = 1 / max(nu, |z - x_i|), `iters`
/// times. No distance is divided by less than `nu`, so a row of any length is harmless.
pub(crate) fn smoothed(g: &Geometry, nu: f64, iters: usize, start: Start) -> Weights {
    let n = g.n();
    let mut weights = match start {
        Start::Origin => vec![0.0; n],
        Start::Mean => vec![1.0 / n as f64; n],
    };
    for _ in 0..iters {
        let to = g.squared_to(&weights);
        weights = normalised((0..n).map(|i| 1.0 / to[i].sqrt().max(nu)).collect());
    }
    Weights {
        weights,
        scores: None,
    }
}

/// Weiszfeld with the step of Vardi and Zhang (PNAS 2000) where the iterate meets a row, from the
/// row of least total distance, until the iterate moves by less than `tolerance` times the median
/// distance of the rows from it.
pub(crate) fn exact(g: &Geometry, tolerance: f64) -> Weights {
    let n = g.n();
    let total = |i: usize| (0..n).map(|j| g.squared(i, j).sqrt()).sum::<f64>();
    let start = g.least(1, total)[0];
    let mut weights = vec![0.0; n];
    weights[start] = 1.0;
    for _ in 0..MOST_ITERATIONS {
        let distances: Vec<f64> = g.squared_to(&weights)[..n]
            .iter()
            .map(|d| d.sqrt())
            .collect();
        let mut sorted = distances.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        // Not the mean: one row of 1e30 would make it the scale of everything.
        let scale = sorted[(n - 1) / 2];
        if scale == 0.0 {
            break;
        }
        // Rounding keeps the iterate from meeting a row exactly.
        let met = |i: usize| distances[i] <= 1e-12 * scale;
        let pull: Vec<f64> = (0..n)
            .map(|i| if met(i) { 0.0 } else { 1.0 / distances[i] })
            .collect();
        let sum: f64 = pull.iter().sum();
        let target: Vec<f64> = pull.iter().map(|p| p / sum).collect();
        let step = |to: &[f64]| g.between(&weights, to).sqrt();
        // The resultant of the unit vectors towards the other rows, against the rows that are met.
        let resultant = sum * step(&target);
        let n_met = (0..n).filter(|&i| met(i)).count() as f64;
        if resultant <= n_met {
            break;
        }
        let keep = n_met / resultant;
        let next: Vec<f64> = weights
            .iter()
            .zip(&target)
            .map(|(w, t)| keep * w + (1.0 - keep) * t)
            .collect();
        let moved = step(&next);
        weights = next;
        if moved <= tolerance * scale {
            break;
        }
    }
    Weights {
        weights,
        scores: None,
    }
}

/// The same proportions, adding up to 1.
pub(crate) fn normalised(weights: Vec<f64>) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}
