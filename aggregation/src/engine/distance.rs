//! Squared distances of all pairs of rows, and squared norms, over a piece of the columns.
//!
//! Differences come before squares, so rows that share a large offset (models rather than
//! gradients) lose nothing, and no row but the two takes part in their distance. Within a panel of
//! [`PANEL`] columns the sums are `f32` in sixteen lanes; across panels they are `f64`. A panel's
//! sum counts only if it is far from overflow and underflow; else that pair's panel is computed
//! again in `f64`, where no finite `f32` can do either. So a row of 1e30 slows its own pairs down
//! and falsifies none.

use std::ops::Range;

use super::ahead::Ahead;
use super::simd::{Kernel, LANES, Simd};
use super::{PANEL, Pairs, padded, triangle};

/// Adds the squared distances over `range` to `sums`: pair (i, j) with j < i at `triangle(i, j)`,
/// the squared norm of row i at `triangle(i, i)`. A range starts at a multiple of a panel.
pub(super) struct Distances<'a> {
    pub(super) rows: &'a [&'a [f32]],
    pub(super) pairs: Pairs,
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
        let Self {
            rows,
            pairs,
            range,
            sums,
        } = self;
        let full = range.start + range.len() / LANES * LANES;
        let mut ahead = Ahead::new(rows, range.start);
        for start in (range.start..full).step_by(PANEL) {
            let columns = start..full.min(start + PANEL);
            let panel = rows.iter().map(|row| row[columns.clone()].as_chunks().0);
            let panel: Vec<_> = panel.collect();
            ahead.advance(s, PANEL / LANES);
            panel_of_any(s, &panel, pairs, sums);
        }
        if full < range.end {
            let rest = rows.iter().map(|row| [padded(&row[full..range.end])]);
            let rest: Vec<[[f32; LANES]; 1]> = rest.collect();
            let rest: Vec<&[[f32; LANES]]> = rest.iter().map(|row| &row[..]).collect();
            panel_of_any(s, &rest, pairs, sums);
        }
    }
}

#[inline(always)]
fn panel_of_any<S: Simd>(s: S, rows: &[&[[f32; LANES]]], pairs: Pairs, sums: &mut [f64]) {
    match pairs {
        Pairs::All if S::WIDE => panel::<S, 4>(s, rows, sums),
        Pairs::All => panel::<S, 2>(s, rows, sums),
        Pairs::NormsAnd(own) => star(s, rows, own, sums),
    }
}

/// The norms over one panel, and the distances to one row; the same bits as in [`panel`].
#[inline(always)]
fn star<S: Simd>(s: S, rows: &[&[[f32; LANES]]], own: Option<usize>, sums: &mut [f64]) {
    for (i, &row) in rows.iter().enumerate() {
        let (a, b) = ([row], [row]);
        let found = s.call(Tile::<1, true> { a, b });
        sums[triangle(i, i)] += trusted(s, found[0][0], row, None);
        if let Some(own) = own.filter(|own| *own != i) {
            let (a, b) = ([rows[own.max(i)]], [rows[own.min(i)]]);
            let found = s.call(Tile::<1, false> { a, b });
            sums[triangle(own.max(i), own.min(i))] += trusted(s, found[0][0], a[0], Some(b[0]));
        }
    }
}

/// A panel's sum, if it is far from overflow and underflow; else computed again in `f64`.
#[inline(always)]
fn trusted<S: Simd>(s: S, sum: f32, a: &[[f32; LANES]], b: Option<&[[f32; LANES]]>) -> f64 {
    if (LEAST..=MOST).contains(&sum) {
        f64::from(sum)
    } else {
        s.call(Exactly { a, b })
    }
}

/// All pairs over one panel, in square tiles of `R` x `R` rows.
#[inline(always)]
fn panel<S: Simd, const R: usize>(s: S, rows: &[&[[f32; LANES]]], sums: &mut [f64]) {
    let n = rows.len();
    for i in (0..n).step_by(R) {
        for j in (0..=i).step_by(R) {
            // Past the end the last row stands in, and its sums are not used.
            let pick = |first: usize| -> [&[[f32; LANES]]; R] {
                std::array::from_fn(|k| rows[(first + k).min(n - 1)])
            };
            let (a, b) = (pick(i), pick(j));
            let found = if i == j {
                s.call(Tile::<R, true> { a, b })
            } else {
                s.call(Tile::<R, false> { a, b })
            };
            for p in 0..R.min(n - i) {
                for q in 0..R.min(n - j) {
                    if i + p >= j + q {
                        let other = (i + p != j + q).then_some(b[q]);
                        sums[triangle(i + p, j + q)] += trusted(s, found[p][q], a[p], other);
                    }
                }
            }
        }
    }
}

/// The sums of a tile: of squared differences, and on the diagonal of squares.
struct Tile<'a, const R: usize, const DIAGONAL: bool> {
    a: [&'a [[f32; LANES]]; R],
    b: [&'a [[f32; LANES]]; R],
}

impl<const R: usize, const DIAGONAL: bool> Kernel for Tile<'_, R, DIAGONAL> {
    type Out = [[f32; R]; R];

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Out {
        let width = self.a[0].len();
        let a: [&[[f32; LANES]]; R] = std::array::from_fn(|k| &self.a[k][..width]);
        let b: [&[[f32; LANES]]; R] = std::array::from_fn(|k| &self.b[k][..width]);
        let mut sums = [[s.splat(0.0); R]; R];
        for v in 0..width {
            let mut x = [s.splat(0.0); R];
            for p in 0..R {
                x[p] = s.load(&a[p][v]);
            }
            for q in 0..R {
                let y = s.load(&b[q][v]);
                for p in 0..R {
                    let difference = if DIAGONAL && p == q {
                        y
                    } else {
                        s.sub(x[p], y)
                    };
                    sums[p][q] = s.mul_add(difference, difference, sums[p][q]);
                }
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
}

/// One pair, or one row's squares, in `f64` throughout.
struct Exactly<'a> {
    a: &'a [[f32; LANES]],
    b: Option<&'a [[f32; LANES]]>,
}

impl Kernel for Exactly<'_> {
    type Out = f64;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f64 {
        let minus = s.splat_d(if self.b.is_some() { 1.0 } else { 0.0 });
        let b = self.b.unwrap_or(self.a);
        let mut sum = s.splat_d(0.0);
        for (a, b) in self.a.iter().zip(b) {
            let (a, b) = (s.widen(s.load(a)), s.widen(s.load(b)));
            let difference = s.sub_d(a, s.mul_d(minus, b));
            sum = s.add_d(sum, s.mul_d(difference, difference));
        }
        tree(s, sum)
    }
}

/// Adds the scalar products of some rows with all rows to `sums`: `n` of them for each of `far`.
pub(super) struct Dots<'a> {
    pub(super) rows: &'a [&'a [f32]],
    pub(super) far: &'a [usize],
    pub(super) range: Range<usize>,
    pub(super) sums: &'a mut [f64],
}

impl Kernel for Dots<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for start in self.range.clone().step_by(PANEL) {
            let columns = start..self.range.end.min(start + PANEL);
            let sums = self.sums.chunks_exact_mut(self.rows.len());
            for (&far, sums) in self.far.iter().zip(sums) {
                let a = &self.rows[far][columns.clone()];
                for (sum, row) in sums.iter_mut().zip(self.rows) {
                    *sum += dot(s, a, &row[columns.clone()]);
                }
            }
        }
    }
}

/// In `f64` throughout.
#[inline(always)]
fn dot<S: Simd>(s: S, a: &[f32], b: &[f32]) -> f64 {
    let mut sum = s.splat_d(0.0);
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        let (a, b) = (s.load(&padded(a)), s.load(&padded(b)));
        sum = s.add_d(sum, s.mul_d(s.widen(a), s.widen(b)));
    }
    tree(s, sum)
}

/// The sum of the lanes, as the same tree as [`Simd::sum`].
#[inline(always)]
fn tree<S: Simd>(s: S, sum: S::D) -> f64 {
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
