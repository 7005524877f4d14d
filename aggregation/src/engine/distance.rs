//! Squared distances of all pairs of rows, and squared norms, over a piece of the columns.
//!
//! Differences come before squares, so rows that share a large offset (models rather than
//! gradients) lose nothing, and no row but the two takes part in their distance. Within a panel of
//! [`PANEL`] columns the sums are `f32` in sixteen lanes; across panels they are `f64`. A panel's
//! sum counts only if it is far from overflow and underflow; else that pair's panel is computed
//! again in `f64`, where no finite `f32` can do either. So a row of 1e30 slows its own pairs down
//! and falsifies none.

use std::ops::Range;

use super::simd::{Kernel, LANES, Simd};
use super::{PANEL, padded, triangle};

/// Adds the squared distances over `range` to `sums`: pair (i, j) with j < i at `triangle(i, j)`,
/// the squared norm of row i at `triangle(i, i)`. A range starts at a multiple of a panel.
pub(super) struct Distances<'a> {
    pub(super) rows: &'a [&'a [f32]],
    pub(super) range: Range<usize>,
    pub(super) sums: &'a mut [f64],
}

/// `f32` sums of a panel are trusted from here...
const LEAST: f32 = 1e-24;
/// ...to here: terms that underflow are below 1e-38 each, partial sums cannot overflow.
const MOST: f32 = 1e36;

impl Kernel for Distances<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { rows, range, sums } = self;
        for start in range.clone().step_by(PANEL) {
            let columns = start..range.end.min(start + PANEL);
            if S::WIDE {
                panel::<S, 4>(s, rows, columns, sums);
            } else {
                panel::<S, 2>(s, rows, columns, sums);
            }
        }
    }
}

/// All pairs over one panel, in square tiles of `R` x `R` rows.
#[inline(always)]
fn panel<S: Simd, const R: usize>(s: S, rows: &[&[f32]], columns: Range<usize>, sums: &mut [f64]) {
    let n = rows.len();
    for i in (0..n).step_by(R) {
        for j in (0..=i).step_by(R) {
            // Past the end the last row stands in, and its sums are not used.
            let pick = |first: usize| -> [&[f32]; R] {
                std::array::from_fn(|k| &rows[(first + k).min(n - 1)][columns.clone()])
            };
            let (a, b) = (pick(i), pick(j));
            let found = if i == j {
                tile::<S, R, true>(s, a, b)
            } else {
                tile::<S, R, false>(s, a, b)
            };
            for p in 0..R.min(n - i) {
                for q in 0..R.min(n - j) {
                    if i + p >= j + q {
                        let other = (i + p != j + q).then_some(b[q]);
                        let mut sum = f64::from(found[p][q]);
                        if !(LEAST..=MOST).contains(&found[p][q]) {
                            sum = exactly(s, a[p], other);
                        }
                        sums[triangle(i + p, j + q)] += sum;
                    }
                }
            }
        }
    }
}

/// The sums of a tile: of squared differences, and on the diagonal of squares.
#[inline(always)]
fn tile<S: Simd, const R: usize, const DIAGONAL: bool>(
    s: S,
    a: [&[f32]; R],
    b: [&[f32]; R],
) -> [[f32; R]; R] {
    let (full, rest) = (a[0].len() / LANES, a[0].len() % LANES);
    let a_full: [&[[f32; LANES]]; R] = std::array::from_fn(|k| &a[k].as_chunks().0[..full]);
    let b_full: [&[[f32; LANES]]; R] = std::array::from_fn(|k| &b[k].as_chunks().0[..full]);
    let mut sums = [[s.splat(0.0); R]; R];
    for v in 0..full {
        let mut x = [s.splat(0.0); R];
        for p in 0..R {
            x[p] = s.load(&a_full[p][v]);
        }
        for q in 0..R {
            let y = s.load(&b_full[q][v]);
            step::<S, R, DIAGONAL>(s, &mut sums, &x, y, q);
        }
    }
    if rest > 0 {
        let mut x = [s.splat(0.0); R];
        for p in 0..R {
            x[p] = s.load(&padded(&a[p][full * LANES..]));
        }
        for q in 0..R {
            let y = s.load(&padded(&b[q][full * LANES..]));
            step::<S, R, DIAGONAL>(s, &mut sums, &x, y, q);
        }
    }
    let mut out = [[0.0; R]; R];
    for p in 0..R {
        for q in 0..R {
            out[p][q] = s.sum(sums[p][q]);
        }
    }
    out
}

#[inline(always)]
fn step<S: Simd, const R: usize, const DIAGONAL: bool>(
    s: S,
    sums: &mut [[S::F; R]; R],
    x: &[S::F; R],
    y: S::F,
    q: usize,
) {
    for p in 0..R {
        let difference = if DIAGONAL && p == q {
            y
        } else {
            s.sub(x[p], y)
        };
        sums[p][q] = s.mul_add(difference, difference, sums[p][q]);
    }
}

/// One pair, or one row's squares, in `f64` throughout.
#[inline(always)]
fn exactly<S: Simd>(s: S, a: &[f32], b: Option<&[f32]>) -> f64 {
    let b = b.unwrap_or(a);
    let minus = s.splat_d(if std::ptr::eq(a, b) { 0.0 } else { 1.0 });
    let mut sum = s.splat_d(0.0);
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        let (a, b) = (s.widen(s.load(&padded(a))), s.widen(s.load(&padded(b))));
        let difference = s.sub_d(a, s.mul_d(minus, b));
        sum = s.add_d(sum, s.mul_d(difference, difference));
    }
    let mut lanes = [0.0; LANES];
    s.store_d(sum, &mut lanes);
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}
