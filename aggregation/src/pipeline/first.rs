//! [`FirstPass`]: the distances between the rows, block by block in any order, and beside them what can be foreseen of the output.
//!
//! A rule that keeps some rows as they are takes two passes: one for the distances, and one that adds up the rows that it keeps. Which
//! these are, two samples of the blocks tell, if they agree. From then on the kept rows of a block are added up right after its
//! distances, while they are in the cache, and no second pass is left. If the decision turns out otherwise, it is made after all.
//! The result is the same bits either way.

use rayon::prelude::*;

use super::Pipeline;
use super::needs::{keeps_rows, pairs};
use super::run::{Plan, plan_from};
use super::weights::combination;
use crate::engine::{self, Combination, Pairs, simd::Isa};
use crate::geometry::Geometry;
use crate::source::Source;
use crate::tile::BLOCK;

/// The first pass of a pipeline that decides from distances.
#[derive(Debug)]
pub(crate) struct FirstPass {
    pipeline: Pipeline,
    max_byzantine: usize,
    pairs: Pairs,
    blocks: Vec<Option<Done>>,
    foresight: Foresight,
}

/// What is there of a block.
#[derive(Clone, Debug)]
struct Done {
    distances: Vec<f64>,
    is_written: bool,
}

/// The rows that will be kept.
#[derive(Clone, Debug)]
enum Foresight {
    /// Nothing is known yet.
    Open,
    /// These, ascending, as both samples say.
    Kept(Vec<usize>),
    /// The samples disagree, or this pipeline does not keep rows as they are, or the rows are short.
    Without,
}

/// Of so many blocks, one is in a sample.
const SAMPLED: usize = 16;
/// Blocks of both samples together, at least.
const LEAST_SAMPLE: usize = 4;

impl FirstPass {
    /// Nothing done yet of d columns. `has_centre`: after the rows comes one more, the centre.
    pub(crate) fn new(
        pipeline: Pipeline,
        max_byzantine: usize,
        d: usize,
        has_centre: bool,
    ) -> Self {
        let mut pass = Self {
            pairs: pairs(&pipeline, has_centre),
            pipeline,
            max_byzantine,
            blocks: vec![None; d.div_ceil(BLOCK)],
            foresight: Foresight::Without,
        };
        pass.forget();
        pass
    }

    /// How many blocks there are.
    pub(crate) fn count(&self) -> usize {
        self.blocks.len()
    }

    /// Whether the work of a block was done.
    pub(crate) fn is_done(&self, block: usize) -> bool {
        self.blocks[block].is_some()
    }

    /// Everything is to be done anew: the rows are others.
    pub(crate) fn forget(&mut self) {
        self.blocks.fill(None);
        let pays = keeps_rows(&self.pipeline) && self.sample() < self.count();
        self.foresight = if pays {
            Foresight::Open
        } else {
            Foresight::Without
        };
    }

    /// Blocks of both samples together.
    fn sample(&self) -> usize {
        (self.count() / SAMPLED).max(LEAST_SAMPLE)
    }

    /// Does the work of some blocks, ascending, and says whether their output was written. Block `offset` of all is the first one of
    /// `source`; `out` has d places.
    pub(crate) fn work(
        &mut self,
        blocks: &[usize],
        (source, offset): (&Source<'_>, usize),
        out: &mut [f32],
    ) -> bool {
        let kept = match &self.foresight {
            Foresight::Kept(rows) => Some(&rows[..]),
            Foresight::Open | Foresight::Without => None,
        };
        let is_written = kept.is_some();
        let found = engine::distances_and_mean(
            Isa::best(),
            (source, offset),
            self.pairs,
            blocks,
            kept,
            out,
        );
        for (&block, distances) in blocks.iter().zip(found) {
            self.blocks[block] = Some(Done {
                distances,
                is_written,
            });
        }
        if matches!(self.foresight, Foresight::Open) {
            self.foresee(source.n());
        }
        is_written
    }

    /// Does the work of all blocks that is left, those of the samples first.
    pub(crate) fn work_on_all(&mut self, source: &Source<'_>, out: &mut [f32]) {
        let step = match self.foresight {
            Foresight::Open => self.count() / self.sample(),
            Foresight::Kept(_) | Foresight::Without => 1,
        };
        for step in [step, 1] {
            let left = (0..self.count())
                .step_by(step)
                .filter(|&block| !self.is_done(block));
            let left: Vec<usize> = left.collect();
            self.work(&left, (source, 0), out);
        }
    }

    /// Decides from each of two samples, as soon as enough blocks are done.
    fn foresee(&mut self, n: usize) {
        let done: Vec<&Vec<f64>> = self
            .blocks
            .iter()
            .flatten()
            .map(|done| &done.distances)
            .collect();
        if done.len() < self.sample() {
            return;
        }
        let half = |first: usize| {
            let blocks = done.iter().skip(first).step_by(2);
            let distances = engine::distances_of(blocks.copied(), n, self.pairs);
            self.decided_by(&distances, n)
        };
        self.foresight = match half(0) {
            Combination::Average(kept) if half(1) == Combination::Average(kept.clone()) => {
                Foresight::Kept(kept)
            }
            Combination::Average(_) | Combination::Weighted(_) => Foresight::Without,
        };
    }

    /// What the rule would make of the rows if these were the distances.
    fn decided_by(&self, distances: &[f64], n: usize) -> Combination {
        let order: Vec<usize> = (0..n).collect();
        let points = Geometry::new(&order, distances);
        let found = self.pipeline.rule.weigh(&points, self.max_byzantine, None);
        combination(&found.weights, &order)
    }

    /// Decides, and makes what is left of the output, after the work of all blocks was done. `source` is all of the rows, without
    /// the centre.
    pub(crate) fn finish(
        &self,
        source: &Source<'_>,
        centre: Option<&[f32]>,
        out: &mut [f32],
    ) -> Plan {
        let parts = self.blocks.iter().flatten().map(|done| &done.distances);
        let n = source.n() + usize::from(centre.is_some());
        let distances = engine::distances_of(parts, n, self.pairs);
        let plan = plan_from(
            &self.pipeline,
            source,
            self.max_byzantine,
            &distances,
            centre,
        );
        match (&self.foresight, plan.mean_of()) {
            (Foresight::Kept(foreseen), Some(kept)) if foreseen == kept => {
                let blocks = out.par_chunks_mut(BLOCK).zip(&self.blocks).enumerate();
                blocks
                    .filter(|(_, (_, done))| done.as_ref().is_some_and(|done| !done.is_written))
                    .for_each(|(block, (out, _))| plan.write_block(source, block, out));
            }
            _ => plan.write(source, centre, out),
        }
        plan
    }
}

#[cfg(test)]
mod tests;
