//! The lanes as two registers of AVX2, with fused multiply-add.
//!
//! No intrinsic stands in a closure: one that goes to a function of the standard library
//! (`array::map`) is compiled without AVX2 where that function is not inlined, and so each
//! intrinsic in it becomes a call.

use std::arch::x86_64::*;

use super::{Kernel, LANES, Lanes, Simd, lines};

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

impl Avx2 {
    /// Between a float's bits and an integer with its total order: the magnitude of negative ones
    /// is turned over.
    #[inline(always)]
    fn flip(self, x: __m256i) -> __m256i {
        has!({
            let negative = _mm256_srai_epi32::<31>(x);
            _mm256_xor_si256(x, _mm256_srli_epi32::<1>(negative))
        })
    }

    /// The sums of two columns of a square, in the order of [`Simd::sums`]: each step adds the two halves of what is left
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

impl Simd for Avx2 {
    type F = [__m256; 2];
    type R = __m256;
    type K = __m256i;
    type I = [__m256i; 2];
    type D = [__m256d; 4];
    const REGISTERS: usize = 2;
    const PARTS: usize = 2;
    const KEYS_IN_REGISTERS: bool = true;
    const LOWEST: i32 = i32::MIN;
    const HIGHEST: i32 = i32::MAX;

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
    fn sums(self, x: &[[Self::F; 4]; 4]) -> Self::F {
        [self.sums_of_eight([0, 1], x), self.sums_of_eight([2, 3], x)]
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

    #[inline(always)]
    fn store_keys(self, x: Self::F, to: &mut [i32; LANES]) {
        let bits = self.bits(x);
        self.store_i([self.flip(bits[0]), self.flip(bits[1])], to);
    }
    #[inline(always)]
    fn load_values(self, keys: &[i32; LANES]) -> Self::F {
        let keys = self.load_i(keys);
        self.floats([self.flip(keys[0]), self.flip(keys[1])])
    }
    #[inline(always)]
    fn load_part(self, keys: &[i32; LANES], part: usize) -> Self::K {
        let (halves, _) = keys.as_chunks::<8>();
        has!(_mm256_loadu_si256(halves[part].as_ptr().cast()))
    }
    #[inline(always)]
    fn store_part(self, keys: Self::K, part: usize, to: &mut [i32; LANES]) {
        let (halves, _) = to.as_chunks_mut::<8>();
        has!(_mm256_storeu_si256(halves[part].as_mut_ptr().cast(), keys));
    }
    #[inline(always)]
    fn store_values(self, keys: Self::K, part: usize, to: &mut [f32; LANES]) {
        let (halves, _) = to.as_chunks_mut::<8>();
        let values = self.flip(keys);
        has!(_mm256_storeu_si256(
            halves[part].as_mut_ptr().cast(),
            values
        ));
    }
    #[inline(always)]
    fn min(self, a: Self::K, b: Self::K) -> Self::K {
        has!(_mm256_min_epi32(a, b))
    }
    #[inline(always)]
    fn max(self, a: Self::K, b: Self::K) -> Self::K {
        has!(_mm256_max_epi32(a, b))
    }

    #[inline(always)]
    fn bits(self, x: Self::F) -> Self::I {
        both!(_mm256_castps_si256, x)
    }
    #[inline(always)]
    fn floats(self, x: Self::I) -> Self::F {
        both!(_mm256_castsi256_ps, x)
    }
    #[inline(always)]
    fn splat_i(self, x: i32) -> Self::I {
        has!([_mm256_set1_epi32(x); 2])
    }
    #[inline(always)]
    fn and_i(self, a: Self::I, b: Self::I) -> Self::I {
        both!(_mm256_and_si256, a, b)
    }
    #[inline(always)]
    fn add_i(self, a: Self::I, b: Self::I) -> Self::I {
        both!(_mm256_add_epi32, a, b)
    }
    #[inline(always)]
    fn min_unsigned(self, a: Self::I, b: Self::I) -> Self::I {
        both!(_mm256_min_epu32, a, b)
    }
    #[inline(always)]
    fn load_i(self, x: &[i32; LANES]) -> Self::I {
        let (halves, _) = x.as_chunks::<8>();
        has!([
            _mm256_loadu_si256(halves[0].as_ptr().cast()),
            _mm256_loadu_si256(halves[1].as_ptr().cast()),
        ])
    }
    #[inline(always)]
    fn store_i(self, x: Self::I, to: &mut [i32; LANES]) {
        let (halves, _) = to.as_chunks_mut::<8>();
        for half in 0..2 {
            has!(_mm256_storeu_si256(
                halves[half].as_mut_ptr().cast(),
                x[half]
            ));
        }
    }

    #[inline(always)]
    fn widen(self, x: Self::F) -> Self::D {
        has!([
            _mm256_cvtps_pd(_mm256_castps256_ps128(x[0])),
            _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(x[0])),
            _mm256_cvtps_pd(_mm256_castps256_ps128(x[1])),
            _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(x[1])),
        ])
    }
    #[inline(always)]
    fn load_wide(self, x: &[f32; LANES]) -> Self::D {
        let (quarters, _) = x.as_chunks::<4>();
        has!([
            _mm256_cvtps_pd(_mm_loadu_ps(quarters[0].as_ptr())),
            _mm256_cvtps_pd(_mm_loadu_ps(quarters[1].as_ptr())),
            _mm256_cvtps_pd(_mm_loadu_ps(quarters[2].as_ptr())),
            _mm256_cvtps_pd(_mm_loadu_ps(quarters[3].as_ptr())),
        ])
    }
    #[inline(always)]
    fn narrow(self, x: Self::D) -> Self::F {
        has!([
            _mm256_set_m128(_mm256_cvtpd_ps(x[1]), _mm256_cvtpd_ps(x[0])),
            _mm256_set_m128(_mm256_cvtpd_ps(x[3]), _mm256_cvtpd_ps(x[2])),
        ])
    }
    #[inline(always)]
    fn splat_d(self, x: f64) -> Self::D {
        has!([_mm256_set1_pd(x); 4])
    }
    #[inline(always)]
    fn add_d(self, a: Self::D, b: Self::D) -> Self::D {
        four!(_mm256_add_pd, a, b)
    }
    #[inline(always)]
    fn sub_d(self, a: Self::D, b: Self::D) -> Self::D {
        four!(_mm256_sub_pd, a, b)
    }
    #[inline(always)]
    fn mul_d(self, a: Self::D, b: Self::D) -> Self::D {
        four!(_mm256_mul_pd, a, b)
    }
    #[inline(always)]
    fn if_greater_d(self, a: Self::D, b: Self::D, x: Self::D, y: Self::D) -> Self::D {
        let mut out = y;
        for part in 0..4 {
            out[part] = has!({
                let greater = _mm256_cmp_pd::<_CMP_GT_OQ>(a[part], b[part]);
                _mm256_blendv_pd(y[part], x[part], greater)
            });
        }
        out
    }
    #[inline(always)]
    fn load_d(self, x: &[f64; LANES]) -> Self::D {
        let (quarters, _) = x.as_chunks::<4>();
        has!([
            _mm256_loadu_pd(quarters[0].as_ptr()),
            _mm256_loadu_pd(quarters[1].as_ptr()),
            _mm256_loadu_pd(quarters[2].as_ptr()),
            _mm256_loadu_pd(quarters[3].as_ptr()),
        ])
    }
    #[inline(always)]
    fn store_d(self, x: Self::D, to: &mut [f64; LANES]) {
        let (quarters, _) = to.as_chunks_mut::<4>();
        for quarter in 0..4 {
            has!(_mm256_storeu_pd(quarters[quarter].as_mut_ptr(), x[quarter]));
        }
    }

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
