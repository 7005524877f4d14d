//! How keys are compared with AVX-512: processors differ in which way is twice as fast.

use std::arch::x86_64::*;
use std::sync::LazyLock;

use super::Avx512;
use crate::engine::simd::{Bits as _, Floats, LANES, SortKeys};

/// What [`SortKeys`] does with a register.
pub(in crate::engine::simd) trait Compare: Copy {
    type K: Copy;
    const LOWEST: i32;
    const HIGHEST: i32;

    fn key(s: Avx512<Self>, x: __m512) -> Self::K;
    fn value(s: Avx512<Self>, key: Self::K) -> __m512;
    fn min(s: Avx512<Self>, a: Self::K, b: Self::K) -> Self::K;
    fn max(s: Avx512<Self>, a: Self::K, b: Self::K) -> Self::K;
    fn load(s: Avx512<Self>, x: &[i32; LANES]) -> Self::K;
    fn store(s: Avx512<Self>, x: Self::K, to: &mut [i32; LANES]);
}

impl<C: Compare> SortKeys for Avx512<C> {
    type K = C::K;
    const PARTS: usize = 1;
    const KEYS_IN_REGISTERS: bool = true;
    const LOWEST: i32 = C::LOWEST;
    const HIGHEST: i32 = C::HIGHEST;

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
}

/// Floats are keys themselves, and the range instruction knows the order of zeros. Processors of Intel have two units
/// for it, and one that compares integers.
#[derive(Clone, Copy)]
pub(in crate::engine::simd) struct Ranges;

/// What the range instruction is to choose, and that the sign is that of the chosen.
const MIN: i32 = 0b0100;
const MAX: i32 = 0b0101;

impl Compare for Ranges {
    type K = __m512;
    const LOWEST: i32 = f32::NEG_INFINITY.to_bits().cast_signed();
    const HIGHEST: i32 = f32::INFINITY.to_bits().cast_signed();

    #[inline(always)]
    fn key(_: Avx512<Self>, x: __m512) -> Self::K {
        x
    }
    #[inline(always)]
    fn value(_: Avx512<Self>, key: Self::K) -> __m512 {
        key
    }
    #[inline(always)]
    fn min(_: Avx512<Self>, a: Self::K, b: Self::K) -> Self::K {
        has!(_mm512_range_ps::<{ MIN }>(a, b))
    }
    #[inline(always)]
    fn max(_: Avx512<Self>, a: Self::K, b: Self::K) -> Self::K {
        has!(_mm512_range_ps::<{ MAX }>(a, b))
    }
    #[inline(always)]
    fn load(_: Avx512<Self>, x: &[i32; LANES]) -> Self::K {
        has!(_mm512_loadu_ps(x.as_ptr().cast()))
    }
    #[inline(always)]
    fn store(_: Avx512<Self>, x: Self::K, to: &mut [i32; LANES]) {
        has!(_mm512_storeu_ps(to.as_mut_ptr().cast(), x));
    }
}

/// Keys are integers in the order of the floats. Processors of AMD compare two vectors of these in a cycle, and one of
/// floats.
#[derive(Clone, Copy)]
pub(in crate::engine::simd) struct Integers;

/// `x ^ (negative & magnitude)`, as a table of its bits.
const FLIP: i32 = 0b0111_1000;

impl Integers {
    /// Whether this processor compares integers faster.
    pub(in crate::engine::simd) fn are_faster() -> bool {
        /// Asking a processor takes long in a virtual machine.
        static FASTER: LazyLock<bool> = LazyLock::new(|| {
            let vendor = __cpuid(0);
            let name = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
            name.as_flattened() == b"AuthenticAMD"
        });
        *FASTER
    }

    /// From a float to its key, and back: of a negative one all bits but the sign are flipped.
    #[inline(always)]
    fn flip(s: Avx512<Self>, x: __m512i) -> __m512i {
        has!({
            let negative = _mm512_srai_epi32::<31>(x);
            _mm512_ternarylogic_epi32::<FLIP>(x, negative, s.splat_i(i32::MAX))
        })
    }
}

impl Compare for Integers {
    type K = __m512i;
    const LOWEST: i32 = i32::MIN;
    const HIGHEST: i32 = i32::MAX;

    #[inline(always)]
    fn key(s: Avx512<Self>, x: __m512) -> Self::K {
        Self::flip(s, s.bits(x))
    }
    #[inline(always)]
    fn value(s: Avx512<Self>, key: Self::K) -> __m512 {
        s.floats(Self::flip(s, key))
    }
    #[inline(always)]
    fn min(_: Avx512<Self>, a: Self::K, b: Self::K) -> Self::K {
        has!(_mm512_min_epi32(a, b))
    }
    #[inline(always)]
    fn max(_: Avx512<Self>, a: Self::K, b: Self::K) -> Self::K {
        has!(_mm512_max_epi32(a, b))
    }
    #[inline(always)]
    fn load(s: Avx512<Self>, x: &[i32; LANES]) -> Self::K {
        s.load_i(x)
    }
    #[inline(always)]
    fn store(s: Avx512<Self>, x: Self::K, to: &mut [i32; LANES]) {
        s.store_i(x, to);
    }
}
