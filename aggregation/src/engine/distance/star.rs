//! The norms of all rows over one panel, and the distances to one of them: the same bits as among all pairs.

use super::products::Differences;
use super::tile::{Row, SIDE, four, lane, totals};
use super::{from_products, square, trusted};
use crate::engine::ahead::{Ahead, Part};
use crate::engine::run::LINES;
use crate::engine::simd::{Kernel, Lanes, Simd};
use crate::engine::triangle;

/// Adds the norms to the diagonal of `sums`, a triangular list, and the distances to row `own`, if there is one, to its pairs.
#[inline(always)]
pub(super) fn add<S: Simd>(
    s: S,
    rows: &[Row<'_>],
    own: Option<usize>,
    (ahead, part): (&mut Ahead<'_>, Part),
    sums: &mut [f64],
) {
    let n = rows.len();
    let passes = own.map_or(1, |_| S::REGISTERS);
    ahead.spread(n.div_ceil(SIDE) * passes * LINES, part);
    let mut all = Vec::with_capacity(n.div_ceil(SIDE));
    let mut squares = Vec::with_capacity(n);
    for first in (0..n).step_by(SIDE) {
        let rows_here = four(rows, first);
        let rays = s.call(Rays {
            rows: rows_here,
            own: own.map(|own| rows[own]),
            ahead,
        });
        all.push(rays);
        for p in 0..SIDE.min(n - first) {
            let (trusted, exact) = square(s, rays.0[lane(p, SQUARE)], rows_here[p]);
            squares.push(trusted);
            sums[triangle(first + p, first + p)] += exact;
        }
    }
    let Some(own) = own else { return };
    for (rays, first) in all.iter().zip((0..n).step_by(SIDE)) {
        let (a, b) = (four(rows, first), [rows[own]; SIDE]);
        let mut differences = None;
        for i in (first..n.min(first + SIDE)).filter(|&i| i != own) {
            let found = from_products(rays.0[lane(i - first, PRODUCT)], squares[i], squares[own]);
            sums[triangle(own.max(i), own.min(i))] += if found.is_nan() {
                let sums = differences.get_or_insert_with(|| s.call(Differences { a: &a, b: &b }));
                trusted(s, sums.0[lane(i - first, 0)], rows[i], rows[own])
            } else {
                f64::from(found)
            };
        }
    }
}

/// Which column of the lanes has the squares of the rows, and which one their products with the own row.
const SQUARE: usize = 0;
const PRODUCT: usize = 1;

/// The squares of some rows, and their scalar products with the own one, if there is one. Side by side, so that no sum waits for
/// its last addition.
struct Rays<'a, 'b> {
    rows: [Row<'a>; SIDE],
    own: Option<Row<'a>>,
    ahead: &'a mut Ahead<'b>,
}

impl Kernel for Rays<'_, '_> {
    type Out = Lanes<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Lanes<f32> {
        let Self { rows, own, ahead } = self;
        let width = rows[0].len();
        let rows: [Row<'_>; SIDE] = std::array::from_fn(|k| &rows[k][..width]);
        let mut sums = [[s.splat(0.0); SIDE]; SIDE];
        if let Some(own) = own {
            for part in 0..S::REGISTERS {
                rays(s, part, rows, &own[..width], ahead, &mut sums);
            }
        } else {
            for v in 0..width {
                ahead.step(s);
                for p in 0..SIDE {
                    let x = s.load(&rows[p][v]);
                    sums[p][SQUARE] = s.mul_add(x, x, sums[p][SQUARE]);
                }
            }
        }
        totals(s, &sums)
    }
}

/// A part of the lanes of the squares of some rows, and of their products with the own one.
#[inline(always)]
fn rays<S: Simd>(
    s: S,
    part: usize,
    rows: [Row<'_>; SIDE],
    own: Row<'_>,
    ahead: &mut Ahead<'_>,
    sums: &mut [[S::F; SIDE]; SIDE],
) {
    let mut squares = [s.splat_r(0.0); SIDE];
    let mut products = [s.splat_r(0.0); SIDE];
    for (v, own) in own.iter().enumerate() {
        ahead.step(s);
        let y = s.load_r(own, part);
        for p in 0..SIDE {
            let x = s.load_r(&rows[p][v], part);
            squares[p] = s.mul_add_r(x, x, squares[p]);
            products[p] = s.mul_add_r(x, y, products[p]);
        }
    }
    for p in 0..SIDE {
        s.put_r(squares[p], part, &mut sums[p][SQUARE]);
        s.put_r(products[p], part, &mut sums[p][PRODUCT]);
    }
}
