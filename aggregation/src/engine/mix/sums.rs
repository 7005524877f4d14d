//! Mixed rows that are sums of scaled rows, as neighbour mixing and bucketing make them.
//!
//! Only additions: a sum of all rows minus those that are not wanted would be cheaper, and one row
//! of 1e30 would destroy it. Mixed rows with the same members are made once. Where many differ, the
//! sums of all subsets of four rows are tabled first, and each mixed row adds one entry per four
//! rows (the method of the four Russians: Arlazarov et al. 1970).

use std::ops::Range;

use super::part;
use crate::engine::ahead::Ahead;
use crate::engine::column::MOST_ROWS;
use crate::engine::simd::{LANES, Lanes, Simd};

/// Sums of scaled rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sums {
    /// The factor of each row.
    scale: Vec<f32>,
    /// Each sum that occurs.
    distinct: Distinct,
    /// For each mixed row, its sum.
    of_row: Vec<usize>,
}

/// Sums that occur, in the form that costs fewer additions.
#[derive(Clone, Debug, PartialEq)]
enum Distinct {
    /// The members of each.
    Listed(Vec<Vec<usize>>),
    /// For each, which members it has of each four rows.
    Tabled(Vec<Vec<Subset>>),
}

/// Some of four rows: bit k stands for the k-th one.
type Subset = u8;
/// Rows to a table.
const FOUR: usize = 4;
/// Entries of a table.
const SUBSETS: usize = 1 << FOUR;
/// Additions that fill a table: one for each subset of two rows or more.
const FILLING: usize = SUBSETS - FOUR - 1;

impl Distinct {
    fn new(members: Vec<Vec<usize>>, n: usize) -> Self {
        let tables = n.div_ceil(FOUR);
        let additions: usize = members.iter().map(Vec::len).sum();
        if n > MOST_ROWS || additions <= tables * (FILLING + members.len()) {
            return Self::Listed(members);
        }
        let subsets = |set: &Vec<usize>| {
            let mut subsets = vec![0; tables];
            for &j in set {
                subsets[j / FOUR] |= 1 << (j % FOUR);
            }
            subsets
        };
        Self::Tabled(members.iter().map(subsets).collect())
    }
}

/// Room for the rows, the tables and the sums of sixteen columns.
pub(in crate::engine) struct Scratch {
    pub(super) rows: [Lanes<f32>; MOST_ROWS],
    tables: Tables,
    sums: [Lanes<i32>; MOST_ROWS],
}

/// The sum of each subset of four rows.
type Table = [Lanes<f32>; SUBSETS];
type Tables = [Table; MOST_ROWS / FOUR];

impl Scratch {
    pub(in crate::engine) fn new() -> Self {
        Self {
            rows: [Lanes([-0.0; LANES]); MOST_ROWS],
            tables: [[Lanes([-0.0; LANES]); SUBSETS]; MOST_ROWS / FOUR],
            sums: [Lanes([0; LANES]); MOST_ROWS],
        }
    }
}

impl Sums {
    /// Finds the cheapest form of M, whose weights in column j are 0 or `scale[j]`.
    pub(super) fn new(weights: &[Vec<f64>], scale: Vec<f64>) -> Self {
        let mut members: Vec<Vec<usize>> = Vec::new();
        let mut of_row = Vec::new();
        for row in weights {
            let set: Vec<usize> = (0..row.len()).filter(|&j| row[j] != 0.0).collect();
            of_row.push(members.iter().position(|m| *m == set).unwrap_or_else(|| {
                members.push(set);
                members.len() - 1
            }));
        }
        Self {
            distinct: Distinct::new(members, scale.len()),
            scale: scale.into_iter().map(|w| w as f32).collect(),
            of_row,
        }
    }

    pub(super) fn rows_out(&self) -> usize {
        self.of_row.len()
    }

    /// Loads up to sixteen columns of each mixed row, as keys. Says how many lines of memory it asked
    /// for meanwhile.
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
        let mut lines = 0;
        let mut now_and_then = |i: usize| {
            if i % 4 == 3 {
                ahead.next(s);
                lines += 1;
            }
        };
        let scaled = scratch.rows.iter_mut().zip(rows).zip(&self.scale);
        for (i, ((x, row), &scale)) in scaled.enumerate() {
            now_and_then(i);
            let scaled = s.mul(part(s, row, columns.clone()), s.splat(scale));
            s.store(scaled, &mut x.0);
        }
        let Scratch { rows, tables, sums } = scratch;
        match &self.distinct {
            Distinct::Listed(lists) => {
                for (i, (slot, members)) in sums.iter_mut().zip(lists).enumerate() {
                    now_and_then(i);
                    let sum = sum_of_rows(s, members, rows);
                    s.store_key(s.key(s.finite(sum)), &mut slot.0);
                }
            }
            Distinct::Tabled(lists) => {
                let fours = rows.as_chunks::<FOUR>().0;
                let used = self.scale.len().div_ceil(FOUR);
                for (table, rows) in tables[..used].iter_mut().zip(fours) {
                    fill(s, rows, table);
                }
                for (i, (slot, subsets)) in sums.iter_mut().zip(lists).enumerate() {
                    now_and_then(i);
                    let sum = sum_of_entries(s, subsets, tables);
                    s.store_key(s.key(s.finite(sum)), &mut slot.0);
                }
            }
        }
        for (key, &of) in keys.iter_mut().zip(&self.of_row) {
            *key = sums[of];
        }
        lines
    }

    /// One column, by the same additions.
    pub(super) fn column(&self, column: &[f32]) -> Vec<f32> {
        let x: Vec<f32> = column.iter().zip(&self.scale).map(|(x, s)| x * s).collect();
        let total = |terms: &mut dyn Iterator<Item = f32>| {
            let mut chains = [-0.0; 4];
            for (place, x) in terms.enumerate() {
                chains[place % 4] += x;
            }
            (chains[0] + chains[1]) + (chains[2] + chains[3])
        };
        let entry = |(four, subset): (&[f32], &Subset)| {
            let members = four.iter().enumerate();
            let members = members.filter(|(k, _)| subset >> k & 1 == 1);
            members.fold(-0.0, |sum, (_, x)| sum + x)
        };
        let sums: Vec<f32> = match &self.distinct {
            Distinct::Listed(sums) => {
                let sum = |members: &Vec<usize>| total(&mut members.iter().map(|&j| x[j]));
                sums.iter().map(sum).collect()
            }
            Distinct::Tabled(sums) => {
                let sum =
                    |subsets: &Vec<Subset>| total(&mut x.chunks(FOUR).zip(subsets).map(entry));
                sums.iter().map(sum).collect()
            }
        };
        self.of_row.iter().map(|&of| sums[of]).collect()
    }
}

/// The sums of all subsets of four rows, each added from the first row to the last.
#[inline(always)]
fn fill<S: Simd>(s: S, rows: &[Lanes<f32>; FOUR], table: &mut Table) {
    let mut sums = [s.splat(-0.0); SUBSETS];
    for k in 0..FOUR {
        let x = s.load(&rows[k].0);
        let known = 1 << k;
        // The sum of nothing and x is x.
        sums[known] = x;
        for subset in 1..known {
            sums[known + subset] = s.add(sums[subset], x);
        }
    }
    for subset in 0..SUBSETS {
        s.store(sums[subset], &mut table[subset].0);
    }
}

/// Adds rows in four chains by place modulo 4, so that no addition waits for another.
#[inline(always)]
fn sum_of_rows<S: Simd>(s: S, members: &[usize], rows: &[Lanes<f32>; MOST_ROWS]) -> S::F {
    let row = |j: usize| s.load(&rows[j % MOST_ROWS].0);
    let mut chains = [s.splat(-0.0); 4];
    let (fours, rest) = members.as_chunks::<4>();
    for four in fours {
        for chain in 0..4 {
            chains[chain] = s.add(chains[chain], row(four[chain]));
        }
    }
    for (chain, &j) in chains.iter_mut().zip(rest) {
        *chain = s.add(*chain, row(j));
    }
    joined(s, chains)
}

/// Adds one entry of each table, in four chains again.
#[inline(always)]
fn sum_of_entries<S: Simd>(s: S, subsets: &[Subset], tables: &Tables) -> S::F {
    let entry = |table: &Table, subset: Subset| s.load(&table[usize::from(subset) % SUBSETS].0);
    let mut chains = [s.splat(-0.0); 4];
    for (tables, subsets) in tables.chunks(4).zip(subsets.chunks(4)) {
        for ((chain, table), &subset) in chains.iter_mut().zip(tables).zip(subsets) {
            *chain = s.add(*chain, entry(table, subset));
        }
    }
    joined(s, chains)
}

#[inline(always)]
fn joined<S: Simd>(s: S, chains: [S::F; 4]) -> S::F {
    s.add(s.add(chains[0], chains[1]), s.add(chains[2], chains[3]))
}
