//! Mixed rows that are sums of scaled rows, as neighbour mixing and bucketing make them.
//!
//! Only additions: a sum of all rows minus those that are not wanted would be cheaper, and one row
//! of 1e30 would destroy it. Mixed rows with the same members are made once.
//!
//! What takes long is a kernel of its own: inlined into the pass, it would find no free register.

mod tabled;

use std::ops::Range;

use super::part;
use crate::engine::ahead::Ahead;
use crate::engine::column::MOST_ROWS;
use crate::engine::simd::{Kernel, LANES, Lanes, Simd};
use tabled::{EMPTY, Tabled, Tables};

/// Sums of scaled rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sums {
    /// The factor of each row.
    scale: Vec<f32>,
    /// Each sum that occurs.
    distinct: Distinct,
    /// The first mixed row of each sum.
    first: Vec<usize>,
    /// Mixed rows that are equal to an earlier one, and that one.
    copies: Vec<(usize, usize)>,
}

/// Sums that occur, in the form that costs fewer additions.
#[derive(Clone, Debug, PartialEq)]
enum Distinct {
    /// The members of each.
    Listed(Vec<Vec<usize>>),
    Tabled(Tabled),
}

impl Distinct {
    fn new(members: Vec<Vec<usize>>, n: usize) -> Self {
        let additions: usize = members.iter().map(Vec::len).sum();
        if n > MOST_ROWS || additions <= Tabled::additions(&members, n) {
            Self::Listed(members)
        } else {
            Self::Tabled(Tabled::new(&members, n))
        }
    }
}

/// Room for the rows and the tables of sixteen columns.
pub(in crate::engine) struct Scratch {
    pub(super) rows: [Lanes<f32>; MOST_ROWS],
    tables: Tables,
}

impl Scratch {
    pub(in crate::engine) fn new() -> Self {
        Self {
            rows: [Lanes([-0.0; LANES]); MOST_ROWS],
            tables: EMPTY,
        }
    }
}

impl Sums {
    /// Finds the cheapest form of M, whose weights in column j are 0 or `scale[j]`.
    pub(super) fn new(weights: &[Vec<f64>], scale: Vec<f64>) -> Self {
        let mut members: Vec<Vec<usize>> = Vec::new();
        let (mut first, mut copies) = (Vec::new(), Vec::new());
        for (i, row) in weights.iter().enumerate() {
            let set: Vec<usize> = (0..row.len()).filter(|&j| row[j] != 0.0).collect();
            if let Some(known) = members.iter().position(|m| *m == set) {
                copies.push((i, first[known]));
            } else {
                members.push(set);
                first.push(i);
            }
        }
        Self {
            distinct: Distinct::new(members, scale.len()),
            scale: scale.into_iter().map(|w| w as f32).collect(),
            first,
            copies,
        }
    }

    pub(super) fn rows_out(&self) -> usize {
        self.first.len() + self.copies.len()
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
        let Scratch { rows: x, tables } = scratch;
        let lines = rows.len().div_ceil(4);
        s.call(Scale {
            rows,
            columns,
            scale: &self.scale,
            to: x,
            ahead,
        });
        match &self.distinct {
            Distinct::Listed(lists) => s.call(AddRows {
                lists,
                rows: x,
                first: &self.first,
                keys,
            }),
            Distinct::Tabled(tabled) => tabled.load(s, x, tables, &self.first, keys),
        }
        for &(copy, of) in &self.copies {
            keys[copy] = keys[of];
        }
        lines
    }

    /// One column, by the same additions.
    pub(super) fn column(&self, column: &[f32]) -> Vec<f32> {
        let x: Vec<f32> = column.iter().zip(&self.scale).map(|(x, s)| x * s).collect();
        let sums = match &self.distinct {
            Distinct::Listed(lists) => {
                let sum = |members: &Vec<usize>| in_chains(members.iter().map(|&j| x[j]));
                lists.iter().map(sum).collect()
            }
            Distinct::Tabled(tabled) => tabled.column(&x),
        };
        let mut out = vec![0.0; self.rows_out()];
        for (sum, &first) in sums.into_iter().zip(&self.first) {
            out[first] = sum;
        }
        for &(copy, of) in &self.copies {
            out[copy] = out[of];
        }
        out
    }
}

/// Four chains by place modulo 4, as [`AddRows`] has them.
fn in_chains(terms: impl Iterator<Item = f32>) -> f32 {
    let mut chains = [-0.0; 4];
    for (place, x) in terms.enumerate() {
        chains[place % 4] += x;
    }
    (chains[0] + chains[1]) + (chains[2] + chains[3])
}

/// Multiplies rows by their factors, and asks for a line of memory with every fourth.
struct Scale<'a, 'b> {
    rows: &'a [&'a [f32]],
    columns: Range<usize>,
    scale: &'a [f32],
    to: &'a mut [Lanes<f32>; MOST_ROWS],
    ahead: &'a mut Ahead<'b>,
}

impl Kernel for Scale<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let scaled = self.to.iter_mut().zip(self.rows).zip(self.scale);
        for (i, ((to, row), &scale)) in scaled.enumerate() {
            if i % 4 == 0 {
                self.ahead.next(s);
            }
            let x = part(s, row, self.columns.clone());
            s.store(s.mul(x, s.splat(scale)), &mut to.0);
        }
    }
}

/// Adds rows in four chains by place modulo 4, so that no addition waits for another.
struct AddRows<'a> {
    lists: &'a [Vec<usize>],
    rows: &'a [Lanes<f32>; MOST_ROWS],
    /// Where each sum goes.
    first: &'a [usize],
    keys: &'a mut [Lanes<i32>],
}

impl Kernel for AddRows<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (members, &first) in self.lists.iter().zip(self.first) {
            let row = |j: usize| s.load(&self.rows[j % MOST_ROWS].0);
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
            put(s, chains, &mut self.keys[first]);
        }
    }
}

/// The sum of the chains.
#[inline(always)]
fn put<S: Simd>(s: S, chains: [S::F; 4], to: &mut Lanes<i32>) {
    let sum = s.add(s.add(chains[0], chains[1]), s.add(chains[2], chains[3]));
    s.store_key(s.key(s.finite(sum)), &mut to.0);
}
