//! [`Blocks`]: what is done of a pipeline's work while rows arrive, block by block.
//!
//! As soon as all rows have all columns of a block, the block's part of the work can be done: its distances, with its output where
//! that can be foreseen ([`FirstPass`]), or its finished columns for a coordinate rule alone. What is left for the end is the
//! decision, and for the other rules one pass over the rows that count. Results are bitwise those of the same rows given at once.
//!
//! Holds no rows: whoever does gives them to each call.

use std::ops::Range;

use rayon::prelude::*;

use crate::pipeline::Pipeline;
use crate::pipeline::first::FirstPass;
use crate::pipeline::needs::needs_distances;
use crate::pipeline::run::plan_directly;
use crate::report::Report;
use crate::source::Source;
use crate::tile::BLOCK;
use crate::witness::{Seen, Witness};

/// The work of a pipeline on d columns, some of it done.
#[derive(Debug)]
pub(crate) struct Blocks {
    pipeline: Pipeline,
    max_byzantine: usize,
    done: Done,
    /// What was seen of the rows in each block, for a rule that does not tell by itself.
    seen: Vec<Option<Seen>>,
    out: Vec<f32>,
}

/// What was done of each block.
#[derive(Debug)]
enum Done {
    /// Its distances, if it was worked on.
    Distances(FirstPass),
    /// Its columns, or nothing yet.
    Columns(Vec<bool>),
}

impl Blocks {
    /// Nothing done yet. The result goes to `out`, which has d places.
    pub(crate) fn new(pipeline: Pipeline, max_byzantine: usize, out: Vec<f32>) -> Self {
        let count = out.len().div_ceil(BLOCK);
        let done = if needs_distances(&pipeline, max_byzantine) {
            let pass = FirstPass::new(pipeline.clone(), max_byzantine, out.len(), false);
            Done::Distances(pass)
        } else {
            Done::Columns(vec![false; count])
        };
        Self {
            pipeline,
            max_byzantine,
            done,
            seen: vec![None; count],
            out,
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.seen.len()
    }

    /// Whether the work of a block was done.
    pub(crate) fn is_done(&self, block: usize) -> bool {
        match &self.done {
            Done::Distances(pass) => pass.is_done(block),
            Done::Columns(done) => done[block],
        }
    }

    /// Everything is to be done anew: the rows are others.
    pub(crate) fn forget(&mut self) {
        match &mut self.done {
            Done::Distances(pass) => pass.forget(),
            Done::Columns(done) => done.fill(false),
        }
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
        match &mut self.done {
            Done::Distances(pass) => {
                let blocks: Vec<usize> = blocks.collect();
                if !pass.work(&blocks, (source, offset), &mut self.out) {
                    // The first touch of memory is slow: better now than after the last piece.
                    self.out[columns].fill(0.0);
                }
            }
            Done::Columns(done) => {
                let plan = plan_directly(&self.pipeline, source.n(), self.max_byzantine);
                let outs = self.out[columns].par_chunks_mut(BLOCK).enumerate();
                outs.for_each(|(at, out)| {
                    plan.write_block(source, blocks.start - offset + at, out)
                });
                done[blocks].fill(true);
            }
        }
    }

    fn witness(&self, n: usize) -> Option<Witness> {
        Witness::of(&self.pipeline, n, self.out.len(), self.max_byzantine)
    }

    /// Decides, and makes the result, after the work of all blocks was done. `source` is all of the rows, and the report is on
    /// these.
    pub(crate) fn finish(&mut self, source: &Source<'_>) -> Report {
        let plan = match &self.done {
            Done::Distances(pass) => pass.finish(source, None, &mut self.out),
            Done::Columns(_) => plan_directly(&self.pipeline, source.n(), self.max_byzantine),
        };
        self.witness(source.n()).map_or_else(
            || plan.row_report(),
            |witness| witness.report(self.seen.iter().flatten()),
        )
    }
}
