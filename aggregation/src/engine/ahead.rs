//! Asks for the next panel while this one is at work.
//!
//! A pass reads n rows side by side, a cache line of each in turn: memory dislikes that, and its own
//! prefetchers give up beyond a dozen streams. So the next panel is asked for row by row, each a
//! run of one page, in step with the work on this one.

use super::PANEL;
use super::simd::{LANES, Simd};
use crate::source::Strip;

/// Lines of a panel in one row.
const LINES: usize = PANEL / LANES;

/// Walks over the cache lines of the panels after the first, one panel ahead of the reader.
pub(super) struct Ahead<'a> {
    strip: &'a Strip<'a>,
    start: usize,
    row: usize,
    line: usize,
}

impl<'a> Ahead<'a> {
    /// The reader is at the first column of the strip.
    #[inline(always)]
    pub(super) fn new(strip: &'a Strip<'a>) -> Self {
        Self {
            strip,
            start: strip.range.start + PANEL,
            row: 0,
            line: 0,
        }
    }

    /// Asks for so many lines more: as many as the reader has read meanwhile, of all rows together. A
    /// few at a time, or they wait for each other, and what is read now waits for them.
    #[inline(always)]
    pub(super) fn advance<S: Simd>(&mut self, s: S, lines: usize) {
        let mut left = lines;
        while left > 0 {
            let run = left.min(LINES - self.line);
            let columns = self.strip.ahead(self.row, self.start + self.line * LANES);
            if let Some(columns) = columns.and_then(|columns| columns.get(..run * LANES)) {
                for line in columns.as_chunks::<LANES>().0 {
                    s.prefetch(line);
                }
            }
            left -= run;
            self.line += run;
            if self.line == LINES {
                self.line = 0;
                self.row += 1;
                if self.row == self.strip.rows.len() {
                    self.row = 0;
                    self.start += PANEL;
                }
            }
        }
    }
}
