//! The passes over the data: everything that costs time in proportion to d.
//!
//! There are three. *Distances* reads all rows and leaves the n x n matrix from which every row
//! rule and every pre-aggregator decides. *Columns* reads all rows and writes one value per column,
//! mixing rows on the way if asked. *Combine* reads the rows that have a weight and writes their
//! sum; where these are known before, that of a mean goes beside the distances. The engine knows no rule by name.
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
mod rows;
mod run;
pub(crate) mod simd;
#[cfg(test)]
mod tests;
mod wide;

use rayon::prelude::*;

pub(crate) use column::{MOST_ROWS, Reduce};
pub(crate) use mix::Mixer;
use out::{LONG, Out};
pub(crate) use rows::{Combination, block_combine, combine, distances_and_mean};
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

/// Adds up what was found in the blocks, in block order.
fn sum_blocks(blocks: impl IntoIterator<Item = impl AsRef<[f64]>>) -> Vec<f64> {
    let mut blocks = blocks.into_iter();
    let first = blocks.next();
    let mut total = first.map_or_else(Vec::new, |block| block.as_ref().to_vec());
    for block in blocks {
        for (total, part) in total.iter_mut().zip(block.as_ref()) {
            *total += part;
        }
    }
    total
}

/// The distances over all columns. Those that are not wanted are NaN.
#[cfg(test)]
pub(crate) fn distances(isa: Isa, source: &Source<'_>, pairs: Pairs) -> Vec<f64> {
    let blocks: Vec<usize> = (0..source.d().div_ceil(BLOCK)).collect();
    let parts = distances_and_mean(isa, (source, 0), pairs, &blocks, None, &mut []);
    distances_of(parts, source.n(), pairs)
}

/// The distances of n rows from those of each block, in block order.
pub(crate) fn distances_of(
    blocks: impl IntoIterator<Item = impl AsRef<[f64]>>,
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
    let blocks = (0..source.d().div_ceil(BLOCK)).collect();
    sum_blocks(in_parallel(blocks, |block| {
        let mut sums = vec![0.0; far.len() * source.n()];
        source.with_block(block, |strip| {
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
    out: Out<'_>,
) {
    source.with_block(block, |strip| {
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

/// `work` for every item, results in their order. One alone is not worth waking a thread.
fn in_parallel<I: Send, T: Send>(items: Vec<I>, work: impl Fn(I) -> T + Sync) -> Vec<T> {
    if items.len() < 2 {
        return items.into_iter().map(work).collect();
    }
    items.into_par_iter().map(&work).collect()
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
