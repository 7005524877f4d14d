//! The lanes as one register of AVX-512.

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::{Kernel, LANES, Lanes, Simd, lines};
use compare::Compare;

/// Proof that the processor has AVX-512 F and DQ. `C` is how keys are compared.
#[derive(Clone, Copy)]
pub(super) struct Avx512<C>(PhantomData<C>);

impl<C: Compare> Avx512<C> {
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq");
        found.then_some(Self(PhantomData))
    }
}

/// Compiles the kernel with AVX-512.
pub(super) fn run<C: Compare, K: Kernel>(token: Avx512<C>, kernel: K) -> K::Out {
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512dq")]
    fn compiled<C: Compare, K: Kernel>(token: Avx512<C>, kernel: K) -> K::Out {
        kernel.run(token)
    }
    // SAFETY: the token exists only where both features were found.
    unsafe { compiled(token, kernel) }
}

/// Tells the range instruction to choose the larger magnitude, without its sign.
const ABSOLUTE_MAX: i32 = 0b1011;

/// One intrinsic, for which the token vouches.
macro_rules! has {
    ($call:expr) => {
        // SAFETY: an `Avx512` is at hand, the proof that the processor has AVX-512 F and DQ; addresses
        // come from references to sixteen values.
        unsafe { $call }
    };
}

pub(super) mod compare;

impl<C: Compare> Avx512<C> {
    /// [`Simd::sums`], by the tree of [`Simd::sum`] for all at once: halves, quarters and so on of two
    /// vectors are put side by side before they are added.
    #[inline(always)]
    fn sums_of_sixteen(self, x: &[[__m512; 4]; 4]) -> __m512 {
        let mut eighths = [self.splat(0.0); 8];
        let mut quarters = [self.splat(0.0); 4];
        let mut halves = [self.splat(0.0); 2];
        has!({
            for i in 0..8 {
                let (a, b) = (x[i / 2][i % 2 * 2], x[i / 2][i % 2 * 2 + 1]);
                let low = _mm512_shuffle_f32x4::<0b01_00_01_00>(a, b);
                let high = _mm512_shuffle_f32x4::<0b11_10_11_10>(a, b);
                eighths[i] = _mm512_add_ps(low, high);
            }
            for i in 0..4 {
                let (a, b) = (eighths[2 * i], eighths[2 * i + 1]);
                let low = _mm512_shuffle_f32x4::<0b10_00_10_00>(a, b);
                let high = _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b);
                quarters[i] = _mm512_add_ps(low, high);
            }
            for i in 0..2 {
                let a = _mm512_castps_pd(quarters[2 * i]);
                let b = _mm512_castps_pd(quarters[2 * i + 1]);
                let low = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
                let high = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
                halves[i] = _mm512_add_ps(low, high);
            }
        });
        has!({
            let even = _mm512_shuffle_ps::<0b10_00_10_00>(halves[0], halves[1]);
            let odd = _mm512_shuffle_ps::<0b11_01_11_01>(halves[0], halves[1]);
            _mm512_add_ps(even, odd)
        })
    }
}

impl<C: Compare> Simd for Avx512<C> {
    type F = __m512;
    type R = __m512;
    type K = C::K;
    type I = __m512i;
    type D = [__m512d; 2];
    const REGISTERS: usize = 1;
    const PARTS: usize = 1;
    const KEYS_IN_REGISTERS: bool = true;
    const LOWEST: i32 = C::LOWEST;
    const HIGHEST: i32 = C::HIGHEST;

    #[inline(always)]
    fn load(self, x: &[f32; LANES]) -> Self::F {
        has!(_mm512_loadu_ps(x.as_ptr()))
    }
    #[inline(always)]
    fn store(self, x: Self::F, to: &mut [f32; LANES]) {
        has!(_mm512_storeu_ps(to.as_mut_ptr(), x));
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        has!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        has!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        has!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        has!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        has!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn load_r(self, x: &[f32; LANES], _: usize) -> Self::R {
        self.load(x)
    }
    #[inline(always)]
    fn store_r(self, x: Self::R, _: usize, to: &mut [f32; LANES]) {
        self.store(x, to);
    }
    #[inline(always)]
    fn put_r(self, x: Self::R, _: usize, to: &mut Self::F) {
        *to = x;
    }
    #[inline(always)]
    fn splat_r(self, x: f32) -> Self::R {
        self.splat(x)
    }
    #[inline(always)]
    fn sub_r(self, a: Self::R, b: Self::R) -> Self::R {
        self.sub(a, b)
    }
    #[inline(always)]
    fn mul_add_r(self, a: Self::R, b: Self::R, c: Self::R) -> Self::R {
        self.mul_add(a, b, c)
    }
    #[inline(always)]
    fn sum(self, x: Self::F) -> f32 {
        has!({
            let eight = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps::<1>(x));
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
        self.sums_of_sixteen(x)
    }

    #[inline(always)]
    fn finite(self, x: Self::F) -> Self::F {
        // Where one is NaN, the instructions take the second operand.
        has!(_mm512_max_ps(
            _mm512_min_ps(x, self.splat(f32::MAX)),
            self.splat(f32::MIN)
        ))
    }
    #[inline(always)]
    fn sign(self, x: Self::F) -> Self::F {
        has!({
            let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, _mm512_setzero_ps());
            let below = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(x, _mm512_setzero_ps());
            let up = _mm512_maskz_mov_ps(above, self.splat(1.0));
            _mm512_mask_mov_ps(up, below, self.splat(-1.0))
        })
    }
    #[inline(always)]
    fn any_above(self, a: Self::F, b: Self::F) -> bool {
        has!(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b)) != 0
    }
    #[inline(always)]
    fn all_at_least(self, a: Self::F, b: Self::F) -> bool {
        has!(_mm512_cmp_ps_mask::<_CMP_GE_OQ>(a, b)) == u16::MAX
    }
    #[inline(always)]
    fn max_abs(self, a: Self::F, b: Self::F) -> Self::F {
        has!(_mm512_range_ps::<{ ABSOLUTE_MAX }>(a, b))
    }

    #[inline(always)]
    fn store_keys(self, x: Self::F, to: &mut [i32; LANES]) {
        C::store(self, C::key(self, x), to);
    }
    #[inline(always)]
    fn load_values(self, keys: &[i32; LANES]) -> Self::F {
        C::value(self, C::load(self, keys))
    }
    #[inline(always)]
    fn load_part(self, keys: &[i32; LANES], _: usize) -> Self::K {
        C::load(self, keys)
    }
    #[inline(always)]
    fn store_part(self, keys: Self::K, _: usize, to: &mut [i32; LANES]) {
        C::store(self, keys, to);
    }
    #[inline(always)]
    fn store_values(self, keys: Self::K, _: usize, to: &mut [f32; LANES]) {
        self.store(C::value(self, keys), to);
    }
    #[inline(always)]
    fn min(self, a: Self::K, b: Self::K) -> Self::K {
        C::min(self, a, b)
    }
    #[inline(always)]
    fn max(self, a: Self::K, b: Self::K) -> Self::K {
        C::max(self, a, b)
    }

    #[inline(always)]
    fn bits(self, x: Self::F) -> Self::I {
        has!(_mm512_castps_si512(x))
    }
    #[inline(always)]
    fn floats(self, x: Self::I) -> Self::F {
        has!(_mm512_castsi512_ps(x))
    }
    #[inline(always)]
    fn splat_i(self, x: i32) -> Self::I {
        has!(_mm512_set1_epi32(x))
    }
    #[inline(always)]
    fn and_i(self, a: Self::I, b: Self::I) -> Self::I {
        has!(_mm512_and_si512(a, b))
    }
    #[inline(always)]
    fn add_i(self, a: Self::I, b: Self::I) -> Self::I {
        has!(_mm512_add_epi32(a, b))
    }
    #[inline(always)]
    fn min_unsigned(self, a: Self::I, b: Self::I) -> Self::I {
        has!(_mm512_min_epu32(a, b))
    }
    #[inline(always)]
    fn load_i(self, x: &[i32; LANES]) -> Self::I {
        has!(_mm512_loadu_si512(x.as_ptr().cast()))
    }
    #[inline(always)]
    fn store_i(self, x: Self::I, to: &mut [i32; LANES]) {
        has!(_mm512_storeu_si512(to.as_mut_ptr().cast(), x));
    }

    #[inline(always)]
    fn widen(self, x: Self::F) -> Self::D {
        has!([
            _mm512_cvtps_pd(_mm512_castps512_ps256(x)),
            _mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(x)),
        ])
    }
    #[inline(always)]
    fn load_wide(self, x: &[f32; LANES]) -> Self::D {
        let (halves, _) = x.as_chunks::<8>();
        has!([
            _mm512_cvtps_pd(_mm256_loadu_ps(halves[0].as_ptr())),
            _mm512_cvtps_pd(_mm256_loadu_ps(halves[1].as_ptr())),
        ])
    }
    #[inline(always)]
    fn narrow(self, [low, high]: Self::D) -> Self::F {
        has!(_mm512_insertf32x8::<1>(
            _mm512_castps256_ps512(_mm512_cvtpd_ps(low)),
            _mm512_cvtpd_ps(high),
        ))
    }
    #[inline(always)]
    fn splat_d(self, x: f64) -> Self::D {
        has!([_mm512_set1_pd(x); 2])
    }
    #[inline(always)]
    fn add_d(self, a: Self::D, b: Self::D) -> Self::D {
        has!([_mm512_add_pd(a[0], b[0]), _mm512_add_pd(a[1], b[1])])
    }
    #[inline(always)]
    fn sub_d(self, a: Self::D, b: Self::D) -> Self::D {
        has!([_mm512_sub_pd(a[0], b[0]), _mm512_sub_pd(a[1], b[1])])
    }
    #[inline(always)]
    fn mul_d(self, a: Self::D, b: Self::D) -> Self::D {
        has!([_mm512_mul_pd(a[0], b[0]), _mm512_mul_pd(a[1], b[1])])
    }
    #[inline(always)]
    fn if_greater_d(self, a: Self::D, b: Self::D, x: Self::D, y: Self::D) -> Self::D {
        has!({
            let low = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(a[0], b[0]);
            let high = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(a[1], b[1]);
            [
                _mm512_mask_blend_pd(low, y[0], x[0]),
                _mm512_mask_blend_pd(high, y[1], x[1]),
            ]
        })
    }
    #[inline(always)]
    fn load_d(self, x: &[f64; LANES]) -> Self::D {
        let (halves, _) = x.as_chunks::<8>();
        has!([
            _mm512_loadu_pd(halves[0].as_ptr()),
            _mm512_loadu_pd(halves[1].as_ptr()),
        ])
    }
    #[inline(always)]
    fn store_d(self, x: Self::D, to: &mut [f64; LANES]) {
        let (halves, _) = to.as_chunks_mut::<8>();
        for (half, to) in x.into_iter().zip(halves) {
            has!(_mm512_storeu_pd(to.as_mut_ptr(), half));
        }
    }

    #[inline(always)]
    fn stream(self, from: &[Lanes<f32>], to: &mut [f32]) {
        for (from, line) in lines(from, to) {
            has!(_mm512_stream_ps(line.0.as_mut_ptr(), self.load(from)));
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
