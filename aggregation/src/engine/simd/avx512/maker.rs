//! What is fast with AVX-512 differs with who made the processor.

use std::arch::x86_64::*;
use std::sync::LazyLock;

use super::Avx512;
use crate::engine::simd::{Bits as _, Floats, LANES, SortKeys};

/// [`Floats::COPIES_PAY_FROM`], and what [`SortKeys`] does with a register.
pub(in crate::engine::simd) trait Maker: Copy {
    const COPIES_PAY_FROM: usize;

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

impl<M: Maker> SortKeys for Avx512<M> {
    type K = M::K;
    const PARTS: usize = 1;
    const KEYS_IN_REGISTERS: bool = true;
    const LOWEST: i32 = M::LOWEST;
    const HIGHEST: i32 = M::HIGHEST;

    #[inline(always)]
    fn store_keys(self, x: Self::F, to: &mut [i32; LANES]) {
        M::store(self, M::key(self, x), to);
    }
    #[inline(always)]
    fn load_values(self, keys: &[i32; LANES]) -> Self::F {
        M::value(self, M::load(self, keys))
    }
    #[inline(always)]
    fn load_part(self, keys: &[i32; LANES], _: usize) -> Self::K {
        M::load(self, keys)
    }
    #[inline(always)]
    fn store_part(self, keys: Self::K, _: usize, to: &mut [i32; LANES]) {
        M::store(self, keys, to);
    }
    #[inline(always)]
    fn store_values(self, keys: Self::K, _: usize, to: &mut [f32; LANES]) {
        self.store(M::value(self, keys), to);
    }
    #[inline(always)]
    fn min(self, a: Self::K, b: Self::K) -> Self::K {
        M::min(self, a, b)
    }
    #[inline(always)]
    fn max(self, a: Self::K, b: Self::K) -> Self::K {
        M::max(self, a, b)
    }
}

/// Floats are keys themselves, and the range instruction knows the order of zeros: two units have it here, and one
/// compares integers.
#[derive(Clone, Copy)]
pub(in crate::engine::simd) struct Intel;

/// What the range instruction is to choose, and that the sign is that of the chosen.
const MIN: i32 = 0b0100;
const MAX: i32 = 0b0101;

impl Maker for Intel {
    const COPIES_PAY_FROM: usize = 32;

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

/// Keys are integers in the order of the floats: two vectors of these are compared in a cycle here, and one of floats.
#[derive(Clone, Copy)]
pub(in crate::engine::simd) struct Amd;

/// `x ^ (negative & magnitude)`, as a table of its bits.
const FLIP: i32 = 0b0111_1000;

impl Amd {
    /// Whether this processor is theirs.
    pub(in crate::engine::simd) fn made_this() -> bool {
        /// Asking a processor takes long in a virtual machine.
        static THEIRS: LazyLock<bool> = LazyLock::new(|| {
            let vendor = __cpuid(0);
            let name = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
            name.as_flattened() == b"AuthenticAMD"
        });
        *THEIRS
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

impl Maker for Amd {
    // A load is two halves, of which one straddles.
    const COPIES_PAY_FROM: usize = usize::MAX;

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
