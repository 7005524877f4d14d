//! [`Incremental`]: rows that arrive in pieces and stay where they are, worked on as they come.
//!
//! For a caller that holds the pieces anyway, as the chunks of a transfer say. The [`Arena`](crate::Arena) copies what it is
//! given, and takes other encodings and unequal progress of the rows; here nothing is copied, and a piece is worked on
//! once all rows have it.

use crate::blocks::Blocks;
use crate::error::IncrementalError;
use crate::input::Inputs;
use crate::pipeline::Pipeline;
use crate::report::Report;
use crate::source::Source;
use crate::tile::BLOCK;

/// n rows of d values in pieces of so many columns each, for one pipeline and f. `P` is a piece of one row.
///
/// Memory: what the pieces hold, the output, and n^2 / 2 numbers for each 16 384 columns if the pipeline needs distances.
///
/// ```
/// use spirt_aggregation::{Incremental, Pipeline};
///
/// let pipeline: Pipeline = "median".parse()?;
/// let columns = Incremental::<&[f32]>::block_columns();
/// let rows = [vec![1.0; 40_000], vec![2.0; 40_000], vec![9.0; 40_000]];
/// let mut incremental = Incremental::new(pipeline, 1, 3, 40_000, columns, Vec::new())?;
/// for index in [2, 0, 1] {
///     let pieces = rows.iter().map(|row| row.chunks(columns).nth(index));
///     incremental.add(index, pieces.flatten().collect())?;
/// }
/// let (vector, _) = incremental.finish()?;
/// assert_eq!(vector, rows[1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Incremental<P> {
    blocks: Blocks,
    n: usize,
    d: usize,
    /// Columns of a piece, but of the last one.
    columns: usize,
    pieces: Vec<Option<Vec<P>>>,
}

impl<P: AsRef<[f32]>> Incremental<P> {
    /// For n rows of d values in pieces of `columns`. `spare` is memory for the result, whatever is in it.
    ///
    /// # Errors
    ///
    /// [`IncrementalError::Refused`] if the pipeline does not take n rows for f liars, and [`IncrementalError::BadCut`] if
    /// there is more than one piece and `columns` is no multiple of [`Incremental::block_columns`], or d is 0.
    pub fn new(
        pipeline: Pipeline,
        max_byzantine: usize,
        n: usize,
        d: usize,
        columns: usize,
        spare: Vec<f32>,
    ) -> Result<Self, IncrementalError> {
        pipeline
            .check(n, max_byzantine)
            .map_err(IncrementalError::Refused)?;
        let is_cut = columns > 0 && (columns >= d || columns.is_multiple_of(BLOCK));
        if d == 0 || !is_cut {
            return Err(IncrementalError::BadCut { d, columns });
        }
        let mut out = spare;
        out.resize(d, 0.0);
        let pieces = (0..d.div_ceil(columns)).map(|_| None).collect();
        Ok(Self {
            blocks: Blocks::new(pipeline, max_byzantine, out),
            n,
            d,
            columns,
            pieces,
        })
    }

    /// The unit in which rows may be cut.
    pub const fn block_columns() -> usize {
        BLOCK
    }

    /// Whether a piece was given.
    pub fn has(&self, index: usize) -> bool {
        self.pieces.get(index).is_some_and(Option::is_some)
    }

    /// Takes a piece of all rows, in any order of pieces, and does what can be done with it now, on the current rayon
    /// thread pool.
    ///
    /// # Errors
    ///
    /// [`IncrementalError::NotDue`] for a piece that is there already, beyond the end, or not of n rows of the due length:
    /// the caller's fault. [`IncrementalError::Rows`] names the row that is not finite: its author's fault. Nothing changed.
    pub fn add(&mut self, index: usize, rows: Vec<P>) -> Result<(), IncrementalError> {
        let start = index.saturating_mul(self.columns);
        let end = self.d.min(start.saturating_add(self.columns));
        let is_due = start < end
            && !self.has(index)
            && rows.len() == self.n
            && rows.iter().all(|row| row.as_ref().len() == end - start);
        if !is_due {
            return Err(IncrementalError::NotDue { index });
        }
        let inputs = Inputs::from_rows(rows.iter().map(AsRef::as_ref).collect());
        let inputs = inputs.map_err(IncrementalError::Rows)?;
        let source = Source::Rows(inputs.rows().to_vec());
        let blocks = start / BLOCK..end.div_ceil(BLOCK);
        self.blocks.work(blocks, &source, start / BLOCK);
        self.pieces[index] = Some(rows);
        Ok(())
    }

    /// The aggregate, and a report on the rows: the same as [`Pipeline::aggregate`] of the whole rows, bit for bit.
    ///
    /// # Errors
    ///
    /// [`IncrementalError::Incomplete`] names a piece that was not given.
    pub fn finish(mut self) -> Result<(Vec<f32>, Report), IncrementalError> {
        if let Some(index) = self.pieces.iter().position(Option::is_none) {
            return Err(IncrementalError::Incomplete { index });
        }
        let pieces = self.pieces.iter().flatten();
        let pieces: Vec<Vec<&[f32]>> = pieces
            .map(|rows| rows.iter().map(AsRef::as_ref).collect())
            .collect();
        let source = Source::Pieces {
            pieces: &pieces,
            columns: self.columns,
            d: self.d,
            rows: (0..self.n).collect(),
        };
        let report = self.blocks.finish(&source);
        Ok((self.blocks.into_out(), report))
    }

    /// The memory of the result, for another one: this one is not wanted.
    pub fn into_spare(self) -> Vec<f32> {
        self.blocks.into_out()
    }
}

#[cfg(test)]
mod tests;
