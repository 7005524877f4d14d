//! Weighted sums of rows, in `f64`: the last pass of the rules that take rows as a whole.

use std::ops::Range;

use super::padded;
use super::simd::{Kernel, LANES, Simd};

/// Vectors of sixteen columns that are summed side by side: long runs per row, short waits.
const SIDE: usize = 4;

/// Writes `sum of weight * row` over `range` into `out`, rounded once to `f32` and clamped to
/// finite values. The terms are added in the order of `rows`.
pub(super) struct Weighted<'a> {
    pub(super) rows: &'a [&'a [f32]],
    pub(super) weights: &'a [f64],
    pub(super) range: Range<usize>,
    pub(super) out: &'a mut [f32],
}

impl Kernel for Weighted<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut start = self.range.start;
        for out in self.out.chunks_mut(SIDE * LANES) {
            let columns = start..start + out.len();
            let mut sums = [s.splat_d(-0.0); SIDE];
            for (row, &weight) in self.rows.iter().zip(self.weights) {
                let x = load(s, &row[columns.clone()]);
                for k in 0..SIDE {
                    sums[k] = s.add_d(sums[k], s.mul_d(s.splat_d(weight), s.widen(x[k])));
                }
            }
            store(s, sums, out);
            start = columns.end;
        }
    }
}

/// Writes the mean of `rows` over `range` into `out`, bitwise the same for any order of them.
///
/// A sum of `f32` values in `f64` is exact, and so independent of the order, when their exponents
/// are close enough; whether they are depends on the set alone. The other columns are summed in
/// sorted order.
pub(super) struct Average<'a> {
    pub(super) rows: &'a [&'a [f32]],
    pub(super) range: Range<usize>,
    pub(super) out: &'a mut [f32],
}

impl Kernel for Average<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { rows, range, out } = self;
        let share = s.splat_d(1.0 / rows.len() as f64);
        let magnitude = s.splat_i(i32::MAX);
        let mut start = range.start;
        for out in out.chunks_mut(SIDE * LANES) {
            let columns = start..start + out.len();
            start = columns.end;
            let mut sums = [s.splat_d(-0.0); SIDE];
            let mut most = s.splat_i(0);
            let mut least = s.splat_i(i32::MAX);
            for row in rows {
                let x = load(s, &row[columns.clone()]);
                for k in 0..SIDE {
                    sums[k] = s.add_d(sums[k], s.widen(x[k]));
                    let bits = s.and_i(s.bits(x[k]), magnitude);
                    most = s.max_i(most, bits);
                    // Zero minus one becomes the largest: zeros are exact beside anything.
                    let before = s.and_i(s.add_i(bits, s.splat_i(-1)), magnitude);
                    least = s.min_i(least, before);
                }
            }
            for sum in &mut sums {
                *sum = s.mul_d(*sum, share);
            }
            store(s, sums, out);
            let (mut high, mut low) = ([0; LANES], [0; LANES]);
            s.store_i(most, &mut high);
            s.store_i(least, &mut low);
            let mut all_exact = true;
            for lane in 0..LANES {
                all_exact &= exact(high[lane], low[lane], rows.len());
            }
            if !all_exact {
                for column in 0..out.len() {
                    let lane = column % LANES;
                    if !exact(high[lane], low[lane], rows.len()) {
                        out[column] = mean_of_sorted(rows, columns.start + column);
                    }
                }
            }
        }
    }
}

/// Whether no partial sum of n values, in any order, can have been rounded. `high` is the largest
/// magnitude, `low` the smallest but zero, minus one.
///
/// A value with biased exponent e is a multiple of 2^(e - 150) below 2^(e - 126). All partial
/// sums of n values are then multiples of 2^(low - 150) below n * 2^(high - 126), and `f64`
/// holds such numbers exactly when they are at most 2^53 units.
#[inline(always)]
fn exact(high: i32, low: i32, n: usize) -> bool {
    let exponent = |magnitude: u32| (magnitude >> 23).max(1);
    let high = exponent(high.cast_unsigned());
    let low = exponent(low.cast_unsigned().wrapping_add(1));
    high.saturating_sub(low) + n.next_power_of_two().trailing_zeros() <= 29
}

/// Not inlined: one column in thousands.
#[inline(never)]
fn mean_of_sorted(rows: &[&[f32]], column: usize) -> f32 {
    let mut values: Vec<f32> = rows.iter().map(|row| row[column]).collect();
    values.sort_unstable_by(f32::total_cmp);
    let sum: f64 = values.iter().copied().map(f64::from).sum();
    (sum * (1.0 / rows.len() as f64)) as f32
}

/// Up to `SIDE` vectors; what is missing is zero.
#[inline(always)]
fn load<S: Simd>(s: S, x: &[f32]) -> [S::F; SIDE] {
    let mut out = [s.splat(0.0); SIDE];
    if let Ok(x) = <&[f32; SIDE * LANES]>::try_from(x) {
        let (x, _) = x.as_chunks();
        for k in 0..SIDE {
            out[k] = s.load(&x[k]);
        }
    } else {
        for (out, x) in out.iter_mut().zip(x.chunks(LANES)) {
            *out = s.load(&padded(x));
        }
    }
    out
}

#[inline(always)]
fn store<S: Simd>(s: S, sums: [S::D; SIDE], out: &mut [f32]) {
    for (sum, out) in sums.into_iter().zip(out.chunks_mut(LANES)) {
        let value = s.finite(s.narrow(sum));
        if let Ok(out) = <&mut [f32; LANES]>::try_from(&mut *out) {
            s.store(value, out);
        } else {
            let mut lanes = [0.0; LANES];
            s.store(value, &mut lanes);
            out.copy_from_slice(&lanes[..out.len()]);
        }
    }
}
