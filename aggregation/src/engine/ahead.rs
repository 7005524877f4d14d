//! Asks for the next panel while this one is at work.
//!
//! A pass reads n rows side by side, a cache line of each in turn: memory dislikes that, and its own
//! prefetchers give up beyond a dozen streams. So the next panel is asked for in step with the work on
//! this one, four rows side by side, each a run of one page. A processor has room for a dozen requests;
//! more at a time stop the work until one is answered. So the kernels ask for a few lines every few dozen
//! instructions, and never for many at once.

use super::simd::{LANES, Simd};
use crate::source::Strip;
use crate::tile::PANEL;

/// Lines of a panel in one row.
pub(super) const LINES: usize = PANEL / LANES;
/// Rows of which a line each is asked for at a time.
pub(super) const SIDE: usize = 4;

/// One row of a panel.
type Run = [[f32; LANES]; LINES];

/// Walks over the cache lines of the panel after the one that is read.
pub(super) struct Ahead<'a> {
    strip: &'a Strip<'a>,
    /// The rows of that panel, four by four.
    rows: Vec<[&'a Run; SIDE]>,
    /// Those that are asked for now, which of them, and the line.
    four: usize,
    row: usize,
    line: usize,
    /// Fours of lines to every [`LINES`] calls of [`Ahead::step`].
    pace: usize,
    due: usize,
}

/// Fours of lines that n rows have in sixteen columns.
pub(super) const fn fours(n: usize) -> usize {
    n.div_ceil(SIDE)
}

impl<'a> Ahead<'a> {
    pub(super) fn new(strip: &'a Strip<'a>) -> Self {
        Self {
            strip,
            rows: Vec::with_capacity(fours(strip.rows.len())),
            four: 0,
            row: 0,
            line: 0,
            pace: 0,
            due: 0,
        }
    }

    /// The reader begins the panel that starts at this column. A short panel after it is not asked for.
    #[inline(never)]
    pub(super) fn begin(&mut self, start: usize) {
        self.rows.clear();
        (self.four, self.row, self.line) = (0, 0, 0);
        let n = self.strip.rows.len();
        for first in (0..n).step_by(SIDE) {
            let run = |k: usize| -> Option<&'a Run> {
                let row = (first + k).min(n - 1);
                let columns = self.strip.ahead(row, start + PANEL)?;
                columns.as_chunks().0.first_chunk()
            };
            if let (Some(a), Some(b), Some(c), Some(d)) = (run(0), run(1), run(2), run(3)) {
                self.rows.push([a, b, c, d]);
            }
        }
    }

    /// Asks for a line. Calls nothing, for the sake of the registers around it.
    #[inline(always)]
    pub(super) fn next<S: Simd>(&mut self, s: S) {
        if let Some(rows) = self.rows.get(self.four) {
            s.prefetch(&rows[self.row % SIDE][self.line % LINES]);
        }
        self.row += 1;
        if self.row == SIDE {
            self.row = 0;
            self.next_line();
        }
    }

    /// The same so many times: as many as the reader has read meanwhile, of all rows together.
    #[inline(always)]
    pub(super) fn advance<S: Simd>(&mut self, s: S, lines: usize) {
        for _ in 0..lines {
            self.next(s);
        }
    }

    /// Asks for a line of each of four rows.
    #[inline(always)]
    fn next_four<S: Simd>(&mut self, s: S) {
        if let Some(rows) = self.rows.get(self.four) {
            for row in rows {
                s.prefetch(&row[self.line % LINES]);
            }
        }
        self.next_line();
    }

    #[inline(always)]
    fn next_line(&mut self) {
        self.line += 1;
        if self.line == LINES {
            self.line = 0;
            self.four += 1;
        }
    }

    /// From now on, [`LINES`] steps ask for so many fours of lines.
    pub(super) fn set_pace(&mut self, fours: usize) {
        self.pace = fours;
    }

    /// One step: nothing yet, or four lines, or more.
    #[inline(always)]
    pub(super) fn step<S: Simd>(&mut self, s: S) {
        self.due += self.pace;
        while self.due >= LINES {
            self.due -= LINES;
            self.next_four(s);
        }
    }
}
