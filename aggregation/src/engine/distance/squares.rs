//! All pairs over the panels of a strip, square by square.
//!
//! The sixteen distances of a square are made of its scalar products, compared and added up as one
//! vector: taken lane by lane they would cost more than the products.

use super::aligned::{ROOM, copied, copies};
use super::products::{Differences, OwnProducts, Product, Products, at_a_time, steps};
use super::tile::{Block, Row, SIDE, four, lane};
use super::{PART, from_products, square, trusted};
use crate::engine::ahead::{Ahead, Part};
use crate::engine::simd::{LANES, Lanes, Simd};
use crate::engine::triangle;

/// The sums of the distances so far, by squares of rows: that of block `i` of four rows with block
/// `j <= i` at `triangle(i, j)`.
pub(super) struct Squares {
    sums: Vec<Lanes<f64>>,
    n: usize,
    /// The squares of the rows of each block over this panel, one for each lane: of the rows on the
    /// left, and of those above.
    left: Vec<Lanes<f32>>,
    above: Vec<Lanes<f32>>,
}

/// All bits of the lanes of pairs within a block, each pair once.
const PAIRS: [i32; LANES] = {
    let mut pairs = [0; LANES];
    let mut p = 0;
    while p < SIDE {
        let mut q = 0;
        while q < p {
            pairs[lane(p, q)] = -1;
            q += 1;
        }
        p += 1;
    }
    pairs
};

impl Squares {
    /// Goes on from a triangular list of sums.
    pub(super) fn new(sums: &[f64]) -> Self {
        let n = (0..).take_while(|&n| triangle(n, 0) < sums.len()).count();
        let blocks = n.div_ceil(SIDE);
        let mut all = Self {
            sums: vec![Lanes([0.0; LANES]); triangle(blocks, 0)],
            n,
            left: vec![Lanes([0.0; LANES]); blocks],
            above: vec![Lanes([0.0; LANES]); blocks],
        };
        all.each_pair(|lane, (i, j)| *lane = sums[triangle(i, j)]);
        all
    }

    /// Writes the sums back.
    pub(super) fn write(mut self, sums: &mut [f64]) {
        self.each_pair(|lane, (i, j)| sums[triangle(i, j)] = *lane);
    }

    fn each_pair(&mut self, mut visit: impl FnMut(&mut f64, (usize, usize))) {
        for i in 0..self.n {
            for j in 0..i {
                let square = &mut self.sums[triangle(i / SIDE, j / SIDE)];
                visit(&mut square.0[lane(i % SIDE, j % SIDE)], (i, j));
            }
        }
    }

    /// Adds the distances over one panel, and the norms to the diagonal of `norms`, a triangular list. `room` is for copies of
    /// all rows, or empty.
    #[inline(always)]
    pub(super) fn add<S: Simd>(
        &mut self,
        s: S,
        rows: &[Row<'_>],
        room: &mut [Lanes<f32>],
        (ahead, part): (&mut Ahead<'_>, Part),
        norms: &mut [f64],
    ) {
        let n_blocks = self.n.div_ceil(SIDE);
        // The next panel comes in equal parts, one with each square.
        ahead.spread(triangle(n_blocks, 0) * steps::<S>(), part);
        let mut room = room.chunks_exact_mut(ROOM);
        let mut blocks: Vec<Block<'_>> = Vec::with_capacity(n_blocks);
        for first in (0..n_blocks).step_by(2) {
            let pair = first..n_blocks.min(first + 2);
            for i in pair.clone() {
                let original = four(rows, SIDE * i);
                let room = room.next().unwrap_or_default();
                let products = s.call(OwnProducts {
                    rows: &original,
                    copies: copies(room),
                    ahead,
                });
                blocks.push(copied(room, original));
                self.add_block(s, i, products, &blocks[i], norms);
            }
            // A block is in the first-level cache after the first square with it.
            for first in (0..pair.end - 1).step_by(at_a_time::<S>()) {
                for i in pair.clone().filter(|i| *i > first) {
                    let above = first..i.min(first + at_a_time::<S>());
                    let (a, above) = (&blocks[i], &blocks[above]);
                    if let [b] = above
                        && S::REGISTERS == 1
                    {
                        let products = s.call(Product { a, b, ahead });
                        self.add_square(s, (i, first), &products, a, b);
                        continue;
                    }
                    let products = s.call(Products { a, above, ahead });
                    for (j, (b, products)) in (first..).zip(above.iter().zip(&products)) {
                        self.add_square(s, (i, j), products, a, b);
                    }
                }
            }
        }
    }

    /// The squares of the rows of block `i`, and the distances within it, from the products of these rows.
    #[inline(always)]
    fn add_block<S: Simd>(
        &mut self,
        s: S,
        i: usize,
        mut products: Lanes<f32>,
        a: &Block<'_>,
        norms: &mut [f64],
    ) {
        let mut squares = [0.0; SIDE];
        for p in 0..SIDE {
            let (trusted, exact) = square(s, products.0[lane(p, p)], a[p]);
            squares[p] = trusted;
            let row = SIDE * i + p;
            if row < self.n {
                norms[triangle(row, row)] += exact;
            }
        }
        for p in 0..SIDE {
            for q in 0..SIDE {
                self.left[i].0[lane(p, q)] = squares[p];
                self.above[i].0[lane(p, q)] = squares[q];
            }
        }
        // What is no pair gets a product with which nothing is lost.
        let pairs = s.and_i(s.bits(s.load(&products.0)), s.load_i(&PAIRS));
        s.store(s.floats(pairs), &mut products.0);
        self.add_square(s, (i, i), &products, a, a);
    }

    #[inline(always)]
    fn add_square<S: Simd>(
        &mut self,
        s: S,
        (i, j): (usize, usize),
        products: &Lanes<f32>,
        a: &Block<'_>,
        b: &Block<'_>,
    ) {
        let squares = s.add(s.load(&self.left[i].0), s.load(&self.above[j].0));
        let product = s.load(&products.0);
        let distances = s.sub(squares, s.mul(s.splat(2.0), product));
        let sums = &mut self.sums[triangle(i, j)];
        if s.all_at_least(distances, s.mul(s.splat(PART), squares)) {
            let sum = s.add_d(s.load_d(&sums.0), s.widen(distances));
            s.store_d(sum, &mut sums.0);
            return;
        }
        let differences = s.call(Differences { a, b });
        for p in 0..SIDE {
            for q in (0..SIDE).filter(|q| i != j || *q < p) {
                let at = lane(p, q);
                let (left, above) = (self.left[i].0[at], self.above[j].0[at]);
                let found = from_products(products.0[at], left, above);
                sums.0[at] += if found.is_nan() {
                    trusted(s, differences.0[at], a[p], b[q])
                } else {
                    f64::from(found)
                };
            }
        }
    }
}
