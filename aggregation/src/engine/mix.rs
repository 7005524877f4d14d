//! Rows mixed on the way into a coordinate rule: Y = M X, sixteen columns at a time.

mod sums;

use std::ops::Range;

use super::ahead::Ahead;
use super::padded;
use super::simd::{LANES, Lanes, Simd};
pub(super) use sums::Scratch;
use sums::Sums;

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

    /// Loads up to sixteen columns of each mixed row, as keys. Says how many lines of memory it asked
    /// for meanwhile, at most one for each row.
    #[inline(always)]
    pub(super) fn load<S: Simd>(
        &self,
        s: S,
        rows: &[&[f32]],
        columns: Range<usize>,
        scratch: &mut Scratch,
        keys: &mut [Lanes<i32>],
        ahead: &mut Ahead<'_>,
    ) -> usize {
        match self {
            Self::Plain => {
                if columns.len() == LANES {
                    for (i, (key, row)) in keys.iter_mut().zip(rows).enumerate() {
                        if i % 4 == 3 {
                            ahead.next(s);
                        }
                        s.store_keys(whole(s, row, columns.start), &mut key.0);
                    }
                    return rows.len() / 4;
                }
                for (key, row) in keys.iter_mut().zip(rows) {
                    s.store_keys(s.load(&padded(&row[columns.clone()])), &mut key.0);
                }
                0
            }
            Self::Sums(sums) => sums.load(s, rows, columns, scratch, keys, ahead),
            Self::Dense(weights) => {
                for (x, row) in scratch.rows.iter_mut().zip(rows) {
                    s.store(part(s, row, columns.clone()), &mut x.0);
                }
                for (key, weights) in keys.iter_mut().zip(weights) {
                    let mut sum = s.splat(-0.0);
                    for (x, &weight) in scratch.rows.iter().zip(weights) {
                        if weight != 0.0 {
                            sum = s.mul_add(s.splat(weight), s.load(&x.0), sum);
                        }
                    }
                    s.store_keys(s.finite(sum), &mut key.0);
                }
                0
            }
        }
    }

    /// One column, one value at a time, for more rows than the networks take.
    pub(super) fn column(&self, column: &[f32]) -> Vec<f32> {
        // As `Simd::finite`: NaN is the sum of infinities.
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

#[inline(always)]
fn whole<S: Simd>(s: S, row: &[f32], at: usize) -> S::F {
    match row[at..].first_chunk::<LANES>() {
        Some(x) => s.load(x),
        None => s.load(&padded(&row[at..])),
    }
}

#[inline(always)]
fn part<S: Simd>(s: S, row: &[f32], columns: Range<usize>) -> S::F {
    if columns.len() == LANES {
        whole(s, row, columns.start)
    } else {
        s.load(&padded(&row[columns]))
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
