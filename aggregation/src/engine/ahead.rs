//! Asks for the next panel while this one is at work.
//!
//! A pass reads n rows side by side, a cache line of each in turn: memory dislikes that, and its own
//! prefetchers give up beyond a dozen streams. So the next panel is asked for in step with the work on
//! this one, four rows side by side, each a run of one page. A processor has room for a dozen requests;
//! more at a time stop the work until one is answered. So the kernels ask for a few lines every few dozen
//! instructions, and never for many at once.

use super::run::{LINES, Run, whole};
use super::simd::Simd;
use crate::source::Strip;
use crate::tile::PANEL;

/// Rows of which a line each is asked for at a time.
pub(super) const SIDE: usize = 4;

/// Walks over the cache lines of the panel after the one that is read.
pub(super) struct Ahead<'a> {
    strip: &'a Strip<'a>,
    /// The rows of that panel, four by four.
    rows: Vec<[&'a Run; SIDE]>,
    /// Those that are asked for now, and the line.
    four: usize,
    line: usize,
    /// What a step adds to what is due, in parts of four lines.
    pace: usize,
    due: usize,
}

/// So many parts make four lines.
const FOUR: usize = 1024;

/// A part of the work on a panel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) mine: usize,
    pub(super) all: usize,
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
            line: 0,
            pace: 0,
            due: 0,
        }
    }

    /// The reader begins the panel that starts at this column. A short panel after it is not asked for.
    #[inline(never)]
    pub(super) fn begin(&mut self, start: usize) {
        self.rows.clear();
        (self.four, self.line) = (0, 0);
        let n = self.strip.rows.len();
        for first in (0..n).step_by(SIDE) {
            let run = |k: usize| -> Option<&'a Run> {
                let row = (first + k).min(n - 1);
                self.strip.ahead(row, start + PANEL).and_then(whole)
            };
            if let (Some(a), Some(b), Some(c), Some(d)) = (run(0), run(1), run(2), run(3)) {
                self.rows.push([a, b, c, d]);
            }
        }
    }

    /// Asks for a line of each of four rows. Calls nothing, for the sake of the registers around it.
    #[inline(always)]
    pub(super) fn next<S: Simd>(&mut self, s: S) {
        if let Some(rows) = self.rows.get(self.four) {
            for row in rows {
                s.prefetch(&row[self.line % LINES]);
            }
        }
        self.line += 1;
        if self.line == LINES {
            self.line = 0;
            self.four += 1;
        }
    }

    /// The same so many times.
    #[inline(always)]
    pub(super) fn advance<S: Simd>(&mut self, s: S, fours: usize) {
        for _ in 0..fours {
            self.next(s);
        }
    }

    /// The next steps, so many, ask for a part of the panel.
    pub(super) fn spread(&mut self, steps: usize, part: Part) {
        let lines = fours(self.strip.rows.len()) * LINES;
        self.pace = (lines * FOUR * part.mine).div_ceil(steps * part.all);
        self.due = 0;
    }

    /// One step: nothing yet, or four lines, or more.
    #[inline(always)]
    pub(super) fn step<S: Simd>(&mut self, s: S) {
        self.steps(s, 1);
    }

    /// Some steps.
    #[inline(always)]
    pub(super) fn steps<S: Simd>(&mut self, s: S, steps: usize) {
        self.due += steps * self.pace;
        while self.due >= FOUR {
            self.due -= FOUR;
            self.next(s);
        }
    }
}
