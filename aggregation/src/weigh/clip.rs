//! Rules that shorten what is long: centered clipping, and the mean of clipped rows.

use super::Weights;
use crate::geometry::Geometry;

/// Centered clipping (Karimireddy, He, Jaggi: Learning from History, ICML 2021, algorithm 2):
/// v <- v + 1/n sum of (x_i - v) min(1, radius / |x_i - v|), `iters` times.
///
/// The last of the g.n() points may be the previous aggregate: `centre` says so. It starts there,
/// or else at the origin, and the centre is not one of the clipped points.
pub(crate) fn centered(g: &Geometry, centre: Option<usize>, radius: f64, iters: usize) -> Weights {
    let mut weights = vec![0.0; g.n()];
    if let Some(centre) = centre {
        weights[centre] = 1.0;
    }
    let clipped: Vec<usize> = (0..g.n()).filter(|&i| Some(i) != centre).collect();
    let share = 1.0 / clipped.len() as f64;
    for _ in 0..iters {
        let to = g.squared_to(&weights);
        let factors: Vec<f64> = clipped
            .iter()
            .map(|&i| share * factor(to[i], radius))
            .collect();
        let kept = 1.0 - factors.iter().sum::<f64>();
        for weight in &mut weights {
            *weight *= kept;
        }
        for (&i, factor) in clipped.iter().zip(factors) {
            weights[i] += factor;
        }
    }
    Weights {
        weights,
        scores: None,
    }
}

/// The mean of the rows, each scaled down to a norm of at most `radius`.
pub(crate) fn norm(g: &Geometry, radius: f64) -> Weights {
    let share = 1.0 / g.n() as f64;
    let squared = |i| g.squared(i, g.n());
    Weights {
        weights: (0..g.n())
            .map(|i| share * factor(squared(i), radius))
            .collect(),
        scores: Some((0..g.n()).map(|i| squared(i).sqrt()).collect()),
    }
}

/// min(1, radius / distance), 1 at distance 0.
pub(crate) fn factor(squared: f64, radius: f64) -> f64 {
    let distance = squared.sqrt();
    if distance <= radius {
        1.0
    } else {
        radius / distance
    }
}
