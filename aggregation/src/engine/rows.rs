//! The combine pass, block by block, alone or right after the distances.

use super::combine::{self as kernels, Mean};
use super::out::{LONG, Out};
use super::simd::Isa;
use super::{Pairs, distance, each_block, in_parallel, nearby, one_row, triangle};
use crate::source::{Source, Strip};
use crate::tile::BLOCK;

/// What the combine pass makes of the rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Combination {
    /// The mean of these rows, ascending: exact, and so for any order of them.
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
fn combine_block(isa: Isa, chosen: &Source<'_>, what: &Combination, block: usize, out: Out<'_>) {
    let weights: Vec<f64> = match what {
        Combination::Average(_) => Vec::new(),
        Combination::Weighted(rows) => rows.iter().map(|&(_, weight)| weight).collect(),
    };
    chosen.with_block(block, |strip| match what {
        Combination::Average(_) => mean_of_strip(isa, strip, out),
        Combination::Weighted(_) => {
            let weights = &weights;
            isa.run(kernels::Weighted {
                strip,
                weights,
                out,
            });
        }
    });
}

/// The mean of all rows of a strip.
fn mean_of_strip(isa: Isa, strip: Strip<'_>, out: Out<'_>) {
    if strip.rows.len() == 1 {
        isa.run(one_row::OneRow { strip, out });
    } else {
        isa.run(kernels::Average { strip, out });
    }
}

/// The squared distances of some blocks, in this order: pair (i, j) of a block at `triangle(i, j)`, squared norms on the diagonal.
/// Beside them, the mean of the rows `kept`, if they are known, into their columns of `out`, which has d places. Block `offset` of
/// all is the first one of the source.
pub(crate) fn distances_and_mean(
    isa: Isa,
    (source, offset): (&Source<'_>, usize),
    pairs: Pairs,
    blocks: &[usize],
    kept: Option<&[usize]>,
    out: &mut [f32],
) -> Vec<Vec<f64>> {
    let Some(kept) = kept else {
        let work = |block: &usize| block_distances(isa, source, pairs, block - offset, None);
        return in_parallel(blocks.iter().collect(), work);
    };
    let is_long = out.len() >= LONG;
    let outs = out.chunks_mut(BLOCK).enumerate();
    let outs = outs.filter(|(block, _)| blocks.binary_search(block).is_ok());
    let outs: Vec<(usize, &mut [f32])> = outs.collect();
    let work = |(block, values)| {
        let mean = Some((kept, Out { values, is_long }));
        block_distances(isa, source, pairs, block - offset, mean)
    };
    in_parallel(outs, work)
}

/// The distances of one block, and the mean of some rows, into an output of its length.
fn block_distances(
    isa: Isa,
    source: &Source<'_>,
    pairs: Pairs,
    block: usize,
    mean: Option<(&[usize], Out<'_>)>,
) -> Vec<f64> {
    let mut sums = vec![0.0; triangle(source.n(), 0)];
    source.with_block(block, |strip| {
        let sums = &mut sums;
        let rows: Vec<&[f32]>;
        let mean = match mean {
            Some((kept, out)) => {
                rows = kept.iter().map(|&row| strip.rows[row]).collect();
                let strip = Strip {
                    rows: &rows,
                    range: strip.range.clone(),
                    beyond: &[],
                };
                Some(Mean { strip, out })
            }
            None => None,
        };
        isa.run(distance::Distances {
            strip,
            pairs,
            sums,
            mean,
        });
    });
    sums
}
