//! Squared distances of all pairs of rows, and squared norms, over a piece of the columns.
//!
//! Within a panel of [`PANEL`] columns the sums are `f32` in sixteen lanes; across panels they are
//! `f64`. A panel's distance comes from scalar products, |a|^2 + |b|^2 - 2ab, where that loses
//! nothing: where it is not much smaller than the squares, and all are far from overflow and
//! underflow. Else it comes from the differences, and if even their sum is near overflow or
//! underflow, from `f64`, where no finite `f32` can do either. So rows that share a large offset
//! (models rather than gradients) lose nothing, a row of 1e30 slows its own pairs down and falsifies
//! none, and a pair's distance depends on its two rows alone.

mod copies;
mod tile;

use super::ahead::Ahead;
use super::simd::{Kernel, LANES, Simd};
use super::{PANEL, Pairs, padded, triangle};
use crate::source::Strip;
use copies::Copies;
use tile::{Differences, Exactly, Products, Row, tree};

/// Adds the squared distances over the strip to `sums`: pair (i, j) with j < i at `triangle(i, j)`,
/// the squared norm of row i at `triangle(i, i)`.
pub(super) struct Distances<'a> {
    pub(super) strip: Strip<'a>,
    pub(super) pairs: Pairs,
    pub(super) sums: &'a mut [f64],
}

/// `f32` sums of a panel are trusted from here...
const LEAST: f32 = 1e-24;
/// ...to here: terms that underflow are below 1e-38 each, partial sums cannot overflow.
const MOST: f32 = 1e36;
/// A distance comes from scalar products if it is at least this part of the sum of the squares: then
/// its relative error is at most four times theirs.
const PART: f32 = 0.25;

impl Kernel for Distances<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { strip, pairs, sums } = self;
        let (rows, range) = (strip.rows, strip.range.clone());
        let full = range.start + range.len() / LANES * LANES;
        let mut ahead = Ahead::new(&strip);
        let mut copies = Copies::default();
        for start in (range.start..full).step_by(PANEL) {
            let columns = start..full.min(start + PANEL);
            let panel = rows.iter().map(|row| row[columns.clone()].as_chunks().0);
            let mut panel: Vec<_> = panel.collect();
            if pairs == Pairs::All {
                panel = copies.aligned(panel);
            }
            panel_of_any(s, &panel, pairs, &mut ahead, sums);
        }
        if full < range.end {
            let rest = rows.iter().map(|row| [padded(&row[full..range.end])]);
            let rest: Vec<[[f32; LANES]; 1]> = rest.collect();
            let rest: Vec<&[[f32; LANES]]> = rest.iter().map(|row| &row[..]).collect();
            panel_of_any(s, &rest, pairs, &mut ahead, sums);
        }
    }
}

#[inline(always)]
fn panel_of_any<S: Simd>(
    s: S,
    rows: &[Row<'_>],
    pairs: Pairs,
    ahead: &mut Ahead<'_>,
    sums: &mut [f64],
) {
    match pairs {
        Pairs::All if S::WIDE => panel::<S, 4>(s, rows, ahead, sums),
        Pairs::All => panel::<S, 2>(s, rows, ahead, sums),
        Pairs::NormsAnd(own) => star(s, rows, own, ahead, sums),
    }
}

/// The norms over one panel, and the distances to one row; the same bits as in [`panel`].
#[inline(always)]
fn star<S: Simd>(
    s: S,
    rows: &[Row<'_>],
    own: Option<usize>,
    ahead: &mut Ahead<'_>,
    sums: &mut [f64],
) {
    let mut squares = Vec::with_capacity(rows.len());
    for (i, &row) in rows.iter().enumerate() {
        ahead.advance(s, PANEL / LANES);
        let (a, b) = ([row], [row]);
        let found = s.call(Products { a, b });
        sums[triangle(i, i)] += square(s, found[0][0], row, &mut squares);
    }
    let Some(own) = own else { return };
    for i in (0..rows.len()).filter(|&i| i != own) {
        let (a, b) = ([rows[own.max(i)]], [rows[own.min(i)]]);
        let products = s.call(Products { a, b });
        let found = [[from_products(
            products[0][0],
            squares[own.max(i)],
            squares[own.min(i)],
        )]];
        let at = (own.max(i), own.min(i));
        add(s, at, (1, 1), a, b, found, sums);
    }
}

/// All pairs over one panel, in square tiles of `R` x `R` rows.
#[inline(always)]
fn panel<S: Simd, const R: usize>(s: S, rows: &[Row<'_>], ahead: &mut Ahead<'_>, sums: &mut [f64]) {
    let n = rows.len();
    let mut squares = Vec::with_capacity(n);
    // The next panel is asked for in equal parts, one before each tile.
    let across = n.div_ceil(R);
    let mut lines = PANEL / LANES * n;
    let part = lines.div_ceil(across * (across + 1) / 2);
    // Past the end the last row stands in, and its sums are not used.
    let pick =
        |first: usize| -> [Row<'_>; R] { std::array::from_fn(|k| rows[(first + k).min(n - 1)]) };
    for i in (0..n).step_by(R) {
        let a = pick(i);
        let products = s.call(Products { a, b: a });
        for p in 0..R.min(n - i) {
            sums[triangle(i + p, i + p)] += square(s, products[p][p], a[p], &mut squares);
        }
        for j in (0..=i).step_by(R) {
            let b = pick(j);
            ahead.advance(s, part.min(lines));
            lines -= part.min(lines);
            let products = if i == j {
                products
            } else {
                s.call(Products { a, b })
            };
            let mut found = [[f32::NAN; R]; R];
            for p in 0..R.min(n - i) {
                for q in 0..R.min(n - j) {
                    found[p][q] = from_products(products[p][q], squares[i + p], squares[j + q]);
                }
            }
            add(s, (i, j), (R.min(n - i), R.min(n - j)), a, b, found, sums);
        }
    }
}

/// The square of a row in `f64`; its `f32` value goes to `squares`, NaN if it is not to be trusted.
#[inline(always)]
fn square<S: Simd>(s: S, sum: f32, row: Row<'_>, squares: &mut Vec<f32>) -> f64 {
    if (LEAST..=MOST).contains(&sum) {
        squares.push(sum);
        return f64::from(sum);
    }
    let exactly = s.call(Exactly { a: row, b: None });
    // A row of zeros is as far from another as that one is long.
    squares.push(if exactly == 0.0 { 0.0 } else { f32::NAN });
    exactly
}

/// A distance from a product and two squares; NaN if too much is lost.
#[inline(always)]
fn from_products(product: f32, a: f32, b: f32) -> f32 {
    let squares = a + b;
    let distance = squares - 2.0 * product;
    if distance >= PART * squares {
        distance
    } else {
        f32::NAN
    }
}

/// Adds the distances of a tile at `(i, j)`, of which so many rows count; those that are NaN come
/// from the differences.
#[inline(always)]
fn add<S: Simd, const R: usize>(
    s: S,
    (i, j): (usize, usize),
    (height, width): (usize, usize),
    a: [Row<'_>; R],
    b: [Row<'_>; R],
    found: [[f32; R]; R],
    sums: &mut [f64],
) {
    let counts = |p: usize, q: usize| i + p > j + q;
    let is_lost = |p: usize| (0..width).any(|q| counts(p, q) && found[p][q].is_nan());
    let differences = (0..height)
        .any(is_lost)
        .then(|| s.call(Differences { a, b }));
    for p in 0..height {
        for q in (0..width).filter(|&q| counts(p, q)) {
            sums[triangle(i + p, j + q)] += match &differences {
                Some(sums) if found[p][q].is_nan() => trusted(s, sums[p][q], a[p], b[q]),
                Some(_) | None => f64::from(found[p][q]),
            };
        }
    }
}

/// A panel's sum of differences, if it is far from overflow and underflow; else computed again in
/// `f64`.
#[inline(always)]
fn trusted<S: Simd>(s: S, sum: f32, a: Row<'_>, b: Row<'_>) -> f64 {
    if (LEAST..=MOST).contains(&sum) {
        f64::from(sum)
    } else {
        s.call(Exactly { a, b: Some(b) })
    }
}

/// Adds the scalar products of some rows with all rows to `sums`: `n` of them for each of `far`.
pub(super) struct Dots<'a> {
    pub(super) strip: Strip<'a>,
    pub(super) far: &'a [usize],
    pub(super) sums: &'a mut [f64],
}

impl Kernel for Dots<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Strip { rows, range, .. } = self.strip;
        for start in range.clone().step_by(PANEL) {
            let columns = start..range.end.min(start + PANEL);
            let sums = self.sums.chunks_exact_mut(rows.len());
            for (&far, sums) in self.far.iter().zip(sums) {
                let a = &rows[far][columns.clone()];
                for (sum, row) in sums.iter_mut().zip(rows) {
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
