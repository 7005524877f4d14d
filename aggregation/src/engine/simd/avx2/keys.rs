//! Floats as keys that are compared by their total order.

use std::arch::x86_64::*;

use super::Avx2;
use crate::engine::simd::{Bits, LANES, SortKeys};

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
}

impl SortKeys for Avx2 {
    type K = __m256i;
    const PARTS: usize = 2;
    const KEYS_IN_REGISTERS: bool = true;
    const LOWEST: i32 = i32::MIN;
    const HIGHEST: i32 = i32::MAX;

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
}
