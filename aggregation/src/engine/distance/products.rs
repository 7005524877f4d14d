//! The sums of one panel over squares of pairs of rows.
//!
//! A pair's sum is the same bits in any place of a square: the vectors are folded left to right. Where sixteen lanes are
//! several registers, each part of the lanes goes through the rows by itself, so that more pairs find room.

use super::tile::{Block, Row, SIDE, totals};
use crate::engine::ahead::Ahead;
use crate::engine::run::LINES;
use crate::engine::simd::{Kernel, LANES, Lanes, Simd};

/// What two vectors of a pair of rows add to its sum. A trait and no closure: the compiler optimises
/// a closure by itself before it inlines it, there without the instructions of the kernel, and keeps
/// the sums in memory.
trait Term {
    fn add<S: Simd>(s: S, sum: S::R, x: S::R, y: S::R) -> S::R;
}

struct Multiplied;

impl Term for Multiplied {
    #[inline(always)]
    fn add<S: Simd>(s: S, sum: S::R, x: S::R, y: S::R) -> S::R {
        s.mul_add_r(x, y, sum)
    }
}

struct SquaredDifference;

impl Term for SquaredDifference {
    #[inline(always)]
    fn add<S: Simd>(s: S, sum: S::R, x: S::R, y: S::R) -> S::R {
        let difference = s.sub_r(x, y);
        s.mul_add_r(difference, difference, sum)
    }
}

/// Blocks above, at most, whose squares are made at a time.
pub(super) const ABOVE: usize = 3;

/// How many it is best to make at a time: three, whose twelve columns go into registers by threes, or else one.
pub(super) const fn at_a_time<S: Simd>() -> usize {
    if S::REGISTERS == 1 { 1 } else { ABOVE }
}

/// Vectors between two looks at what is to be asked for: registers are few, and a look takes some from the addresses of the rows.
const FEW: usize = 4;

/// The steps of [`Ahead`] beside one square.
pub(super) const fn steps<S: Simd>() -> usize {
    SIDE * S::REGISTERS * LINES
}

/// The scalar products of some rows with those of another block, where sixteen lanes are one register.
pub(super) struct Product<'a, 'b> {
    pub(super) a: &'a Block<'a>,
    pub(super) b: &'a Block<'a>,
    pub(super) ahead: &'a mut Ahead<'b>,
}

impl Kernel for Product<'_, '_> {
    type Out = Lanes<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Out {
        let ahead = self.ahead;
        square::<S, Multiplied>(s, self.a, self.b, |steps| ahead.steps(s, steps))
    }
}

/// The scalar products of some rows with those of some blocks above.
pub(super) struct Products<'a, 'b> {
    pub(super) a: &'a Block<'a>,
    pub(super) above: &'a [Block<'a>],
    pub(super) ahead: &'a mut Ahead<'b>,
}

impl Kernel for Products<'_, '_> {
    type Out = [Lanes<f32>; ABOVE];

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Out {
        let ahead = self.ahead;
        squares::<S, Multiplied>(s, self.a, self.above, |steps| ahead.steps(s, steps))
    }
}

/// The scalar products of some rows with each other, as of a square with these rows on both sides.
pub(super) struct OwnProducts<'a, 'b> {
    pub(super) rows: &'a Block<'a>,
    /// Where the rows are copied to meanwhile.
    pub(super) copies: Option<[&'a mut [Lanes<f32>; LINES]; SIDE]>,
    pub(super) ahead: &'a mut Ahead<'b>,
}

impl Kernel for OwnProducts<'_, '_> {
    type Out = Lanes<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Lanes<f32> {
        let Self {
            rows,
            mut copies,
            ahead,
        } = self;
        let width = rows[0].len().min(LINES);
        let rows: [Row<'_>; SIDE] = std::array::from_fn(|k| &rows[k][..width]);
        let mut all = [[s.splat(0.0); SIDE]; SIDE];
        for part in 0..S::REGISTERS {
            let mut sums = [[s.splat_r(0.0); SIDE]; SIDE];
            for v in 0..width {
                if v.is_multiple_of(FEW) {
                    ahead.steps(s, SIDE * FEW);
                }
                let mut x = [s.splat_r(0.0); SIDE];
                for p in 0..SIDE {
                    x[p] = s.load_r(&rows[p][v], part);
                }
                if let Some(copies) = &mut copies {
                    for p in 0..SIDE {
                        s.store_r(x[p], part, &mut copies[p][v].0);
                    }
                }
                for p in 0..SIDE {
                    for q in 0..=p {
                        sums[p][q] = s.mul_add_r(x[p], x[q], sums[p][q]);
                    }
                }
            }
            for p in 0..SIDE {
                for q in 0..=p {
                    s.put_r(sums[p][q], part, &mut all[p][q]);
                    s.put_r(sums[p][q], part, &mut all[q][p]);
                }
            }
        }
        totals(s, &all)
    }
}

/// The sums of squared differences of a square of rows.
pub(super) struct Differences<'a> {
    pub(super) a: &'a Block<'a>,
    pub(super) b: &'a Block<'a>,
}

impl Kernel for Differences<'_> {
    type Out = Lanes<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Lanes<f32> {
        if S::REGISTERS == 1 {
            return square::<S, SquaredDifference>(s, self.a, self.b, |_| {});
        }
        let above = std::slice::from_ref(self.b);
        let [out, ..] = squares::<S, SquaredDifference>(s, self.a, above, |_| {});
        out
    }
}

/// [`squares`] of one block above, where a vector is one register, so that the sums of all sixteen pairs find room.
#[inline(always)]
fn square<S: Simd, T: Term>(
    s: S,
    a: &Block<'_>,
    b: &Block<'_>,
    mut meanwhile: impl FnMut(usize),
) -> Lanes<f32> {
    let mut sums = [[[s.splat(0.0); SIDE]; SIDE]];
    columns::<S, T, SIDE>(s, a, b, 0, &mut meanwhile, &mut sums);
    totals(s, &sums[0])
}

/// Sums the terms of each pair of rows, and adds up the lanes; calls `meanwhile` with the steps that were made.
#[inline(always)]
fn squares<S: Simd, T: Term>(
    s: S,
    a: &Block<'_>,
    above: &[Block<'_>],
    mut meanwhile: impl FnMut(usize),
) -> [Lanes<f32>; ABOVE] {
    let mut out = [Lanes([0.0; LANES]); ABOVE];
    let mut sums = [[[s.splat(0.0); SIDE]; SIDE]; ABOVE];
    let b = above.as_flattened();
    let mut q = 0;
    while q < b.len() {
        // Three are best: they fill the registers. None is left alone.
        if matches!(b.len() - q, 2 | 4) {
            columns::<S, T, 2>(s, a, b, q, &mut meanwhile, &mut sums);
            q += 2;
        } else {
            columns::<S, T, 3>(s, a, b, q, &mut meanwhile, &mut sums);
            q += 3;
        }
    }
    for (out, sums) in out.iter_mut().zip(&sums[..above.len()]) {
        *out = totals(s, sums);
    }
    out
}

/// The sums of some columns, from one on.
#[inline(always)]
fn columns<S: Simd, T: Term, const Q: usize>(
    s: S,
    a: &Block<'_>,
    b: &[Row<'_>],
    first: usize,
    meanwhile: &mut impl FnMut(usize),
    sums: &mut [[[S::F; SIDE]; SIDE]],
) {
    let b: [Row<'_>; Q] = std::array::from_fn(|k| b[first + k]);
    for part in 0..S::REGISTERS {
        let found = registers::<S, T, Q>(s, part, a, b, meanwhile);
        for p in 0..SIDE {
            for k in 0..Q {
                let q = first + k;
                s.put_r(found[p][k], part, &mut sums[q / SIDE][p][q % SIDE]);
            }
        }
    }
}

/// A part of the lanes of the sums of some columns.
#[inline(always)]
fn registers<S: Simd, T: Term, const Q: usize>(
    s: S,
    part: usize,
    a: &Block<'_>,
    b: [Row<'_>; Q],
    meanwhile: &mut impl FnMut(usize),
) -> [[S::R; Q]; SIDE] {
    let width = a[0].len();
    let a: [Row<'_>; SIDE] = std::array::from_fn(|k| &a[k][..width]);
    let b: [Row<'_>; Q] = std::array::from_fn(|k| &b[k][..width]);
    let whole = width - width % FEW;
    let mut sums = [[s.splat_r(0.0); Q]; SIDE];
    for first in (0..whole).step_by(FEW) {
        meanwhile(Q * FEW);
        let a = std::array::from_fn(|k| &a[k][first..first + FEW]);
        let b = std::array::from_fn(|k| &b[k][first..first + FEW]);
        add::<S, T, Q>(s, part, a, b, &mut sums);
    }
    let a = std::array::from_fn(|k| &a[k][whole..]);
    let b = std::array::from_fn(|k| &b[k][whole..]);
    add::<S, T, Q>(s, part, a, b, &mut sums);
    sums
}

/// Adds a part of the lanes of some vectors.
#[inline(always)]
fn add<S: Simd, T: Term, const Q: usize>(
    s: S,
    part: usize,
    a: [Row<'_>; SIDE],
    b: [Row<'_>; Q],
    sums: &mut [[S::R; Q]; SIDE],
) {
    for v in 0..a[0].len() {
        let mut y = [s.splat_r(0.0); Q];
        for q in 0..Q {
            y[q] = s.load_r(&b[q][v], part);
        }
        for p in 0..SIDE {
            let x = s.load_r(&a[p][v], part);
            for q in 0..Q {
                sums[p][q] = T::add(s, sums[p][q], x, y[q]);
            }
        }
    }
}
