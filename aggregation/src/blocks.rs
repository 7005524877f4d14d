//! [`Blocks`]: what is done of a pipeline's work while rows arrive, block by block.
//!
//! As soon as all rows have all columns of a block, the block's part of the work can be done: its distances, or its finished
//! columns for a coordinate rule alone. What is left for the end is the decision, and for the other rules one pass over the
//! rows that count. Results are bitwise those of the same rows given at once.
//!
//! Holds no rows: whoever does gives them to each call.

use std::ops::Range;

use rayon::prelude::*;

use crate::engine::{self, simd::Isa};
use crate::pipeline::Pipeline;
use crate::pipeline::needs::{needs_distances, pairs};
use crate::pipeline::run::{Plan, plan_directly, plan_from};
use crate::report::Report;
use crate::source::Source;
use crate::tile::BLOCK;
use crate::witness::{Seen, Witness};

/// The work of a pipeline on d columns, some of it done.
#[derive(Debug)]
pub(crate) struct Blocks {
    pipeline: Pipeline,
    max_byzantine: usize,
    blocks: Vec<Block>,
    /// What was seen of the rows in each block, for a rule that does not tell by itself.
    seen: Vec<Option<Seen>>,
    out: Vec<f32>,
}

/// The state of a block of columns.
#[derive(Clone, Debug, PartialEq)]
enum Block {
    Waiting,
    Distances(Vec<f64>),
    Finished,
}

impl Blocks {
    /// Nothing done yet. The result goes to `out`, which has d places.
    pub(crate) fn new(pipeline: Pipeline, max_byzantine: usize, out: Vec<f32>) -> Self {
        Self {
            pipeline,
            max_byzantine,
            blocks: vec![Block::Waiting; out.len().div_ceil(BLOCK)],
            seen: vec![None; out.len().div_ceil(BLOCK)],
            out,
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.blocks.len()
    }

    /// Whether the work of a block was done.
    pub(crate) fn is_done(&self, block: usize) -> bool {
        self.blocks[block] != Block::Waiting
    }

    /// Everything is to be done anew: the rows are others.
    pub(crate) fn forget(&mut self) {
        self.blocks.fill(Block::Waiting);
    }

    /// Where the result is, or will be.
    pub(crate) fn out(&self) -> &[f32] {
        &self.out
    }

    /// The memory of the result.
    pub(crate) fn into_out(self) -> Vec<f32> {
        self.out
    }

    /// Does the work of some blocks. Block `offset` of all is the first one of `source`, of whose number of rows the pipeline
    /// approves.
    pub(crate) fn work(&mut self, blocks: Range<usize>, source: &Source<'_>, offset: usize) {
        if let Some(witness) = self.witness(source.n()) {
            let look = |block| Some(witness.look(source, block, offset));
            let seen: Vec<Option<Seen>> = blocks.clone().into_par_iter().map(look).collect();
            self.seen[blocks.clone()].clone_from_slice(&seen);
        }
        let columns = blocks.start * BLOCK..self.out.len().min(blocks.end * BLOCK);
        if needs_distances(&self.pipeline, self.max_byzantine) {
            let pairs = pairs(&self.pipeline, false);
            let part = |block| engine::block_distances(Isa::best(), source, pairs, block - offset);
            let parts: Vec<Vec<f64>> = blocks.clone().into_par_iter().map(part).collect();
            for (block, part) in self.blocks[blocks].iter_mut().zip(parts) {
                *block = Block::Distances(part);
            }
            // The first touch of memory is slow: better now than after the last piece.
            self.out[columns].fill(0.0);
            return;
        }
        let plan = plan_directly(&self.pipeline, source.n(), self.max_byzantine);
        let outs = self.out[columns].par_chunks_mut(BLOCK).enumerate();
        outs.for_each(|(at, out)| plan.write_block(source, blocks.start - offset + at, out));
        self.blocks[blocks].fill(Block::Finished);
    }

    fn witness(&self, n: usize) -> Option<Witness> {
        Witness::of(&self.pipeline, n, self.out.len(), self.max_byzantine)
    }

    /// Decides, and makes the result, after the work of all blocks was done. `source` is all of the rows, and the report is on
    /// these.
    pub(crate) fn finish(&mut self, source: &Source<'_>) -> Report {
        let plan = self.plan(source);
        if self.blocks.iter().any(|block| *block != Block::Finished) {
            plan.write(source, None, &mut self.out);
        }
        self.witness(source.n()).map_or_else(
            || plan.row_report(),
            |witness| witness.report(self.seen.iter().flatten()),
        )
    }

    fn plan(&self, source: &Source<'_>) -> Plan {
        let (pipeline, f) = (&self.pipeline, self.max_byzantine);
        if !needs_distances(pipeline, f) {
            return plan_directly(pipeline, source.n(), f);
        }
        let parts = self.blocks.iter().filter_map(|block| match block {
            Block::Distances(part) => Some(part.clone()),
            Block::Waiting | Block::Finished => None,
        });
        let distances = engine::distances_of(parts, source.n(), pairs(pipeline, false));
        plan_from(pipeline, source, f, &distances, None)
    }
}
