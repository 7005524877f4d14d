//! The combine pass of a rule that chose one row: a copy.

use super::ahead::Ahead;
use super::out::{EMPTY, Out};
use super::run::runs;
use super::simd::{Kernel, Simd};
use crate::source::Strip;

/// Writes one row over the strip into `out`.
pub(super) struct OneRow<'a> {
    pub(super) strip: Strip<'a>,
    pub(super) out: Out<'a>,
}

impl Kernel for OneRow<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { strip, out } = self;
        let mut ahead = Ahead::new(&strip);
        let mut room = Vec::new();
        let mut panel = EMPTY;
        let mut start = strip.range.start;
        for out in out.panels() {
            ahead.begin(start);
            for run in runs(&strip, start, &mut room) {
                for (x, to) in run.iter().zip(&mut panel) {
                    ahead.next(s);
                    s.store(s.load(x), &mut to.0);
                }
            }
            start += out.values.len();
            out.put(s, &panel);
        }
    }
}
