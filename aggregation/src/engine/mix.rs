//! Rows mixed on the way into a coordinate rule: Y = M X, sixteen columns at a time.
//!
//! Only additions: a sum of all rows minus those that are not wanted would be cheaper, and one row
//! of 1e30 would destroy it. What most mixed rows have in common is added up once, and mixed rows
//! with the same members are made once.

use std::ops::Range;

use super::column::MOST_ROWS;
use super::padded;
use super::simd::{LANES, Lanes, Simd};

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

/// Sums of scaled rows that share a core.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sums {
    /// The factor of each row.
    scale: Vec<f32>,
    /// Rows that most sums contain.
    core: Vec<usize>,
    /// Each sum that occurs: whether it starts from the core, and what is added.
    sums: Vec<(bool, Vec<usize>)>,
    /// For each mixed row, its sum.
    of_row: Vec<usize>,
}

impl Mixer {
    /// Finds the cheapest form of M, given as mixed rows of n weights each.
    pub(crate) fn new(weights: &[Vec<f64>]) -> Self {
        let Some(scale) = common_scale(weights) else {
            let narrow = |row: &Vec<f64>| row.iter().map(|&w| w as f32).collect();
            return Self::Dense(weights.iter().map(narrow).collect());
        };
        let mut members: Vec<Vec<usize>> = Vec::new();
        let mut of_row = Vec::new();
        for row in weights {
            let set: Vec<usize> = (0..row.len()).filter(|&j| row[j] != 0.0).collect();
            of_row.push(members.iter().position(|m| *m == set).unwrap_or_else(|| {
                members.push(set);
                members.len() - 1
            }));
        }
        let core = best_core(&members, scale.len());
        let sums = members.into_iter().map(|set| {
            let has_core = !core.is_empty() && core.iter().all(|j| set.contains(j));
            let rest = set.into_iter().filter(|j| !has_core || !core.contains(j));
            (has_core, rest.collect())
        });
        Self::Sums(Sums {
            sums: sums.collect(),
            scale: scale.into_iter().map(|w| w as f32).collect(),
            core,
            of_row,
        })
    }

    /// How many rows come out for `n` rows in.
    pub(crate) fn rows_out(&self, n: usize) -> usize {
        match self {
            Self::Plain => n,
            Self::Sums(sums) => sums.of_row.len(),
            Self::Dense(rows) => rows.len(),
        }
    }

    /// Loads up to sixteen columns of each mixed row, as keys.
    #[inline(always)]
    pub(super) fn load<S: Simd>(
        &self,
        s: S,
        rows: &[&[f32]],
        columns: Range<usize>,
        scratch: &mut Scratch,
        keys: &mut [Lanes<i32>],
    ) {
        match self {
            Self::Plain => {
                if columns.len() == LANES {
                    for (key, row) in keys.iter_mut().zip(rows) {
                        s.store_i(s.key(whole(s, row, columns.start)), &mut key.0);
                    }
                } else {
                    for (key, row) in keys.iter_mut().zip(rows) {
                        s.store_i(s.key(s.load(&padded(&row[columns.clone()]))), &mut key.0);
                    }
                }
            }
            Self::Sums(sums) => sums.load(s, rows, columns, scratch, keys),
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
                    s.store_i(s.key(s.finite(sum)), &mut key.0);
                }
            }
        }
    }

    /// One column, one value at a time, for more rows than the networks take.
    pub(super) fn column(&self, column: &[f32]) -> Vec<f32> {
        let clamp = |x: f32| x.clamp(f32::MIN, f32::MAX);
        match self {
            Self::Plain => column.to_vec(),
            Self::Sums(sums) => {
                let x: Vec<f32> = column.iter().zip(&sums.scale).map(|(x, s)| x * s).collect();
                let add = |start: f32, members: &[usize]| {
                    let mut sums = [start, -0.0, -0.0, -0.0];
                    for (place, &j) in members.iter().enumerate() {
                        sums[place % 4] += x[j];
                    }
                    (sums[0] + sums[1]) + (sums[2] + sums[3])
                };
                let core = add(-0.0, &sums.core);
                let row = |&of: &usize| {
                    let (has_core, rest) = &sums.sums[of];
                    clamp(add(if *has_core { core } else { -0.0 }, rest))
                };
                sums.of_row.iter().map(row).collect()
            }
            Self::Dense(weights) => {
                let row = |weights: &Vec<f32>| {
                    let terms = weights.iter().zip(column).filter(|(w, _)| **w != 0.0);
                    clamp(terms.fold(-0.0, |sum: f32, (w, x)| w.mul_add(*x, sum)))
                };
                weights.iter().map(row).collect()
            }
        }
    }
}

/// Room for the rows and the sums of sixteen columns.
pub(super) struct Scratch {
    rows: [Lanes<f32>; MOST_ROWS],
    sums: [Lanes<i32>; MOST_ROWS],
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self {
            rows: [Lanes([0.0; LANES]); MOST_ROWS],
            sums: [Lanes([0; LANES]); MOST_ROWS],
        }
    }
}

impl Sums {
    #[inline(always)]
    fn load<S: Simd>(
        &self,
        s: S,
        rows: &[&[f32]],
        columns: Range<usize>,
        scratch: &mut Scratch,
        keys: &mut [Lanes<i32>],
    ) {
        for ((x, row), &scale) in scratch.rows.iter_mut().zip(rows).zip(&self.scale) {
            s.store(
                s.mul(part(s, row, columns.clone()), s.splat(scale)),
                &mut x.0,
            );
        }
        let core = sum(s, s.splat(-0.0), &self.core, &scratch.rows);
        for (slot, (has_core, rest)) in scratch.sums.iter_mut().zip(&self.sums) {
            let start = if *has_core { core } else { s.splat(-0.0) };
            let sum = sum(s, start, rest, &scratch.rows);
            s.store_i(s.key(s.finite(sum)), &mut slot.0);
        }
        for (key, &of) in keys.iter_mut().zip(&self.of_row) {
            *key = scratch.sums[of];
        }
    }
}

/// Adds rows to `start`, in four chains by place modulo 4, so that no addition waits for another.
#[inline(always)]
fn sum<S: Simd>(s: S, start: S::F, members: &[usize], rows: &[Lanes<f32>; MOST_ROWS]) -> S::F {
    let mut sums = [start, s.splat(-0.0), s.splat(-0.0), s.splat(-0.0)];
    let (fours, rest) = members.as_chunks::<4>();
    for four in fours {
        for chain in 0..4 {
            sums[chain] = s.add(sums[chain], s.load(&rows[four[chain] % MOST_ROWS].0));
        }
    }
    for (sum, &j) in sums.iter_mut().zip(rest) {
        *sum = s.add(*sum, s.load(&rows[j % MOST_ROWS].0));
    }
    s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3]))
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

/// The set of rows whose sum, made once, saves the most additions. Rows by falling frequency, cut
/// off at each length in turn.
fn best_core(members: &[Vec<usize>], n: usize) -> Vec<usize> {
    let count = |j: usize| members.iter().filter(|set| set.contains(&j)).count();
    let counts: Vec<usize> = (0..n).map(count).collect();
    let mut by_count: Vec<usize> = (0..n).collect();
    by_count.sort_by_key(|&j| (std::cmp::Reverse(counts[j]), j));
    let saved = |length: usize| {
        let core = &by_count[..length];
        let users = members
            .iter()
            .filter(|set| core.iter().all(|j| set.contains(j)));
        length * users.count().saturating_sub(1)
    };
    let best = (2..=n).max_by_key(|&length| (saved(length), n - length));
    let mut core = match best {
        Some(length) if saved(length) > 0 => by_count[..length].to_vec(),
        Some(_) | None => Vec::new(),
    };
    core.sort_unstable();
    core
}
