//! The same lanes as integers and as doubles.

use std::arch::x86_64::*;

use super::Avx512;
use super::maker::Maker;
use crate::engine::simd::{Bits, Doubles, LANES};

impl<M: Maker> Bits for Avx512<M> {
    type I = __m512i;

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
}

impl<M: Maker> Doubles for Avx512<M> {
    type D = [__m512d; 2];

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
}
