//! The sums of one panel: of a square of pairs of rows, and exactly of one pair.
//!
//! A pair's sum is the same bits in any place of a square: the vectors are folded left to right.

use crate::engine::ahead::Ahead;
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
        let fold = |x, y, sum| s.mul_add(x, y, sum);
        square(s, self.a, self.b, fold, || ahead.step(s))
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
        let fold = |x, y, sum| {
            let difference = s.sub(x, y);
            s.mul_add(difference, difference, sum)
        };
        square(s, self.a, self.b, fold, || {})
    }
}

/// The scalar product of two rows.
pub(super) struct Product<'a, 'b> {
    pub(super) a: Row<'a>,
    pub(super) b: Row<'a>,
    pub(super) ahead: &'a mut Ahead<'b>,
}

impl Kernel for Product<'_, '_> {
    type Out = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let Self { a, b, ahead } = self;
        let fold = |x, y, sum| s.mul_add(x, y, sum);
        s.sum(part(s, [a], [b], fold, &mut || ahead.step(s))[0][0])
    }
}

/// Folds the vectors of each pair of rows, and adds up the lanes; calls `meanwhile` as often as a row
/// has vectors.
#[inline(always)]
fn square<S: Simd>(
    s: S,
    a: [Row<'_>; SIDE],
    b: [Row<'_>; SIDE],
    fold: impl Fn(S::F, S::F, S::F) -> S::F,
    mut meanwhile: impl FnMut(),
) -> Lanes<f32> {
    let mut sums = [[s.splat(0.0); SIDE]; SIDE];
    if S::WIDE {
        sums = part(s, a, b, fold, &mut meanwhile);
    } else {
        for q in (0..SIDE).step_by(PART) {
            for p in (0..SIDE).step_by(PART) {
                let (a, b) = ([a[p], a[p + 1]], [b[q], b[q + 1]]);
                let found = if p + q == 0 {
                    part(s, a, b, &fold, &mut meanwhile)
                } else {
                    part(s, a, b, &fold, &mut || {})
                };
                for (row, found) in sums[p..].iter_mut().zip(found) {
                    row[q..q + PART].copy_from_slice(&found);
                }
            }
        }
    }
    let mut out = Lanes([0.0; LANES]);
    s.store(s.sums(&sums), &mut out.0);
    out
}

#[inline(always)]
fn part<S: Simd, const R: usize>(
    s: S,
    a: [Row<'_>; R],
    b: [Row<'_>; R],
    fold: impl Fn(S::F, S::F, S::F) -> S::F,
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
                sums[p][q] = fold(x[p], y, sums[p][q]);
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
