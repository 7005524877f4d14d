//! Weighted sums of rows, in `f64`: the last pass of the rules that take rows as a whole.

use std::ops::Range;

use super::simd::{Kernel, LANES, Lanes, Simd};
use super::{PANEL, padded};

/// Columns that are summed together: a run of each row is read in turn, as memory likes it, and the
/// sums of the run wait in the first-level cache.
const RUN: usize = PANEL;

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
        let mut sums = [Lanes([0.0; LANES]); RUN / LANES];
        let mut start = self.range.start;
        for out in self.out.chunks_mut(RUN) {
            let columns = start..start + out.len();
            let sums = &mut sums[..out.len().div_ceil(LANES)];
            // -0.0 is the neutral element: a column of -0.0 has the sum -0.0.
            sums.fill(Lanes([-0.0; LANES]));
            for (i, weights) in self.weights.chunks(SIDE).enumerate() {
                let group = group(self.rows, i, &columns);
                let mut factors = [s.splat_d(0.0); SIDE];
                for (factor, &weight) in factors.iter_mut().zip(weights) {
                    *factor = s.splat_d(weight);
                }
                for (v, sum) in sums.iter_mut().enumerate() {
                    let mut total = s.load_d(&sum.0);
                    for k in 0..weights.len() {
                        let x = s.widen(group.load(s, k, v));
                        total = s.add_d(total, s.mul_d(factors[k], x));
                    }
                    s.store_d(total, &mut sum.0);
                }
            }
            store(s, sums, 1.0, out);
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

/// Running sums of sixteen columns, with what tells whether they are exact.
#[derive(Clone, Copy)]
struct Exact {
    sum: Lanes<f64>,
    /// The largest magnitude.
    high: Lanes<i32>,
    /// The smallest magnitude but zero, minus one.
    low: Lanes<i32>,
}

impl Exact {
    const NOTHING: Self = Self {
        sum: Lanes([-0.0; LANES]),
        high: Lanes([0; LANES]),
        low: Lanes([i32::MAX; LANES]),
    };

    /// Adds the v-th vector of each of the `n` rows of a group.
    #[inline(always)]
    fn add<S: Simd>(&mut self, s: S, group: &Group<'_>, n: usize, v: usize) {
        let magnitude = s.splat_i(i32::MAX);
        let mut sum = s.load_d(&self.sum.0);
        let (mut high, mut low) = (s.load_i(&self.high.0), s.load_i(&self.low.0));
        for k in 0..n {
            let x = group.load(s, k, v);
            sum = s.add_d(sum, s.widen(x));
            let bits = s.and_i(s.bits(x), magnitude);
            high = s.max_i(high, bits);
            // Zero minus one becomes the largest: zeros are exact beside anything.
            let before = s.and_i(s.add_i(bits, s.splat_i(-1)), magnitude);
            low = s.min_i(low, before);
        }
        s.store_d(sum, &mut self.sum.0);
        s.store_i(high, &mut self.high.0);
        s.store_i(low, &mut self.low.0);
    }
}

impl Kernel for Average<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { rows, range, out } = self;
        let share = 1.0 / rows.len() as f64;
        let mut runs = [Exact::NOTHING; RUN / LANES];
        let mut start = range.start;
        for out in out.chunks_mut(RUN) {
            let columns = start..start + out.len();
            start = columns.end;
            let runs = &mut runs[..out.len().div_ceil(LANES)];
            runs.fill(Exact::NOTHING);
            for i in 0..rows.len().div_ceil(SIDE) {
                let group = group(rows, i, &columns);
                let n = SIDE.min(rows.len() - i * SIDE);
                for (v, run) in runs.iter_mut().enumerate() {
                    run.add(s, &group, n, v);
                }
            }
            for (v, (run, out)) in runs.iter().zip(out.chunks_mut(LANES)).enumerate() {
                store(s, &[run.sum], share, out);
                for (lane, out) in out.iter_mut().enumerate() {
                    if !exact(run.high.0[lane], run.low.0[lane], rows.len()) {
                        *out = mean_of_sorted(rows, columns.start + v * LANES + lane);
                    }
                }
            }
        }
    }
}

/// Rows that are read side by side: memory feeds so many streams, and the sums are loaded and stored
/// once for all of them.
const SIDE: usize = 4;

/// A run of up to four rows, and what is read next.
struct Group<'a> {
    rows: [&'a [[f32; LANES]]; SIDE],
    rests: [&'a [f32]; SIDE],
    next: [&'a [[f32; LANES]]; SIDE],
}

/// The i-th group of rows. The last one may be short: its last row stands in.
#[inline(always)]
fn group<'a>(rows: &[&'a [f32]], i: usize, columns: &Range<usize>) -> Group<'a> {
    let last = rows.len() - 1;
    let run = |row: usize, columns: &Range<usize>| {
        let row = rows[row];
        &row[columns.start.min(row.len())..columns.end.min(row.len())]
    };
    let first = i * SIDE;
    // After the last group comes the first one, further right.
    let (next, after) = if first + SIDE > last {
        (0, columns.end..columns.end + RUN)
    } else {
        (first + SIDE, columns.clone())
    };
    let here: [&[f32]; SIDE] = std::array::from_fn(|k| run((first + k).min(last), columns));
    Group {
        rows: here.map(|row| row.as_chunks().0),
        rests: here.map(|row| row.as_chunks::<LANES>().1),
        next: std::array::from_fn(|k| run((next + k).min(last), &after).as_chunks().0),
    }
}

impl Group<'_> {
    /// The v-th vector of a row; asks for the same one of the row that is read next.
    #[inline(always)]
    fn load<S: Simd>(&self, s: S, k: usize, v: usize) -> S::F {
        if let Some(line) = self.next[k].get(v) {
            s.prefetch(line);
        }
        match self.rows[k].get(v) {
            Some(x) => s.load(x),
            None => s.load(&padded(self.rests[k])),
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

/// Writes the sums times `factor`, rounded once and kept finite.
#[inline(always)]
fn store<S: Simd>(s: S, sums: &[Lanes<f64>], factor: f64, out: &mut [f32]) {
    for (sum, out) in sums.iter().zip(out.chunks_mut(LANES)) {
        let value = s.finite(s.narrow(s.mul_d(s.load_d(&sum.0), s.splat_d(factor))));
        if let Ok(out) = <&mut [f32; LANES]>::try_from(&mut *out) {
            s.store(value, out);
        } else {
            let mut lanes = [0.0; LANES];
            s.store(value, &mut lanes);
            out.copy_from_slice(&lanes[..out.len()]);
        }
    }
}
