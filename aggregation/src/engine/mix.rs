//! Rows mixed on the way into a coordinate rule: Y = M X, sixteen columns at a time.

mod sums;

use super::ahead::Ahead;
use super::run::{self, Run};
use super::simd::{Lanes, Simd};
pub(super) use sums::Scratch;
use sums::Sums;

/// Rows that are loaded while a line of four rows is asked for.
const ROWS_A_FOUR: usize = 16;
/// The same where sums of rows are made of them, which takes longer.
const SUMMED_A_FOUR: usize = 8;

/// How the rows of the input become the rows that a coordinate rule sees.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mixer {
    /// As they are.
    Plain,
    /// Mixed row i is the sum of some rows, each with a factor of its own.
    Sums(Sums),
    /// Any weights: one list of n per mixed row.
    Dense(Vec<Vec<f32>>),
}

impl Mixer {
    /// Finds the cheapest form of M, given as mixed rows of n weights each.
    pub(crate) fn new(weights: &[Vec<f64>]) -> Self {
        let Some(scale) = common_scale(weights) else {
            let narrow = |row: &Vec<f64>| row.iter().map(|&w| w as f32).collect();
            return Self::Dense(weights.iter().map(narrow).collect());
        };
        Self::Sums(Sums::new(weights, scale))
    }

    /// How many rows come out for `n` rows in.
    pub(crate) fn rows_out(&self, n: usize) -> usize {
        match self {
            Self::Plain => n,
            Self::Sums(sums) => sums.rows_out(),
            Self::Dense(rows) => rows.len(),
        }
    }

    /// How often loading a vector of n rows asks for a line of four rows.
    pub(super) fn fours_asked_for(&self, n: usize) -> usize {
        match self {
            Self::Plain | Self::Dense(_) => n / ROWS_A_FOUR,
            Self::Sums(_) => n / SUMMED_A_FOUR,
        }
    }

    /// Loads vector `at` of each mixed row, as keys. Asks for lines of memory meanwhile, as many as
    /// [`Mixer::fours_asked_for`] says.
    #[inline(always)]
    pub(super) fn load<S: Simd>(
        &self,
        s: S,
        runs: &[&Run],
        at: usize,
        scratch: &mut Scratch,
        keys: &mut [Lanes<i32>],
        ahead: &mut Ahead<'_>,
    ) {
        match self {
            Self::Plain => {
                // Of more rows, asking early costs as much as it saves.
                if runs.len() <= ROWS_A_FOUR {
                    for (key, run) in keys.iter_mut().zip(runs) {
                        s.store_keys(run::load(s, run, at), &mut key.0);
                    }
                    ahead.advance(s, self.fours_asked_for(runs.len()));
                    return;
                }
                for (keys, runs) in keys.chunks_mut(ROWS_A_FOUR).zip(runs.chunks(ROWS_A_FOUR)) {
                    for (key, run) in keys.iter_mut().zip(runs) {
                        s.store_keys(s.load(&run[at]), &mut key.0);
                    }
                    if runs.len() == ROWS_A_FOUR {
                        ahead.next(s);
                    }
                }
            }
            Self::Sums(sums) => sums.load(s, runs, at, scratch, keys, ahead),
            Self::Dense(weights) => {
                for (key, weights) in keys.iter_mut().zip(weights) {
                    let mut sum = s.splat(-0.0);
                    for (run, &weight) in runs.iter().zip(weights) {
                        if weight != 0.0 {
                            sum = s.mul_add(s.splat(weight), s.load(&run[at]), sum);
                        }
                    }
                    s.store_keys(s.finite(sum), &mut key.0);
                }
                ahead.advance(s, self.fours_asked_for(runs.len()));
            }
        }
    }

    /// One column, one value at a time, for more rows than the networks take.
    pub(super) fn column(&self, column: &[f32]) -> Vec<f32> {
        // As `Floats::finite`: NaN is the sum of infinities.
        let finite = |x: f32| {
            if x.is_nan() {
                f32::MAX
            } else {
                x.clamp(f32::MIN, f32::MAX)
            }
        };
        match self {
            Self::Plain => column.to_vec(),
            Self::Sums(sums) => sums.column(column).into_iter().map(finite).collect(),
            Self::Dense(weights) => {
                let row = |weights: &Vec<f32>| {
                    let terms = weights.iter().zip(column).filter(|(w, _)| **w != 0.0);
                    finite(terms.fold(-0.0, |sum: f32, (w, x)| w.mul_add(*x, sum)))
                };
                weights.iter().map(row).collect()
            }
        }
    }
}

/// The factor of each row, if it is the same in every mixed row that contains it.
fn common_scale(weights: &[Vec<f64>]) -> Option<Vec<f64>> {
    let n = weights.first().map_or(0, Vec::len);
    let mut scale = vec![0.0; n];
    for row in weights {
        for (scale, &weight) in scale.iter_mut().zip(row) {
            if weight != 0.0 {
                if *scale != 0.0 && *scale != weight {
                    return None;
                }
                *scale = weight;
            }
        }
    }
    Some(scale)
}
