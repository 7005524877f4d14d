//! [`Arena`]: rows that arrive in pieces, and are worked on as they do.
//!
//! The arena holds each row in one piece: read row beside row, memory is faster that way than with the same columns of
//! all rows next to each other. As soon as every row has all columns of a block, the block's part of the work is done
//! ([`Blocks`]). After the last piece there is at most one block left to do, the decision, and for
//! row rules the pass over the rows that count, unless that could be foreseen.

use half::slice::HalfFloatSliceExt as _;
use half::{bf16, f16};

use crate::blocks::Blocks;
use crate::error::{AggregateError, ArenaError};
use crate::pipeline::Pipeline;
use crate::report::Report;
use crate::source::Source;
use crate::tile::BLOCK;

/// A piece of a row, in the encoding in which it arrived.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// As they are.
    F32(&'a [f32]),
    /// The upper half of an `f32` each.
    Bf16(&'a [bf16]),
    /// IEEE half precision.
    F16(&'a [f16]),
}

impl Piece<'_> {
    fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::Bf16(values) => values.len(),
            Self::F16(values) => values.len(),
        }
    }

    /// Decodes the values to as many places.
    fn decode(&self, to: &mut [f32]) {
        match self {
            Self::F32(values) => to.copy_from_slice(values),
            Self::Bf16(values) => values.convert_to_f32_slice(to),
            Self::F16(values) => values.convert_to_f32_slice(to),
        }
    }
}

/// What has come of one row.
#[derive(Clone, Debug)]
struct Arrival {
    /// The next column that is due in each block: a row's columns arrive left to right within a
    /// block, the blocks in any order.
    next: Vec<usize>,
    is_expected: bool,
}

/// n rows of d values that arrive in pieces, for one pipeline and f.
///
/// Memory: n * d `f32`, and n^2 / 2 numbers for each 16 384 columns if the pipeline needs distances.
#[derive(Debug)]
pub struct Arena {
    pipeline: Pipeline,
    max_byzantine: usize,
    n: usize,
    d: usize,
    values: Vec<f32>,
    rows: Vec<Arrival>,
    blocks: Blocks,
}

impl Arena {
    /// Room for n rows of d values.
    ///
    /// # Errors
    ///
    /// [`ArenaError::Refused`] if the pipeline does not take n rows for f liars, and
    /// [`ArenaError::NoCoordinates`] if d is 0. Nothing was allocated.
    pub fn new(
        pipeline: Pipeline,
        max_byzantine: usize,
        n: usize,
        d: usize,
    ) -> Result<Self, ArenaError> {
        pipeline.check(n, max_byzantine)?;
        if d == 0 {
            return Err(ArenaError::NoCoordinates);
        }
        let blocks = d.div_ceil(BLOCK);
        let arrival = Arrival {
            next: (0..blocks).map(|block| block * BLOCK).collect(),
            is_expected: true,
        };
        Ok(Self {
            values: vec![0.0; n * stride(d)],
            rows: vec![arrival; n],
            blocks: Blocks::new(pipeline.clone(), max_byzantine, vec![0.0; d]),
            pipeline,
            max_byzantine,
            n,
            d,
        })
    }

    /// Columns of a block: the unit in which rows may arrive out of order.
    pub const fn block_columns() -> usize {
        BLOCK
    }

    /// Takes the values of `row` from column `at` on, and does what can be done with them now: up
    /// to one block's part of the work, on this thread.
    ///
    /// Pieces of one row arrive left to right within each block of [`Arena::block_columns`] columns;
    /// a piece does not reach over the end of its block. Blocks and rows come in any order.
    ///
    /// # Errors
    ///
    /// [`ArenaError::NotDue`] for a piece that is not the next of its block, or of a row that was
    /// given up: the caller's fault, and nothing changed. [`ArenaError::NotFinite`] names the first
    /// NaN or infinity: the author's fault; give the row up, it stays incomplete.
    pub fn write(&mut self, row: usize, at: usize, piece: Piece<'_>) -> Result<(), ArenaError> {
        let block = at / BLOCK;
        let end = at.saturating_add(piece.len());
        let is_due = self
            .rows
            .get(row)
            .is_some_and(|arrival| arrival.is_expected && arrival.next.get(block) == Some(&at));
        if !is_due || end > self.block_end(block) {
            return Err(ArenaError::NotDue { row, at });
        }
        let to = &mut self.values[row * stride(self.d)..][at..end];
        piece.decode(to);
        if let Some(bad) = to.iter().position(|x| !x.is_finite()) {
            return Err(ArenaError::NotFinite {
                row,
                coordinate: at + bad,
                value: to[bad],
            });
        }
        self.rows[row].next[block] = end;
        self.work(block);
        Ok(())
    }

    /// Goes on without a row. What was computed with it is computed anew at the end.
    pub fn give_up(&mut self, row: usize) {
        if let Some(arrival) = self.rows.get_mut(row)
            && arrival.is_expected
        {
            arrival.is_expected = false;
            self.blocks.forget();
        }
    }

    /// Whether every row that was not given up is complete.
    pub fn is_complete(&self) -> bool {
        (0..self.blocks.count()).all(|block| self.has_arrived(block))
    }

    /// The aggregate of the rows that were not given up, into `self`, and a report on all n rows in
    /// the order of their indices; a row that was given up counts as dropped.
    ///
    /// # Errors
    ///
    /// [`ArenaError::Incomplete`] names a row that is not complete: wait for it or give it up.
    /// [`ArenaError::Refused`] if too few rows are left.
    pub fn finish(&mut self) -> Result<(&[f32], Report), ArenaError> {
        for (row, arrival) in self.rows.iter().enumerate() {
            let mut blocks = arrival.next.iter().enumerate();
            if arrival.is_expected && blocks.any(|(block, next)| *next < self.block_end(block)) {
                return Err(ArenaError::Incomplete { row });
            }
        }
        let present = self.present();
        self.pipeline.check(present.len(), self.max_byzantine)?;
        for block in 0..self.blocks.count() {
            self.work(block);
        }
        let source = source(&self.values, self.d, &present);
        let report = self.blocks.finish(&source).spread(&present, self.n);
        Ok((self.blocks.out(), report))
    }

    /// Does the work of a block if all its values are here and it was not done.
    fn work(&mut self, block: usize) {
        if self.blocks.is_done(block) || !self.has_arrived(block) {
            return;
        }
        let present = self.present();
        let is_taken = self.pipeline.check(present.len(), self.max_byzantine);
        if is_taken.is_err() {
            return;
        }
        let source = source(&self.values, self.d, &present);
        self.blocks.work(block..block + 1, &source, 0);
    }

    fn present(&self) -> Vec<usize> {
        (0..self.n)
            .filter(|&row| self.rows[row].is_expected)
            .collect()
    }

    fn has_arrived(&self, block: usize) -> bool {
        let end = self.block_end(block);
        let expected = self.rows.iter().filter(|arrival| arrival.is_expected);
        expected
            .map(|arrival| arrival.next[block])
            .all(|next| next == end)
    }

    fn block_end(&self, block: usize) -> usize {
        self.d.min((block + 1).saturating_mul(BLOCK))
    }
}

/// Values of a cache line.
const LINE: usize = 16;

/// Values from one row to the next: an odd number of cache lines, so that the rows do not meet in one cache set.
fn stride(d: usize) -> usize {
    (d.div_ceil(LINE) | 1) * LINE
}

/// Rows `present` of all values.
fn source<'a>(values: &'a [f32], d: usize, present: &[usize]) -> Source<'a> {
    let row = |&row: &usize| &values[row * stride(d)..][..d];
    Source::Rows(present.iter().map(row).collect())
}

impl From<AggregateError> for ArenaError {
    fn from(error: AggregateError) -> Self {
        Self::Refused(error)
    }
}

#[cfg(test)]
mod tests;
