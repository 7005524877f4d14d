//! The lanes as two registers of AVX2, with fused multiply-add.
//!
//! No intrinsic stands in a closure: one that goes to a function of the standard library
//! (`array::map`) is compiled without AVX2 where that function is not inlined, and so each
//! intrinsic in it becomes a call.

use std::arch::x86_64::*;

use super::{Floats, Kernel, LANES, Lanes, Simd, lines};

/// Proof that the processor has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        found.then_some(Self(()))
    }
}

/// Compiles the kernel with AVX2 and FMA.
pub(super) fn run<K: Kernel>(token: Avx2, kernel: K) -> K::Out {
    #[inline(never)]
    #[target_feature(enable = "avx2,fma")]
    fn compiled<K: Kernel>(token: Avx2, kernel: K) -> K::Out {
        kernel.run(token)
    }
    // SAFETY: the token exists only where both features were found.
    unsafe { compiled(token, kernel) }
}

/// One intrinsic, for which the token vouches.
macro_rules! has {
    ($call:expr) => {
        // SAFETY: `self` is the proof that the processor has AVX2 and FMA; addresses come from
        // references to arrays of the right length.
        unsafe { $call }
    };
}

/// The same intrinsic on each register.
macro_rules! both {
    ($op:path, $($x:expr),+) => {
        has!([$op($($x[0]),+), $op($($x[1]),+)])
    };
}

/// The same intrinsic on each of four registers.
macro_rules! four {
    ($op:ident, $($x:expr),+) => {
        has!([$op($($x[0]),+), $op($($x[1]),+), $op($($x[2]),+), $op($($x[3]),+)])
    };
}

mod keys;
mod numbers;

impl Avx2 {
    /// The sums of two columns of a square, in the order of [`Floats::sums`]: each step adds the two halves of what is left
    /// of each vector, and puts two results into one register.
    #[inline(always)]
    fn sums_of_eight(self, columns: [usize; 2], x: &[[[__m256; 2]; 4]; 4]) -> __m256 {
        let mut fours = [self.splat_r(0.0); 4];
        for p in 0..4 {
            let [a, b] = [x[p][columns[0]], x[p][columns[1]]];
            fours[p] = has!({
                let (a, b) = (_mm256_add_ps(a[0], a[1]), _mm256_add_ps(b[0], b[1]));
                let low = _mm256_permute2f128_ps::<0x20>(a, b);
                _mm256_add_ps(low, _mm256_permute2f128_ps::<0x31>(a, b))
            });
        }
        let mut twos = [self.splat_r(0.0); 2];
        for i in 0..2 {
            let [a, b] = [fours[2 * i], fours[2 * i + 1]];
            twos[i] = has!(_mm256_add_ps(
                _mm256_shuffle_ps::<0b01_00_01_00>(a, b),
                _mm256_shuffle_ps::<0b11_10_11_10>(a, b)
            ));
        }
        has!(_mm256_add_ps(
            _mm256_shuffle_ps::<0b10_00_10_00>(twos[0], twos[1]),
            _mm256_shuffle_ps::<0b11_01_11_01>(twos[0], twos[1])
        ))
    }
}

impl Floats for Avx2 {
    type F = [__m256; 2];
    type R = __m256;
    const REGISTERS: usize = 2;
    // Half of the loads straddle.
    const COPIES_PAY_FROM: usize = 48;

    #[inline(always)]
    fn load(self, x: &[f32; LANES]) -> Self::F {
        let (halves, _) = x.as_chunks::<8>();
        has!([
            _mm256_loadu_ps(halves[0].as_ptr()),
            _mm256_loadu_ps(halves[1].as_ptr()),
        ])
    }
    #[inline(always)]
    fn store(self, x: Self::F, to: &mut [f32; LANES]) {
        let (halves, _) = to.as_chunks_mut::<8>();
        for half in 0..2 {
            has!(_mm256_storeu_ps(halves[half].as_mut_ptr(), x[half]));
        }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        has!([_mm256_set1_ps(x); 2])
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_add_ps, a, b)
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_sub_ps, a, b)
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_mul_ps, a, b)
    }
    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        both!(_mm256_fmadd_ps, a, b, c)
    }
    #[inline(always)]
    fn load_r(self, x: &[f32; LANES], part: usize) -> Self::R {
        let (halves, _) = x.as_chunks::<8>();
        has!(_mm256_loadu_ps(halves[part].as_ptr()))
    }
    #[inline(always)]
    fn store_r(self, x: Self::R, part: usize, to: &mut [f32; LANES]) {
        let (halves, _) = to.as_chunks_mut::<8>();
        has!(_mm256_storeu_ps(halves[part].as_mut_ptr(), x));
    }
    #[inline(always)]
    fn put_r(self, x: Self::R, part: usize, to: &mut Self::F) {
        to[part] = x;
    }
    #[inline(always)]
    fn splat_r(self, x: f32) -> Self::R {
        has!(_mm256_set1_ps(x))
    }
    #[inline(always)]
    fn sub_r(self, a: Self::R, b: Self::R) -> Self::R {
        has!(_mm256_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul_add_r(self, a: Self::R, b: Self::R, c: Self::R) -> Self::R {
        has!(_mm256_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn sum(self, x: Self::F) -> f32 {
        has!({
            let eight = _mm256_add_ps(x[0], x[1]);
            let four = _mm_add_ps(
                _mm256_castps256_ps128(eight),
                _mm256_extractf128_ps::<1>(eight),
            );
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        })
    }
    #[inline(always)]
    fn sums(self, x: &[[Self::F; 4]; 4]) -> Self::F {
        [self.sums_of_eight([0, 1], x), self.sums_of_eight([2, 3], x)]
    }
    #[inline(always)]
    fn finite(self, x: Self::F) -> Self::F {
        // Where one is NaN, the instructions take the second operand.
        let below = both!(_mm256_min_ps, x, self.splat(f32::MAX));
        both!(_mm256_max_ps, below, self.splat(f32::MIN))
    }
    #[inline(always)]
    fn sign(self, x: Self::F) -> Self::F {
        let zero = self.splat(0.0);
        let above = both!(_mm256_cmp_ps::<_CMP_GT_OQ>, x, zero);
        let below = both!(_mm256_cmp_ps::<_CMP_LT_OQ>, x, zero);
        let up = both!(_mm256_and_ps, above, self.splat(1.0));
        let down = both!(_mm256_and_ps, below, self.splat(-1.0));
        both!(_mm256_or_ps, up, down)
    }
    #[inline(always)]
    fn any_above(self, a: Self::F, b: Self::F) -> bool {
        let above = both!(_mm256_cmp_ps::<_CMP_GT_OQ>, a, b);
        let [left, right] = both!(_mm256_movemask_ps, above);
        left | right != 0
    }
    #[inline(always)]
    fn all_at_least(self, a: Self::F, b: Self::F) -> bool {
        let at_least = both!(_mm256_cmp_ps::<_CMP_GE_OQ>, a, b);
        let [left, right] = both!(_mm256_movemask_ps, at_least);
        left & right == 0xff
    }
    #[inline(always)]
    fn max_abs(self, a: Self::F, b: Self::F) -> Self::F {
        let sign = self.splat(-0.0);
        let (a, b) = (
            both!(_mm256_andnot_ps, sign, a),
            both!(_mm256_andnot_ps, sign, b),
        );
        both!(_mm256_max_ps, a, b)
    }
}

impl Simd for Avx2 {
    #[inline(always)]
    fn stream(self, from: &[Lanes<f32>], to: &mut [f32]) {
        for (from, line) in lines(from, to) {
            let (halves, _) = line.0.as_chunks_mut::<8>();
            let from = self.load(from);
            for half in 0..2 {
                has!(_mm256_stream_ps(halves[half].as_mut_ptr(), from[half]));
            }
        }
    }
    #[inline(always)]
    fn call<K: Kernel>(self, kernel: K) -> K::Out {
        run(self, kernel)
    }
    #[inline(always)]
    fn prefetch(self, x: &[f32; LANES]) {
        has!(_mm_prefetch::<_MM_HINT_T1>(x.as_ptr().cast()));
    }
    #[inline(always)]
    fn prefetch_near(self, x: &[f32; LANES]) {
        has!(_mm_prefetch::<_MM_HINT_T0>(x.as_ptr().cast()));
    }
}
