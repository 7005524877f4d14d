//! Means of rows, bitwise the same for any order of them.

use super::{Meanwhile, SIDE, Sums, VECTORS, add_all, store};
use crate::engine::ahead::Ahead;
use crate::engine::out::{EMPTY, Out, Panel};
use crate::engine::run::{Run, runs};
use crate::engine::simd::{Kernel, LANES, Lanes, Simd};
use crate::source::Strip;
use crate::tile::PANEL;

/// Writes the mean of the rows over the strip into `out`, bitwise the same for any order of them.
///
/// A sum of `f32` values in `f64` is exact, and so independent of the order, when their exponents
/// are close enough; whether they are depends on the set alone. The other columns are summed in
/// sorted order.
pub(in crate::engine) struct Average<'a> {
    pub(in crate::engine) strip: Strip<'a>,
    pub(in crate::engine) out: Out<'a>,
}

impl Kernel for Average<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut sums = ExactSums::of(self.strip.rows);
        add_all(s, &self.strip, &mut sums, self.out);
    }
}

struct ExactSums<'a> {
    rows: &'a [&'a [f32]],
    columns: [Exact; VECTORS],
}

/// Running sums of sixteen columns, with what tells whether they are exact.
#[derive(Clone, Copy)]
struct Exact {
    sum: Lanes<f64>,
    /// The largest magnitude.
    high: Lanes<f32>,
    /// The bits of the smallest magnitude but zero, minus one.
    low: Lanes<i32>,
}

impl Exact {
    const NOTHING: Self = Self {
        sum: Lanes([-0.0; LANES]),
        high: Lanes([0.0; LANES]),
        low: Lanes([-1; LANES]),
    };
}

impl<'a> ExactSums<'a> {
    #[inline(always)]
    fn of(rows: &'a [&'a [f32]]) -> Self {
        Self {
            rows,
            columns: [Exact::NOTHING; VECTORS],
        }
    }
}

impl Sums for ExactSums<'_> {
    #[inline(always)]
    fn clear(&mut self) {
        self.columns.fill(Exact::NOTHING);
    }

    #[inline(always)]
    fn add<S: Simd, const K: usize>(
        &mut self,
        s: S,
        _: usize,
        rows: [&Run; K],
        meanwhile: &mut impl Meanwhile,
    ) {
        for v in 0..VECTORS {
            meanwhile.ask(s, v);
            let column = &mut self.columns[v];
            let mut sum = s.load_d(&column.sum.0);
            let (mut high, mut low) = (s.load(&column.high.0), s.load_i(&column.low.0));
            for k in 0..K {
                // In this order: a load of all lanes before that of halves makes the compiler take
                // the halves from it, lane by lane.
                sum = s.add_d(sum, s.load_wide(&rows[k][v]));
                let x = s.load(&rows[k][v]);
                high = s.max_abs(high, x);
                // Zero minus one becomes the largest: zeros are exact beside anything.
                let magnitude = s.and_i(s.bits(x), s.splat_i(i32::MAX));
                low = s.min_unsigned(low, s.add_i(magnitude, s.splat_i(-1)));
            }
            s.store_d(sum, &mut column.sum.0);
            s.store(high, &mut column.high.0);
            s.store_i(low, &mut column.low.0);
        }
    }

    #[inline(always)]
    fn write<S: Simd>(&self, s: S, start: usize, out: &mut Panel) {
        let n = self.rows.len();
        let (share, reach) = (1.0 / n as f64, s.splat(reach(n)));
        for (v, (column, out)) in self.columns.iter().zip(out).enumerate() {
            store(s, &column.sum, share, out);
            let low = s.add_i(s.load_i(&column.low.0), s.splat_i(1));
            let most = s.mul(s.floats(low), reach);
            if s.any_above(s.load(&column.high.0), most) {
                let mut limits = [0.0; LANES];
                s.store(most, &mut limits);
                let lanes = column.high.0.iter().zip(&limits).zip(&mut out.0);
                for (lane, ((high, limit), out)) in lanes.enumerate() {
                    if high > limit {
                        *out = mean_of_sorted(self.rows, start + v * LANES + lane);
                    }
                }
            }
        }
    }
}

/// The mean of some rows over a strip, run by run, while somebody else reads the same runs.
pub(in crate::engine) struct Mean<'a> {
    /// The rows, and which of their columns.
    pub(in crate::engine) strip: Strip<'a>,
    pub(in crate::engine) out: Out<'a>,
}

impl<'a> Mean<'a> {
    /// Vectors, each of up to four rows, that one run takes.
    pub(in crate::engine) fn steps(&self) -> usize {
        self.strip.rows.len().div_ceil(SIDE) * VECTORS
    }

    /// The mean over the run that starts at this column.
    #[inline(always)]
    pub(in crate::engine) fn write_run<S: Simd>(
        &mut self,
        s: S,
        start: usize,
        ahead: &mut Ahead<'_>,
    ) {
        let mut sums = ExactSums::of(self.strip.rows);
        let mut room = Vec::new();
        let rows = runs(&self.strip, start, &mut room);
        for first in (0..rows.len()).step_by(SIDE) {
            match rows[first..] {
                [a] => sums.add(s, first, [a], ahead),
                [a, b] => sums.add(s, first, [a, b], ahead),
                [a, b, c] => sums.add(s, first, [a, b, c], ahead),
                [a, b, c, d, ..] => sums.add(s, first, [a, b, c, d], ahead),
                [] => {}
            }
        }
        let mut panel = EMPTY;
        sums.write(s, start, &mut panel);
        let at = start - self.strip.range.start;
        let width = PANEL.min(self.strip.range.end - start);
        self.out.slice(at, width).put(s, &panel);
    }
}

/// How many times the smallest magnitude but zero the largest may be, so that no partial sum of n
/// values, in any order, can have been rounded.
///
/// A value with biased exponent e is a multiple of 2^(e - 150) below 2^(e - 126). All partial
/// sums of n values are then multiples of 2^(low - 150) below n * 2^(high - 126), and `f64`
/// holds such numbers exactly when they are at most 2^53 units: when high - low + log2 n is at most
/// 29.
fn reach(n: usize) -> f32 {
    let doublings = n.next_power_of_two().trailing_zeros();
    2.0_f32.powi(29 - doublings.cast_signed())
}

/// Not inlined: one column in thousands.
#[inline(never)]
fn mean_of_sorted(rows: &[&[f32]], column: usize) -> f32 {
    let mut values: Vec<f32> = rows.iter().map(|row| row[column]).collect();
    values.sort_unstable_by(f32::total_cmp);
    let sum: f64 = values.iter().copied().map(f64::from).sum();
    (sum * (1.0 / rows.len() as f64)) as f32
}
