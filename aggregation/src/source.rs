//! [`Source`]: where the passes of the engine read rows, whatever holds them.

use std::cmp::Ordering;
use std::ops::Range;

use crate::tile::{PANEL, block_range};

/// n rows of d values, in an order of the caller's choice.
pub(crate) enum Source<'a> {
    /// One slice per row.
    Rows(Vec<&'a [f32]>),
    /// Pieces of some columns, in each one slice per row.
    Pieces {
        /// All pieces, left to right.
        pieces: &'a [Vec<&'a [f32]>],
        /// Columns of a piece, but of the last one: a multiple of a block, if there is more than one.
        columns: usize,
        /// Columns.
        d: usize,
        /// The rows of this source, as places in a piece.
        rows: Vec<usize>,
    },
}

impl<'a> Source<'a> {
    /// Number of rows.
    pub(crate) fn n(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.len(),
            Self::Pieces { rows, .. } => rows.len(),
        }
    }

    /// Number of columns.
    pub(crate) fn d(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.first().map_or(0, |row| row.len()),
            Self::Pieces { d, .. } => *d,
        }
    }

    /// Some of the rows, or all of them in another order.
    pub(crate) fn subset(&self, chosen: &[usize]) -> Self {
        match self {
            Self::Rows(rows) => Self::Rows(chosen.iter().map(|&row| rows[row]).collect()),
            Self::Pieces {
                pieces,
                columns,
                d,
                rows,
            } => Self::Pieces {
                pieces,
                columns: *columns,
                d: *d,
                rows: chosen.iter().map(|&row| rows[row]).collect(),
            },
        }
    }

    /// The rows and one more after them, which only plain rows can have.
    pub(crate) fn with_row(&self, row: &'a [f32]) -> Option<Self> {
        match self {
            Self::Rows(rows) => Some(Self::Rows(rows.iter().copied().chain([row]).collect())),
            Self::Pieces { .. } => None,
        }
    }

    /// Compares two rows by the first value that differs.
    pub(crate) fn compare(&self, a: usize, b: usize) -> Ordering {
        let first = |a: &[f32], b: &[f32]| {
            let pairs = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
            pairs.into_iter().find(|order| order.is_ne())
        };
        let pair = self.subset(&[a, b]);
        let order = (0..self.d()).step_by(PANEL).find_map(|start| {
            let rows = pair.columns(start, PANEL.min(self.d() - start));
            first(rows[0], rows[1])
        });
        order.unwrap_or(Ordering::Equal)
    }

    /// Some columns of each row, within one panel.
    pub(crate) fn columns(&self, start: usize, width: usize) -> Vec<&'a [f32]> {
        let cut = |rows: Vec<&'a [f32]>, at: usize| -> Vec<&'a [f32]> {
            let cut = rows.into_iter().map(|row| &row[at..at + width]);
            cut.collect()
        };
        match self {
            Self::Rows(rows) => cut(rows.clone(), start),
            Self::Pieces { columns, .. } => cut(self.part(start / columns), start % columns),
        }
    }

    /// The rows of a piece; beyond the last one, and of plain rows, there are none.
    fn part(&self, at: usize) -> Vec<&'a [f32]> {
        match self {
            Self::Rows(_) => Vec::new(),
            Self::Pieces { pieces, rows, .. } => {
                let piece = pieces.get(at);
                piece.map_or_else(Vec::new, |piece| {
                    rows.iter().map(|&row| piece[row]).collect()
                })
            }
        }
    }

    /// Calls `visit` with the columns of a block.
    pub(crate) fn with_block(&self, block: usize, visit: impl FnOnce(Strip<'_>)) {
        let columns = block_range(block, self.d());
        match self {
            Self::Rows(rows) => {
                let beyond: Vec<&[f32]> = rows.iter().map(|row| &row[columns.end..]).collect();
                visit(Strip {
                    rows,
                    range: columns,
                    beyond: &beyond,
                });
            }
            Self::Pieces { columns: width, .. } => {
                let at = columns.start / width;
                let (rows, first) = (self.part(at), at * width);
                let range = columns.start - first..columns.end - first;
                let rest = rows.iter().map(|row| &row[range.end..]);
                let beyond = if range.end < *width {
                    rest.collect()
                } else {
                    self.part(at + 1)
                };
                visit(Strip {
                    rows: &rows,
                    range,
                    beyond: &beyond,
                });
            }
        }
    }
}

/// Some columns of all rows: what a kernel works on.
#[derive(Clone)]
pub(crate) struct Strip<'a> {
    /// The rows, and perhaps more columns of them than are meant.
    pub(crate) rows: &'a [&'a [f32]],
    /// The columns that are meant, as places in the slices. Starts at a multiple of a panel.
    pub(crate) range: Range<usize>,
    /// What comes after the range in each row, to ask for it early; may be missing.
    pub(crate) beyond: &'a [&'a [f32]],
}

impl<'a> Strip<'a> {
    /// The values of a row from a place on, which may be beyond the range.
    #[inline(always)]
    pub(crate) fn ahead(&self, row: usize, start: usize) -> Option<&'a [f32]> {
        match start.checked_sub(self.range.end) {
            None => self.rows[row].get(start..self.range.end),
            Some(after) => self.beyond.get(row)?.get(after..),
        }
    }
}
