//! Rows of a panel, four by four, and exact sums of one pair.

use crate::engine::simd::{Kernel, LANES, Lanes, Simd};

/// The vectors of a row in one panel.
pub(super) type Row<'a> = &'a [[f32; LANES]];

/// Rows on each side of a square: its pairs fill the lanes.
pub(super) const SIDE: usize = 4;

/// Rows of one side of a square.
pub(super) type Block<'a> = [Row<'a>; SIDE];

/// The lane of the pair of row `p` on the left with row `q` above.
pub(super) const fn lane(p: usize, q: usize) -> usize {
    SIDE * q + p
}

/// Some rows. Past the end the last one stands in, and its sums are not used.
#[inline(always)]
pub(super) fn four<'a>(rows: &[Row<'a>], first: usize) -> Block<'a> {
    std::array::from_fn(|k| rows[(first + k).min(rows.len() - 1)])
}

/// The sum of the lanes of each register, in the lane of its pair.
#[inline(always)]
pub(super) fn totals<S: Simd>(s: S, sums: &[[S::F; SIDE]; SIDE]) -> Lanes<f32> {
    let mut out = Lanes([0.0; LANES]);
    s.store(s.sums(sums), &mut out.0);
    out
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

/// The sum of the lanes, as the same tree as `Floats::sum`.
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
