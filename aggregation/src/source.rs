//! [`Source`]: where the passes of the engine read rows, whatever holds them.

use std::cmp::Ordering;
use std::ops::Range;

use crate::tile::{PANEL, STRIDE, block_range};

/// n rows of d values, in an order of the caller's choice.
pub(crate) enum Source<'a> {
    /// One slice per row.
    Rows(Vec<&'a [f32]>),
    /// An arena: tiles of 1024 columns, in each the rows one after the other.
    Tiles {
        /// All tiles.
        values: &'a [f32],
        /// Rows that a tile holds.
        n_stored: usize,
        /// Columns.
        d: usize,
        /// The rows of this source, as places in a tile.
        rows: Vec<usize>,
    },
}

impl<'a> Source<'a> {
    /// Number of rows.
    pub(crate) fn n(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.len(),
            Self::Tiles { rows, .. } => rows.len(),
        }
    }

    /// Number of columns.
    pub(crate) fn d(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.first().map_or(0, |row| row.len()),
            Self::Tiles { d, .. } => *d,
        }
    }

    /// Some of the rows, or all of them in another order.
    pub(crate) fn subset(&self, chosen: &[usize]) -> Self {
        match self {
            Self::Rows(rows) => Self::Rows(chosen.iter().map(|&row| rows[row]).collect()),
            Self::Tiles {
                values,
                n_stored,
                d,
                rows,
            } => Self::Tiles {
                values,
                n_stored: *n_stored,
                d: *d,
                rows: chosen.iter().map(|&row| rows[row]).collect(),
            },
        }
    }

    /// The rows and one more after them, which only plain rows can have.
    pub(crate) fn with_row(&self, row: &'a [f32]) -> Option<Self> {
        match self {
            Self::Rows(rows) => Some(Self::Rows(rows.iter().copied().chain([row]).collect())),
            Self::Tiles { .. } => None,
        }
    }

    /// Compares two rows by the first value that differs.
    pub(crate) fn compare(&self, a: usize, b: usize) -> Ordering {
        let first = |a: &[f32], b: &[f32]| {
            let pairs = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
            pairs.into_iter().find(|order| order.is_ne())
        };
        let order = match self {
            Self::Rows(rows) => first(rows[a], rows[b]),
            Self::Tiles { d, .. } => (0..d.div_ceil(PANEL)).find_map(|tile| {
                let width = PANEL.min(d - tile * PANEL);
                let rows = self.tile(tile);
                first(&rows[a][..width], &rows[b][..width])
            }),
        };
        order.unwrap_or(Ordering::Equal)
    }

    /// The rows of a tile; of plain rows there are none.
    fn tile(&self, tile: usize) -> Vec<&'a [f32]> {
        match self {
            Self::Rows(_) => Vec::new(),
            Self::Tiles {
                values,
                n_stored,
                rows,
                ..
            } => {
                let tile = &values[tile * n_stored * STRIDE..][..n_stored * STRIDE];
                let row = |&row: &usize| &tile[row * STRIDE..][..PANEL];
                rows.iter().map(row).collect()
            }
        }
    }

    /// Calls `visit` with the columns of a block, left to right, strip by strip, and with the place
    /// of each strip in the block.
    pub(crate) fn for_each_strip(&self, block: usize, mut visit: impl FnMut(Strip<'_>, usize)) {
        let columns = block_range(block, self.d());
        match self {
            Self::Rows(rows) => {
                let beyond: Vec<&[f32]> = rows.iter().map(|row| &row[columns.end..]).collect();
                let strip = Strip {
                    rows,
                    range: columns,
                    beyond: &beyond,
                };
                visit(strip, 0);
            }
            Self::Tiles { d, .. } => {
                let mut tile = self.tile(columns.start / PANEL);
                for start in columns.clone().step_by(PANEL) {
                    let next = match start + PANEL {
                        next if next < *d => self.tile(next / PANEL),
                        _ => Vec::new(),
                    };
                    let strip = Strip {
                        rows: &tile,
                        range: 0..PANEL.min(columns.end - start),
                        beyond: &next,
                    };
                    visit(strip, start - columns.start);
                    tile = next;
                }
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
