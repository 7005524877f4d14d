//! The same lanes as integers and as doubles.

use std::arch::x86_64::*;

use super::Avx2;
use crate::engine::simd::{Bits, Doubles, LANES};

impl Bits for Avx2 {
    type I = [__m256i; 2];

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
}

impl Doubles for Avx2 {
    type D = [__m256d; 4];

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
}
