//! The lanes as one register of AVX-512.

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::{Floats, Kernel, LANES, Lanes, Simd, lines};
use maker::Maker;

/// Proof that the processor has AVX-512 F and DQ. `M` is whose processors it is best for.
#[derive(Clone, Copy)]
pub(super) struct Avx512<M>(PhantomData<M>);

impl<M: Maker> Avx512<M> {
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq");
        found.then_some(Self(PhantomData))
    }
}

/// Compiles the kernel with AVX-512.
pub(super) fn run<M: Maker, K: Kernel>(token: Avx512<M>, kernel: K) -> K::Out {
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512dq")]
    fn compiled<M: Maker, K: Kernel>(token: Avx512<M>, kernel: K) -> K::Out {
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

pub(super) mod maker;
mod numbers;

impl<M: Maker> Avx512<M> {
    /// [`Floats::sums`], by the tree of [`Floats::sum`] for all at once: halves, quarters and so on of two
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

impl<M: Maker> Floats for Avx512<M> {
    type F = __m512;
    type R = __m512;
    const REGISTERS: usize = 1;
    const COPIES_PAY_FROM: usize = M::COPIES_PAY_FROM;

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
}

impl<M: Maker> Simd for Avx512<M> {
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
