//! The sums of one panel: of a square of pairs of rows, and exactly of one pair.
//!
//! A pair's sum is the same bits in any place of a square: the vectors are folded left to right.

use crate::engine::ahead::Ahead;
use crate::engine::run::LINES;
use crate::engine::simd::{Kernel, LANES, Lanes, Simd};

/// The vectors of a row in one panel.
pub(super) type Row<'a> = &'a [[f32; LANES]];

/// Rows on each side of a square: its pairs fill the lanes.
pub(super) const SIDE: usize = 4;
/// Rows on each side of what is summed at a time where the registers hold no more.
const PART: usize = 2;

/// The lane of the pair of row `p` on the left with row `q` above.
pub(super) const fn lane(p: usize, q: usize) -> usize {
    SIDE * q + p
}

/// Some rows. Past the end the last one stands in, and its sums are not used.
#[inline(always)]
pub(super) fn four<'a>(rows: &[Row<'a>], first: usize) -> [Row<'a>; SIDE] {
    std::array::from_fn(|k| rows[(first + k).min(rows.len() - 1)])
}

/// The sum of the lanes of each register, in the lane of its pair.
#[inline(always)]
pub(super) fn totals<S: Simd>(s: S, sums: &[[S::F; SIDE]; SIDE]) -> Lanes<f32> {
    let mut out = Lanes([0.0; LANES]);
    s.store(s.sums(sums), &mut out.0);
    out
}

/// What two vectors of a pair of rows add to its sum. A trait and no closure: the compiler optimises
/// a closure by itself before it inlines it, there without the instructions of the kernel, and keeps
/// the sums in memory.
trait Term {
    fn add<S: Simd>(s: S, sum: S::F, x: S::F, y: S::F) -> S::F;
}

struct Multiplied;

impl Term for Multiplied {
    #[inline(always)]
    fn add<S: Simd>(s: S, sum: S::F, x: S::F, y: S::F) -> S::F {
        s.mul_add(x, y, sum)
    }
}

struct SquaredDifference;

impl Term for SquaredDifference {
    #[inline(always)]
    fn add<S: Simd>(s: S, sum: S::F, x: S::F, y: S::F) -> S::F {
        let difference = s.sub(x, y);
        s.mul_add(difference, difference, sum)
    }
}

/// The scalar products of a square of rows.
pub(super) struct Products<'a, 'b> {
    pub(super) a: [Row<'a>; SIDE],
    pub(super) b: [Row<'a>; SIDE],
    pub(super) ahead: &'a mut Ahead<'b>,
}

impl Kernel for Products<'_, '_> {
    type Out = Lanes<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Lanes<f32> {
        let ahead = self.ahead;
        square::<S, Multiplied>(s, self.a, self.b, || ahead.step(s))
    }
}

/// The scalar products of some rows with each other, as of a square with these rows on both sides.
pub(super) struct OwnProducts<'a, 'b, 'c> {
    pub(super) rows: [Row<'a>; SIDE],
    /// Where the rows are copied to meanwhile.
    pub(super) copies: Option<[&'c mut [Lanes<f32>; LINES]; SIDE]>,
    pub(super) ahead: &'a mut Ahead<'b>,
}

impl Kernel for OwnProducts<'_, '_, '_> {
    type Out = Lanes<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Lanes<f32> {
        let Self {
            rows,
            mut copies,
            ahead,
        } = self;
        if !S::WIDE {
            return square::<S, Multiplied>(s, rows, rows, || ahead.step(s));
        }
        let width = rows[0].len().min(LINES);
        let rows: [Row<'_>; SIDE] = std::array::from_fn(|k| &rows[k][..width]);
        let mut sums = [[s.splat(0.0); SIDE]; SIDE];
        for v in 0..width {
            ahead.step(s);
            let mut x = [s.splat(0.0); SIDE];
            for p in 0..SIDE {
                x[p] = s.load(&rows[p][v]);
            }
            if let Some(copies) = &mut copies {
                for p in 0..SIDE {
                    s.store(x[p], &mut copies[p][v].0);
                }
            }
            for p in 0..SIDE {
                for q in 0..=p {
                    sums[p][q] = s.mul_add(x[p], x[q], sums[p][q]);
                }
            }
        }
        for p in 0..SIDE {
            for q in 0..p {
                sums[q][p] = sums[p][q];
            }
        }
        totals(s, &sums)
    }
}

/// The sums of squared differences of a square of rows.
pub(super) struct Differences<'a> {
    pub(super) a: [Row<'a>; SIDE],
    pub(super) b: [Row<'a>; SIDE],
}

impl Kernel for Differences<'_> {
    type Out = Lanes<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Lanes<f32> {
        square::<S, SquaredDifference>(s, self.a, self.b, || {})
    }
}

/// Sums the terms of each pair of rows, and adds up the lanes; calls `meanwhile` as often as a row
/// has vectors.
#[inline(always)]
fn square<S: Simd, T: Term>(
    s: S,
    a: [Row<'_>; SIDE],
    b: [Row<'_>; SIDE],
    mut meanwhile: impl FnMut(),
) -> Lanes<f32> {
    let mut sums = [[s.splat(0.0); SIDE]; SIDE];
    if S::WIDE {
        sums = part::<S, T, SIDE>(s, a, b, &mut meanwhile);
    } else {
        for q in (0..SIDE).step_by(PART) {
            for p in (0..SIDE).step_by(PART) {
                let (a, b) = ([a[p], a[p + 1]], [b[q], b[q + 1]]);
                let found = if p + q == 0 {
                    part::<S, T, PART>(s, a, b, &mut meanwhile)
                } else {
                    part::<S, T, PART>(s, a, b, &mut || {})
                };
                for (row, found) in sums[p..].iter_mut().zip(found) {
                    row[q..q + PART].copy_from_slice(&found);
                }
            }
        }
    }
    totals(s, &sums)
}

#[inline(always)]
fn part<S: Simd, T: Term, const R: usize>(
    s: S,
    a: [Row<'_>; R],
    b: [Row<'_>; R],
    meanwhile: &mut impl FnMut(),
) -> [[S::F; R]; R] {
    let width = a[0].len();
    let a: [Row<'_>; R] = std::array::from_fn(|k| &a[k][..width]);
    let b: [Row<'_>; R] = std::array::from_fn(|k| &b[k][..width]);
    let mut sums = [[s.splat(0.0); R]; R];
    for v in 0..width {
        meanwhile();
        let mut x = [s.splat(0.0); R];
        for p in 0..R {
            x[p] = s.load(&a[p][v]);
        }
        for q in 0..R {
            let y = s.load(&b[q][v]);
            for p in 0..R {
                sums[p][q] = T::add(s, sums[p][q], x[p], y);
            }
        }
    }
    sums
}

/// One pair, or one row's squares, in `f64` throughout.
pub(super) struct Exactly<'a> {
    pub(super) a: Row<'a>,
    pub(super) b: Option<Row<'a>>,
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

/// The sum of the lanes, as the same tree as [`Simd::sum`].
#[inline(always)]
pub(super) fn tree<S: Simd>(s: S, sum: S::D) -> f64 {
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
