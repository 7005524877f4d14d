//! The passes over the data: everything that costs time in proportion to d.
//!
//! There are three. *Distances* reads all rows and leaves the n x n matrix from which every row
//! rule and every pre-aggregator decides. *Columns* reads all rows and writes one value per column,
//! mixing rows on the way if asked. *Combine* reads the rows that have a weight and writes their
//! sum. The engine knows no rule by name.
//!
//! The result is the same bits for any number of threads and any instruction set: the columns are
//! cut into fixed blocks, a block's partial sum is made by one thread in a fixed order, and partial
//! sums are added in block order.

#![allow(
    clippy::needless_range_loop,
    reason = "counted loops over a few registers unroll, and read like the arithmetic they are"
)]

mod ahead;
mod column;
mod combine;
mod distance;
mod mix;
mod network;
mod one_row;
mod out;
mod run;
pub(crate) mod simd;
#[cfg(test)]
mod tests;
mod wide;

use rayon::prelude::*;

pub(crate) use column::{MOST_ROWS, Reduce};
pub(crate) use mix::Mixer;
use out::{LONG, Out};
use simd::{Isa, LANES};

use crate::source::Source;
use crate::tile::BLOCK;

/// The place of a pair in a triangular list; `i >= j`.
pub(crate) const fn triangle(i: usize, j: usize) -> usize {
    i * (i + 1) / 2 + j
}

/// Up to sixteen values, and zeros.
#[inline(always)]
fn padded(x: &[f32]) -> [f32; LANES] {
    let mut out = [0.0; LANES];
    out[..x.len()].copy_from_slice(x);
    out
}

/// Which distances a decision needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pairs {
    /// Of all pairs.
    All,
    /// From each row to the origin, and to this row if there is one: reads the rows once and does
    /// little else.
    NormsAnd(Option<usize>),
}

/// Squared distances of one block of columns: pair (i, j) at `triangle(i, j)`, squared norms on the
/// diagonal.
pub(crate) fn block_distances(
    isa: Isa,
    source: &Source<'_>,
    pairs: Pairs,
    block: usize,
) -> Vec<f64> {
    let mut sums = vec![0.0; triangle(source.n(), 0)];
    source.for_each_strip(block, |strip, _| {
        let sums = &mut sums;
        isa.run(distance::Distances { strip, pairs, sums });
    });
    sums
}

/// Adds up what was found in the blocks, in block order.
fn sum_blocks(blocks: impl IntoIterator<Item = Vec<f64>>) -> Vec<f64> {
    let mut blocks = blocks.into_iter();
    let mut total = blocks.next().unwrap_or_default();
    for block in blocks {
        for (total, part) in total.iter_mut().zip(block) {
            *total += part;
        }
    }
    total
}

/// The distances pass over all columns. Those that are not wanted are NaN.
pub(crate) fn distances(isa: Isa, source: &Source<'_>, pairs: Pairs) -> Vec<f64> {
    let work = |block| block_distances(isa, source, pairs, block);
    distances_of(in_parallel(source.d(), work), source.n(), pairs)
}

/// The distances of n rows from those of each block, in block order.
pub(crate) fn distances_of(
    blocks: impl IntoIterator<Item = Vec<f64>>,
    n: usize,
    pairs: Pairs,
) -> Vec<f64> {
    let mut sums = sum_blocks(blocks);
    if let Pairs::NormsAnd(own) = pairs {
        for i in 0..n {
            for j in (0..i).filter(|&j| own != Some(i) && own != Some(j)) {
                sums[triangle(i, j)] = f64::NAN;
            }
        }
    }
    sums
}

/// Scalar products of the rows `far` with all rows: n for each of them. One more pass.
pub(crate) fn dots(isa: Isa, source: &Source<'_>, far: &[usize]) -> Vec<f64> {
    sum_blocks(in_parallel(source.d(), |block| {
        let mut sums = vec![0.0; far.len() * source.n()];
        source.for_each_strip(block, |strip, _| {
            let sums = &mut sums;
            isa.run(distance::Dots { strip, far, sums });
        });
        sums
    }))
}

/// The columns pass over one block; `out` has the length of the block.
pub(crate) fn block_columns(
    isa: Isa,
    source: &Source<'_>,
    block: usize,
    mixer: &Mixer,
    reduce: Reduce,
    out: &mut [f32],
) {
    columns_of_block(isa, source, block, mixer, reduce, nearby(out));
}

fn columns_of_block(
    isa: Isa,
    source: &Source<'_>,
    block: usize,
    mixer: &Mixer,
    reduce: Reduce,
    mut out: Out<'_>,
) {
    source.for_each_strip(block, |strip, at| {
        let out = out.slice(at, strip.range.len());
        if source.n().max(mixer.rows_out(source.n())) > MOST_ROWS {
            wide::columns(strip.rows, strip.range, mixer, reduce, out.values);
        } else {
            isa.run(column::Columns {
                strip,
                mixer,
                reduce,
                out,
            });
        }
    });
}

/// The columns pass over all columns into `out` of length d.
pub(crate) fn columns(
    isa: Isa,
    source: &Source<'_>,
    mixer: &Mixer,
    reduce: Reduce,
    out: &mut [f32],
) {
    each_block(out, |block, out| {
        columns_of_block(isa, source, block, mixer, reduce, out);
    });
}

/// What the combine pass makes of the rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Combination {
    /// The mean of these rows: exact, and so for any order of them.
    Average(Vec<usize>),
    /// Weights for these rows, added in this order.
    Weighted(Vec<(usize, f64)>),
}

impl Combination {
    fn rows(&self) -> Vec<usize> {
        match self {
            Self::Average(rows) => rows.clone(),
            Self::Weighted(rows) => rows.iter().map(|&(row, _)| row).collect(),
        }
    }
}

/// The combine pass into `out` of length d.
pub(crate) fn combine(isa: Isa, source: &Source<'_>, what: &Combination, out: &mut [f32]) {
    let source = source.subset(&what.rows());
    each_block(out, |block, out| {
        combine_block(isa, &source, what, block, out)
    });
}

/// The combine pass over one block; `out` has the length of the block.
pub(crate) fn block_combine(
    isa: Isa,
    source: &Source<'_>,
    what: &Combination,
    block: usize,
    out: &mut [f32],
) {
    combine_block(isa, &source.subset(&what.rows()), what, block, nearby(out));
}

/// `chosen` are the rows of the combination, in its order.
fn combine_block(
    isa: Isa,
    chosen: &Source<'_>,
    what: &Combination,
    block: usize,
    mut out: Out<'_>,
) {
    let weights: Vec<f64> = match what {
        Combination::Average(_) => Vec::new(),
        Combination::Weighted(rows) => rows.iter().map(|&(_, weight)| weight).collect(),
    };
    chosen.for_each_strip(block, |strip, at| {
        let out = out.slice(at, strip.range.len());
        match what {
            Combination::Average(_) if strip.rows.len() == 1 => {
                isa.run(one_row::OneRow { strip, out });
            }
            Combination::Average(_) => isa.run(combine::Average { strip, out }),
            Combination::Weighted(_) => {
                let weights = &weights;
                isa.run(combine::Weighted {
                    strip,
                    weights,
                    out,
                });
            }
        }
    });
}

/// `work` for every block, results in block order.
fn in_parallel<T: Send>(d: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let blocks = d.div_ceil(BLOCK);
    if blocks < 2 {
        return (0..blocks).map(work).collect();
    }
    (0..blocks).into_par_iter().map(&work).collect()
}

/// `work` for every block of `out`.
fn each_block(out: &mut [f32], work: impl Fn(usize, Out<'_>) + Sync) {
    if out.len() <= BLOCK {
        work(0, nearby(out));
        return;
    }
    let is_long = out.len() >= LONG;
    out.par_chunks_mut(BLOCK)
        .enumerate()
        .for_each(|(block, values)| work(block, Out { values, is_long }));
}

/// Output that somebody reads soon.
fn nearby(values: &mut [f32]) -> Out<'_> {
    Out {
        values,
        is_long: false,
    }
}
