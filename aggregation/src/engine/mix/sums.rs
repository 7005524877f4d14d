//! Mixed rows that are sums of scaled rows, as neighbour mixing and bucketing make them.
//!
//! Only additions: a sum of all rows minus those that are not wanted would be cheaper, and one row
//! of 1e30 would destroy it. Mixed rows with the same members are made once.

mod entries;

use crate::engine::ahead::Ahead;
use crate::engine::column::MOST_ROWS;
use crate::engine::run::Run;
use crate::engine::simd::{Lanes, Simd};
use entries::{EMPTY, Entries, Scaled, Tables};

/// Sums of scaled rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sums {
    /// The factor of each row.
    scale: Vec<f32>,
    /// Each sum that occurs.
    distinct: Distinct,
    /// How many mixed rows are the same sum, for each. They stand side by side: what reads them sorts them anyway.
    times: Vec<usize>,
}

/// Sums that occur.
#[derive(Clone, Debug, PartialEq)]
enum Distinct {
    /// Of few enough rows for the kernels.
    Entries(Entries),
    /// The members of each.
    Wide(Vec<Vec<usize>>),
}

impl Distinct {
    fn new(members: Vec<Vec<usize>>, n: usize) -> Self {
        if n > MOST_ROWS {
            Self::Wide(members)
        } else {
            Self::Entries(Entries::new(&members, n))
        }
    }
}

/// Room for the tables of sixteen columns.
pub(in crate::engine) struct Scratch {
    tables: Tables,
}

impl Scratch {
    pub(in crate::engine) fn new() -> Self {
        Self { tables: EMPTY }
    }
}

impl Sums {
    /// Finds the cheapest form of M, whose weights in column j are 0 or `scale[j]`.
    pub(super) fn new(weights: &[Vec<f64>], scale: Vec<f64>) -> Self {
        let mut members: Vec<Vec<usize>> = Vec::new();
        let mut times: Vec<usize> = Vec::new();
        for row in weights {
            let set: Vec<usize> = (0..row.len()).filter(|&j| row[j] != 0.0).collect();
            if let Some(known) = members.iter().position(|m| *m == set) {
                times[known] += 1;
            } else {
                members.push(set);
                times.push(1);
            }
        }
        Self {
            distinct: Distinct::new(members, scale.len()),
            scale: scale.into_iter().map(|w| w as f32).collect(),
            times,
        }
    }

    pub(super) fn rows_out(&self) -> usize {
        self.times.iter().sum()
    }

    /// Loads vector `at` of each mixed row, as keys, equal ones side by side.
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
        if let Distinct::Entries(entries) = &self.distinct {
            let rows = Scaled {
                runs,
                at,
                scale: &self.scale,
            };
            entries.load(s, rows, &self.times, keys, &mut scratch.tables, ahead);
        }
    }

    /// One column, by the same additions.
    pub(super) fn column(&self, column: &[f32]) -> Vec<f32> {
        let x: Vec<f32> = column.iter().zip(&self.scale).map(|(x, s)| x * s).collect();
        let sums = match &self.distinct {
            Distinct::Wide(lists) => {
                let sum = |members: &Vec<usize>| in_chains(members.iter().map(|&j| x[j]));
                lists.iter().map(sum).collect()
            }
            Distinct::Entries(entries) => entries.column(&x),
        };
        let rows = sums.into_iter().zip(&self.times);
        rows.flat_map(|(sum, &times)| std::iter::repeat_n(sum, times))
            .collect()
    }
}

/// Four chains by place modulo 4, as the kernels have them.
fn in_chains(terms: impl Iterator<Item = f32>) -> f32 {
    let mut chains = [-0.0; 4];
    for (place, x) in terms.enumerate() {
        chains[place % 4] += x;
    }
    (chains[0] + chains[1]) + (chains[2] + chains[3])
}
