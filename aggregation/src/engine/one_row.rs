//! The combine pass of a rule that chose one row: a copy.

use super::ahead::Ahead;
use super::out::{EMPTY, Out};
use super::padded;
use super::simd::{Kernel, LANES, Simd};
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
        let mut columns = strip.rows[0][strip.range.clone()].chunks(LANES);
        let mut panel = EMPTY;
        let mut start = strip.range.start;
        for out in out.panels() {
            ahead.begin(start);
            start += out.values.len();
            let vectors = out.values.len().div_ceil(LANES);
            for (to, x) in panel.iter_mut().zip(columns.by_ref().take(vectors)) {
                ahead.next(s);
                s.store(s.load(&padded(x)), &mut to.0);
            }
            out.put(s, &panel);
        }
    }
}
