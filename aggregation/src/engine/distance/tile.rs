//! The sums of one panel: of a square of rows, and exactly of one pair.
//!
//! A pair's sum is the same bits in a square of any size: the vectors are folded left to right.

use crate::engine::simd::{Kernel, LANES, Simd};

/// The vectors of a row in one panel.
pub(super) type Row<'a> = &'a [[f32; LANES]];

/// The scalar products of `R` rows with `R` rows.
pub(super) struct Products<'a, const R: usize> {
    pub(super) a: [Row<'a>; R],
    pub(super) b: [Row<'a>; R],
}

impl<const R: usize> Kernel for Products<'_, R> {
    type Out = [[f32; R]; R];

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Out {
        tile(s, self.a, self.b, |x, y, sum| s.mul_add(x, y, sum))
    }
}

/// The sums of squared differences of `R` rows with `R` rows.
pub(super) struct Differences<'a, const R: usize> {
    pub(super) a: [Row<'a>; R],
    pub(super) b: [Row<'a>; R],
}

impl<const R: usize> Kernel for Differences<'_, R> {
    type Out = [[f32; R]; R];

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Out {
        tile(s, self.a, self.b, |x, y, sum| {
            let difference = s.sub(x, y);
            s.mul_add(difference, difference, sum)
        })
    }
}

/// Folds the vectors of each pair of rows, and adds up the lanes.
#[inline(always)]
fn tile<S: Simd, const R: usize>(
    s: S,
    a: [Row<'_>; R],
    b: [Row<'_>; R],
    fold: impl Fn(S::F, S::F, S::F) -> S::F,
) -> [[f32; R]; R] {
    let width = a[0].len();
    let a: [Row<'_>; R] = std::array::from_fn(|k| &a[k][..width]);
    let b: [Row<'_>; R] = std::array::from_fn(|k| &b[k][..width]);
    let mut sums = [[s.splat(0.0); R]; R];
    for v in 0..width {
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
    s.sums(&sums)
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
