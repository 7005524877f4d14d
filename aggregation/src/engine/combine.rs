//! Weighted sums of rows, in `f64`: the last pass of the rules that take rows as a whole.
//!
//! Columns go by runs, as memory likes it: the run of each row is read in turn, four rows side by
//! side, while the sums of the run wait in the first-level cache.

use super::out::{EMPTY, Out, Panel};
use super::run::{LINES as VECTORS, Run, runs, whole};
use super::simd::{Kernel, LANES, Lanes, Simd};
use crate::source::Strip;
use crate::tile::PANEL;

/// Rows that are read side by side: memory feeds so many streams, and the sums are loaded and stored
/// once for all of them.
const SIDE: usize = 4;

/// Sums of the columns of one run.
trait Sums {
    /// Before the first row.
    fn clear(&mut self);

    /// Adds some rows, of which the first one is the `first`-th, and asks for those that are `next`.
    fn add<S: Simd, const K: usize>(
        &mut self,
        s: S,
        first: usize,
        rows: [&Run; K],
        next: [&Run; K],
    );

    /// The outcome of the columns from `start` on.
    fn write<S: Simd>(&self, s: S, start: usize, out: &mut Panel);
}

/// Adds all rows of a strip, run by run, into `out`, which has the length of the strip.
#[inline(always)]
fn add_all<S: Simd>(s: S, strip: &Strip<'_>, sums: &mut impl Sums, out: Out<'_>) {
    let mut start = strip.range.start;
    let mut panel = EMPTY;
    let mut room = Vec::new();
    for out in out.panels() {
        sums.clear();
        let rows = runs(strip, start, &mut room);
        for first in (0..rows.len()).step_by(SIDE) {
            let here = (start, first);
            match rows.len() - first {
                1 => add_some::<S, 1>(s, strip, &rows, here, sums),
                2 => add_some::<S, 2>(s, strip, &rows, here, sums),
                3 => add_some::<S, 3>(s, strip, &rows, here, sums),
                _ => add_some::<S, SIDE>(s, strip, &rows, here, sums),
            }
        }
        sums.write(s, start, &mut panel);
        start += out.values.len();
        out.put(s, &panel);
    }
}

/// Adds `K` of the runs that start at this column, from the `first` one on.
#[inline(always)]
fn add_some<S: Simd, const K: usize>(
    s: S,
    strip: &Strip<'_>,
    runs: &[&Run],
    (start, first): (usize, usize),
    sums: &mut impl Sums,
) {
    let rows: [&Run; K] = std::array::from_fn(|k| runs[first + k]);
    // After the last rows come the first ones, further right.
    let (next, columns) = match first + SIDE {
        next if next < runs.len() => (next, start),
        _ => (0, start + PANEL),
    };
    let next = std::array::from_fn(|k| {
        let row = (next + k).min(runs.len() - 1);
        let columns = strip.ahead(row, columns);
        columns.and_then(whole).unwrap_or(rows[k])
    });
    sums.add(s, first, rows, next);
}

/// Writes `sum of weight * row` over the strip into `out`, rounded once to `f32` and clamped to
/// finite values. The terms are added in the order of the rows.
pub(super) struct Weighted<'a> {
    pub(super) strip: Strip<'a>,
    pub(super) weights: &'a [f64],
    pub(super) out: Out<'a>,
}

impl Kernel for Weighted<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut sums = WeightedSums {
            weights: self.weights,
            sums: [Lanes([0.0; LANES]); VECTORS],
        };
        add_all(s, &self.strip, &mut sums, self.out);
    }
}

struct WeightedSums<'a> {
    weights: &'a [f64],
    sums: [Lanes<f64>; VECTORS],
}

impl Sums for WeightedSums<'_> {
    #[inline(always)]
    fn clear(&mut self) {
        // -0.0 is the neutral element: a column of -0.0 has the sum -0.0.
        self.sums.fill(Lanes([-0.0; LANES]));
    }

    #[inline(always)]
    fn add<S: Simd, const K: usize>(
        &mut self,
        s: S,
        first: usize,
        rows: [&Run; K],
        next: [&Run; K],
    ) {
        let mut factors = [s.splat_d(0.0); K];
        for k in 0..K {
            factors[k] = s.splat_d(self.weights[first + k]);
        }
        for v in 0..VECTORS {
            let mut sum = s.load_d(&self.sums[v].0);
            for k in 0..K {
                s.prefetch(&next[k][v]);
                let x = s.load_wide(&rows[k][v]);
                sum = s.add_d(sum, s.mul_d(factors[k], x));
            }
            s.store_d(sum, &mut self.sums[v].0);
        }
    }

    #[inline(always)]
    fn write<S: Simd>(&self, s: S, _: usize, out: &mut Panel) {
        for (sum, out) in self.sums.iter().zip(out) {
            store(s, sum, 1.0, out);
        }
    }
}

/// Writes the mean of the rows over the strip into `out`, bitwise the same for any order of them.
///
/// A sum of `f32` values in `f64` is exact, and so independent of the order, when their exponents
/// are close enough; whether they are depends on the set alone. The other columns are summed in
/// sorted order.
pub(super) struct Average<'a> {
    pub(super) strip: Strip<'a>,
    pub(super) out: Out<'a>,
}

impl Kernel for Average<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut sums = ExactSums {
            rows: self.strip.rows,
            columns: [Exact::NOTHING; VECTORS],
        };
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

impl Sums for ExactSums<'_> {
    #[inline(always)]
    fn clear(&mut self) {
        self.columns.fill(Exact::NOTHING);
    }

    #[inline(always)]
    fn add<S: Simd, const K: usize>(&mut self, s: S, _: usize, rows: [&Run; K], next: [&Run; K]) {
        for v in 0..VECTORS {
            let column = &mut self.columns[v];
            let mut sum = s.load_d(&column.sum.0);
            let (mut high, mut low) = (s.load(&column.high.0), s.load_i(&column.low.0));
            for k in 0..K {
                s.prefetch(&next[k][v]);
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

/// A sum times `factor`, rounded once and kept finite.
#[inline(always)]
fn store<S: Simd>(s: S, sum: &Lanes<f64>, factor: f64, out: &mut Lanes<f32>) {
    let value = s.mul_d(s.load_d(&sum.0), s.splat_d(factor));
    s.store(s.finite(s.narrow(value)), &mut out.0);
}
