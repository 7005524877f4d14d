//! What liars compute from the honest rows: moments, directions, and how far they may go.

use super::along::Along;
use crate::input::Inputs;
use crate::spectrum::top;

/// Mean and deviation of each coordinate.
pub(super) struct Moments {
    pub(super) mean: Vec<f64>,
    /// With n - 1; 0 for a single row.
    pub(super) deviation: Vec<f64>,
}

impl Moments {
    pub(super) fn of(honest: &Inputs<'_>) -> Self {
        let n = honest.n() as f64;
        let column = |c: usize| honest.rows().iter().map(move |row| f64::from(row[c]));
        let mean: Vec<f64> = (0..honest.dimension())
            .map(|c| column(c).sum::<f64>() / n)
            .collect();
        let spread = |c: usize| column(c).map(|x| (x - mean[c]).powi(2)).sum::<f64>();
        let deviation = (0..honest.dimension())
            .map(|c| (spread(c) / (n - 1.0).max(1.0)).sqrt())
            .collect();
        Self { mean, deviation }
    }

    pub(super) fn direction(&self, along: Along) -> Vec<f64> {
        match along {
            Along::Unit => {
                let norm = dot(&self.mean, &self.mean).sqrt().max(f64::MIN_POSITIVE);
                self.mean.iter().map(|m| -m / norm).collect()
            }
            Along::Deviation => self.deviation.iter().map(|s| -s).collect(),
            Along::Sign => self.mean.iter().map(|&m| -sign(m)).collect(),
        }
    }

    /// The largest gamma with every honest row no farther from mu + gamma p than the honest diameter.
    pub(super) fn min_max(&self, honest: &Inputs<'_>, p: &[f64]) -> f64 {
        let pairs = honest
            .rows()
            .iter()
            .flat_map(|a| honest.rows().iter().map(move |b| squared(a, b)));
        let limit = pairs.fold(0.0, f64::max);
        let gammas = honest.rows().iter().map(|row| {
            let (along, away) = self.seen_from(row, p);
            root(dot(p, p), 2.0 * along, away - limit)
        });
        gammas.fold(f64::INFINITY, f64::min)
    }

    /// The largest gamma with a sum of squared distances that an honest row has, too.
    pub(super) fn min_sum(&self, honest: &Inputs<'_>, p: &[f64]) -> f64 {
        let sum = |a: &&[f32]| honest.rows().iter().map(|b| squared(a, b)).sum::<f64>();
        let limit = honest.rows().iter().map(sum).fold(0.0, f64::max);
        let seen = honest.rows().iter().map(|row| self.seen_from(row, p));
        let (along, away) = seen.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        root(honest.n() as f64 * dot(p, p), 2.0 * along, away - limit)
    }

    /// The part of mu - row along p, and its squared length.
    fn seen_from(&self, row: &[f32], p: &[f64]) -> (f64, f64) {
        let pairs = self.mean.iter().zip(row).map(|(m, x)| m - f64::from(*x));
        pairs.zip(p).fold((0.0, 0.0), |(along, away), (d, p)| {
            (along + d * p, away + d * d)
        })
    }

    /// The honest row farthest along the direction of the largest honest variance.
    pub(super) fn farthest_along_spread(&self, honest: &Inputs<'_>) -> usize {
        let n = honest.n();
        let centred = |i: usize, c: usize| f64::from(honest.rows()[i][c]) - self.mean[c];
        let product = |i: usize, j: usize| -> f64 {
            (0..honest.dimension())
                .map(|c| centred(i, c) * centred(j, c))
                .sum()
        };
        // The direction is sum of a_i (h_i - mu): row i lies at (K a)_i along it, up to a factor.
        let along = top(n, product, None, f64::INFINITY).vector;
        let farthest = (0..n).max_by(|&i, &j| along[i].total_cmp(&along[j]).then(j.cmp(&i)));
        farthest.unwrap_or(0)
    }

    /// A length that reaches well beyond the honest rows in every coordinate.
    pub(super) fn reach(&self, honest: &Inputs<'_>) -> f64 {
        let largest = |row: &&[f32]| row.iter().fold(0.0, |m: f64, x| m.max(f64::from(x.abs())));
        honest.rows().iter().map(largest).fold(0.0, f64::max)
    }

    /// Twice as far as, or half of, the extreme honest value on the side away from mu's sign.
    pub(super) fn beyond(&self, honest: &Inputs<'_>) -> Vec<f64> {
        let value = |c: usize| {
            let column = honest.rows().iter().map(|row| f64::from(row[c]));
            if self.mean[c] > 0.0 {
                let least = column.fold(f64::INFINITY, f64::min);
                if least > 0.0 {
                    least / 2.0
                } else {
                    least * 2.0
                }
            } else {
                let most = column.fold(f64::NEG_INFINITY, f64::max);
                if most > 0.0 { most * 2.0 } else { most / 2.0 }
            }
        };
        (0..honest.dimension()).map(value).collect()
    }
}

fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn squared(a: &[f32], b: &[f32]) -> f64 {
    let pairs = a.iter().zip(b);
    pairs
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
        .sum()
}

/// The larger root of a x^2 + b x + c; 0 if there is none.
fn root(a: f64, b: f64, c: f64) -> f64 {
    let discriminant = b * b - 4.0 * a * c;
    if a <= 0.0 || discriminant < 0.0 {
        return 0.0;
    }
    ((discriminant.sqrt() - b) / (2.0 * a)).max(0.0)
}
