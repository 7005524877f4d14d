//! The lanes as plain arrays: the definition of every operation, and the fallback.
//!
//! On x86-64 before 2013 there is no fused multiply-add, and `mul_add` is slow there, not wrong.

use super::{Bits, Doubles, Floats, Kernel, LANES, Lanes, Simd, SortKeys};

/// The token of the instruction set that every processor has.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

/// Lanes of a register.
const QUARTER: usize = 4;

#[inline(always)]
fn each<A: Copy, B: Copy, C>(a: [A; LANES], b: [B; LANES], op: impl Fn(A, B) -> C) -> [C; LANES] {
    std::array::from_fn(|lane| op(a[lane], b[lane]))
}

/// Between a float's bits and an integer with its total order: the magnitude of negative ones is
/// turned over.
#[inline(always)]
fn flip(x: i32) -> i32 {
    x ^ ((x >> 31) & i32::MAX)
}

impl Floats for Portable {
    type F = [f32; LANES];
    type R = [f32; QUARTER];
    const REGISTERS: usize = LANES / QUARTER;
    const COPIES_PAY_FROM: usize = 48;

    #[inline(always)]
    fn load(self, x: &[f32; LANES]) -> Self::F {
        *x
    }
    #[inline(always)]
    fn store(self, x: Self::F, to: &mut [f32; LANES]) {
        *to = x;
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [x; LANES]
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    }
    #[inline(always)]
    fn load_r(self, x: &[f32; LANES], part: usize) -> Self::R {
        x.as_chunks().0[part]
    }
    #[inline(always)]
    fn store_r(self, x: Self::R, part: usize, to: &mut [f32; LANES]) {
        to.as_chunks_mut().0[part] = x;
    }
    #[inline(always)]
    fn put_r(self, x: Self::R, part: usize, to: &mut Self::F) {
        to.as_chunks_mut().0[part] = x;
    }
    #[inline(always)]
    fn splat_r(self, x: f32) -> Self::R {
        [x; QUARTER]
    }
    #[inline(always)]
    fn sub_r(self, a: Self::R, b: Self::R) -> Self::R {
        std::array::from_fn(|lane| a[lane] - b[lane])
    }
    #[inline(always)]
    fn mul_add_r(self, a: Self::R, b: Self::R, c: Self::R) -> Self::R {
        std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    }
    #[inline(always)]
    fn sum(self, mut x: Self::F) -> f32 {
        let mut half = LANES / 2;
        while half > 0 {
            for lane in 0..half {
                x[lane] += x[lane + half];
            }
            half /= 2;
        }
        x[0]
    }
    #[inline(always)]
    fn finite(self, x: Self::F) -> Self::F {
        let below = x.map(|x| if x < f32::MAX { x } else { f32::MAX });
        below.map(|x| if x > f32::MIN { x } else { f32::MIN })
    }
    #[inline(always)]
    fn sign(self, x: Self::F) -> Self::F {
        x.map(|x| f32::from(i8::from(x > 0.0) - i8::from(x < 0.0)))
    }
    #[inline(always)]
    fn any_above(self, a: Self::F, b: Self::F) -> bool {
        a.iter().zip(b).any(|(a, b)| *a > b)
    }
    #[inline(always)]
    fn all_at_least(self, a: Self::F, b: Self::F) -> bool {
        a.iter().zip(b).all(|(a, b)| *a >= b)
    }
    #[inline(always)]
    fn max_abs(self, a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| a.abs().max(b.abs()))
    }
}

impl SortKeys for Portable {
    type K = [i32; LANES];
    const PARTS: usize = 1;
    const KEYS_IN_REGISTERS: bool = false;
    const LOWEST: i32 = i32::MIN;
    const HIGHEST: i32 = i32::MAX;

    #[inline(always)]
    fn store_keys(self, x: Self::F, to: &mut [i32; LANES]) {
        *to = x.map(|x| flip(x.to_bits().cast_signed()));
    }
    #[inline(always)]
    fn load_values(self, keys: &[i32; LANES]) -> Self::F {
        keys.map(|key| f32::from_bits(flip(key).cast_unsigned()))
    }
    #[inline(always)]
    fn load_part(self, keys: &[i32; LANES], _: usize) -> Self::K {
        *keys
    }
    #[inline(always)]
    fn store_part(self, keys: Self::K, _: usize, to: &mut [i32; LANES]) {
        *to = keys;
    }
    #[inline(always)]
    fn store_values(self, keys: Self::K, _: usize, to: &mut [f32; LANES]) {
        *to = self.load_values(&keys);
    }
    #[inline(always)]
    fn min(self, a: Self::K, b: Self::K) -> Self::K {
        each(a, b, i32::min)
    }
    #[inline(always)]
    fn max(self, a: Self::K, b: Self::K) -> Self::K {
        each(a, b, i32::max)
    }
}

impl Bits for Portable {
    type I = [i32; LANES];

    #[inline(always)]
    fn bits(self, x: Self::F) -> Self::I {
        x.map(|x| x.to_bits().cast_signed())
    }
    #[inline(always)]
    fn floats(self, x: Self::I) -> Self::F {
        x.map(|x| f32::from_bits(x.cast_unsigned()))
    }
    #[inline(always)]
    fn splat_i(self, x: i32) -> Self::I {
        [x; LANES]
    }
    #[inline(always)]
    fn and_i(self, a: Self::I, b: Self::I) -> Self::I {
        each(a, b, |a, b| a & b)
    }
    #[inline(always)]
    fn add_i(self, a: Self::I, b: Self::I) -> Self::I {
        each(a, b, i32::wrapping_add)
    }
    #[inline(always)]
    fn min_unsigned(self, a: Self::I, b: Self::I) -> Self::I {
        each(a, b, |a, b| {
            a.cast_unsigned().min(b.cast_unsigned()).cast_signed()
        })
    }
    #[inline(always)]
    fn load_i(self, x: &[i32; LANES]) -> Self::I {
        *x
    }
    #[inline(always)]
    fn store_i(self, x: Self::I, to: &mut [i32; LANES]) {
        *to = x;
    }
}

impl Doubles for Portable {
    type D = [f64; LANES];

    #[inline(always)]
    fn widen(self, x: Self::F) -> Self::D {
        x.map(f64::from)
    }
    #[inline(always)]
    fn load_wide(self, x: &[f32; LANES]) -> Self::D {
        x.map(f64::from)
    }
    #[inline(always)]
    fn narrow(self, x: Self::D) -> Self::F {
        x.map(|x| x as f32)
    }
    #[inline(always)]
    fn splat_d(self, x: f64) -> Self::D {
        [x; LANES]
    }
    #[inline(always)]
    fn add_d(self, a: Self::D, b: Self::D) -> Self::D {
        each(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub_d(self, a: Self::D, b: Self::D) -> Self::D {
        each(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul_d(self, a: Self::D, b: Self::D) -> Self::D {
        each(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn if_greater_d(self, a: Self::D, b: Self::D, x: Self::D, y: Self::D) -> Self::D {
        std::array::from_fn(|lane| if a[lane] > b[lane] { x[lane] } else { y[lane] })
    }
    #[inline(always)]
    fn load_d(self, x: &[f64; LANES]) -> Self::D {
        *x
    }
    #[inline(always)]
    fn store_d(self, x: Self::D, to: &mut [f64; LANES]) {
        *to = x;
    }
}

impl Simd for Portable {
    #[inline(always)]
    fn stream(self, from: &[Lanes<f32>], to: &mut [f32]) {
        for (from, to) in from.iter().zip(to.chunks_mut(LANES)) {
            to.copy_from_slice(&from.0[..to.len()]);
        }
    }
    #[inline(always)]
    fn call<K: Kernel>(self, kernel: K) -> K::Out {
        kernel.run(self)
    }
    #[inline(always)]
    fn prefetch(self, _: &[f32; LANES]) {}
    #[inline(always)]
    fn prefetch_near(self, _: &[f32; LANES]) {}
}
