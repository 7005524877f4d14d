//! Sixteen columns at a time: the one place that knows instruction sets, and the one with `unsafe`.
//!
//! Every kernel of the crate is written once, over the sixteen logical lanes of [`Simd`], and
//! compiled once per instruction set: AVX-512 (one register holds the lanes; keys are floats or integers), AVX2 (two registers),
//! and portable arrays, which the compiler turns into SSE2 or NEON. [`Isa::run`] picks at run time.
//! Each operation is exactly rounded IEEE arithmetic, so all give the same bits; the tests
//! hold them to it. Nothing here knows what a rule is.
//!
//! Soundness: a token of a type that implements [`Simd`] by intrinsics exists only after the
//! processor was asked, and the intrinsics below need nothing else, apart from loads and stores,
//! whose addresses come from references to arrays of sixteen. Stores past the caches come in no order
//! with later ones, so [`Isa::run`] ends with a fence, and no kernel hands over what it stored before.
#![allow(
    unsafe_code,
    reason = "intrinsics, behind tokens that prove the features"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
use avx512::{
    Avx512,
    compare::{Integers, Ranges},
};
pub(crate) use portable::Portable;

/// Logical lanes of every instruction set, and so part of each result's definition.
pub(crate) const LANES: usize = 16;

/// Sixteen values in memory that a register loads at once: aligned, so that no load straddles two
/// cache lines.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Lanes<T>(pub(crate) [T; LANES]);

/// Sixteen lanes of `f32` (`F`), of `i32` (`I`) and of `f64` (`D`), and a register of keys (`K`). The token
/// proves that the processor has the instructions.
pub(crate) trait Simd: Copy {
    /// Sixteen `f32`.
    type F: Copy;
    /// A register of `f32`: sixteen of them, or a part.
    type R: Copy;
    /// Some `f32`, in a form in which they are quickly compared by their total order.
    type K: Copy;
    /// Sixteen `i32`.
    type I: Copy;
    /// Sixteen `f64`.
    type D: Copy;
    /// How many of `R` make up sixteen lanes. Of one, the registers hold 4 x 4 running sums; else of each part 4 x 2.
    const REGISTERS: usize;
    /// How many of `K` make up sixteen lanes. Who needs all registers for keys goes by parts.
    const PARTS: usize;
    /// Whether a `K` is a register, so that keys stay in some.
    const KEYS_IN_REGISTERS: bool;
    /// A key that is above none of a finite number, as it stands in memory.
    const LOWEST: i32;
    /// A key that is below none of a finite number.
    const HIGHEST: i32;

    fn load(self, x: &[f32; LANES]) -> Self::F;
    fn store(self, x: Self::F, to: &mut [f32; LANES]);
    fn splat(self, x: f32) -> Self::F;
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, rounded once.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;

    /// A part of the lanes, which is below `REGISTERS`.
    fn load_r(self, x: &[f32; LANES], part: usize) -> Self::R;
    /// Writes a part of the lanes.
    fn store_r(self, x: Self::R, part: usize, to: &mut [f32; LANES]);
    /// Puts a part into its place.
    fn put_r(self, x: Self::R, part: usize, to: &mut Self::F);
    fn splat_r(self, x: f32) -> Self::R;
    fn sub_r(self, a: Self::R, b: Self::R) -> Self::R;
    /// `a * b + c`, rounded once.
    fn mul_add_r(self, a: Self::R, b: Self::R, c: Self::R) -> Self::R;

    /// The sum of the lanes, as a tree: lane l with lane l + 8, then + 4, + 2, + 1.
    fn sum(self, x: Self::F) -> f32;
    /// The same of a square of vectors: that of `x[p][q]` in lane `4 * q + p`.
    #[inline(always)]
    fn sums(self, x: &[[Self::F; 4]; 4]) -> Self::F {
        let mut out = [0.0; LANES];
        for p in 0..4 {
            for q in 0..4 {
                out[4 * q + p] = self.sum(x[p][q]);
            }
        }
        self.load(&out)
    }

    /// The nearest finite number: what was rounded past the largest float is that float, and so is
    /// NaN, the sum of infinities.
    fn finite(self, x: Self::F) -> Self::F;
    /// -1, 0 or 1; both zeros have the sign 0.
    fn sign(self, x: Self::F) -> Self::F;
    /// Whether `a > b` in any lane.
    fn any_above(self, a: Self::F, b: Self::F) -> bool;
    /// Whether `a >= b` in all lanes; not so beside NaN.
    fn all_at_least(self, a: Self::F, b: Self::F) -> bool;
    /// The larger magnitude of two.
    fn max_abs(self, a: Self::F, b: Self::F) -> Self::F;

    /// The keys of floats that are not NaN; [`Simd::load_values`] takes them back.
    fn store_keys(self, x: Self::F, to: &mut [i32; LANES]);
    fn load_values(self, keys: &[i32; LANES]) -> Self::F;
    /// A part of the keys, which is below `PARTS`.
    fn load_part(self, keys: &[i32; LANES], part: usize) -> Self::K;
    /// Writes a part of the keys.
    fn store_part(self, keys: Self::K, part: usize, to: &mut [i32; LANES]);
    /// Writes the values of a part of the keys to the same part.
    fn store_values(self, keys: Self::K, part: usize, to: &mut [f32; LANES]);
    /// The smaller keys in the order of [`f32::total_cmp`].
    fn min(self, a: Self::K, b: Self::K) -> Self::K;
    fn max(self, a: Self::K, b: Self::K) -> Self::K;

    /// The bits as integers.
    fn bits(self, x: Self::F) -> Self::I;
    /// The bits as floats.
    fn floats(self, x: Self::I) -> Self::F;
    fn splat_i(self, x: i32) -> Self::I;
    fn and_i(self, a: Self::I, b: Self::I) -> Self::I;
    /// Wraps around.
    fn add_i(self, a: Self::I, b: Self::I) -> Self::I;
    /// The smaller one, taken as unsigned.
    fn min_unsigned(self, a: Self::I, b: Self::I) -> Self::I;
    fn load_i(self, x: &[i32; LANES]) -> Self::I;
    fn store_i(self, x: Self::I, to: &mut [i32; LANES]);

    fn widen(self, x: Self::F) -> Self::D;
    /// Loads and widens: often one instruction.
    fn load_wide(self, x: &[f32; LANES]) -> Self::D;
    /// Rounds to the nearest `f32`, ties to even.
    fn narrow(self, x: Self::D) -> Self::F;
    fn splat_d(self, x: f64) -> Self::D;
    fn add_d(self, a: Self::D, b: Self::D) -> Self::D;
    fn sub_d(self, a: Self::D, b: Self::D) -> Self::D;
    fn mul_d(self, a: Self::D, b: Self::D) -> Self::D;
    /// Lane by lane: `x` where `a > b`, else `y`.
    fn if_greater_d(self, a: Self::D, b: Self::D, x: Self::D, y: Self::D) -> Self::D;
    fn load_d(self, x: &[f64; LANES]) -> Self::D;
    fn store_d(self, x: Self::D, to: &mut [f64; LANES]);

    /// Copies past the caches, where the processor can: `to` has at most as many values as `from`.
    /// Others see the values after the end of [`Isa::run`].
    fn stream(self, from: &[Lanes<f32>], to: &mut [f32]);

    /// Runs a kernel as a function of its own: the compiler gives it all registers.
    fn call<K: Kernel>(self, kernel: K) -> K::Out;

    /// Asks for a cache line that will be read soon, into the second-level cache. Never faults, changes no value.
    fn prefetch(self, x: &[f32; LANES]);
    /// Asks for one that will be read next, and may be in the second-level cache.
    fn prefetch_near(self, x: &[f32; LANES]);
}

/// A computation that is compiled once per instruction set.
///
/// `run` must be `#[inline(always)]` and call nothing hot that is not, so that its body is compiled
/// with the instructions of `S`.
pub(crate) trait Kernel {
    /// What it computes.
    type Out;

    fn run<S: Simd>(self, simd: S) -> Self::Out;
}

/// An instruction set that this processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Isa(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512Ranges,
    #[cfg(target_arch = "x86_64")]
    Avx512Integers,
}

impl Isa {
    /// The fastest one. The standard library asks the processor once and remembers.
    pub(crate) fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if Avx512::<Ranges>::detect().is_some() {
                return Self(if Integers::are_faster() {
                    Set::Avx512Integers
                } else {
                    Set::Avx512Ranges
                });
            }
            if avx2::Avx2::detect().is_some() {
                return Self(Set::Avx2);
            }
        }
        Self(Set::Portable)
    }

    /// Every one that this processor has, to compare their results.
    #[cfg(test)]
    pub(crate) fn available() -> Vec<Self> {
        let mut all = vec![Self(Set::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            if avx2::Avx2::detect().is_some() {
                all.push(Self(Set::Avx2));
            }
            if Avx512::<Ranges>::detect().is_some() {
                all.extend([Self(Set::Avx512Ranges), Self(Set::Avx512Integers)]);
            }
        }
        all
    }

    /// Runs a kernel with these instructions.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Out {
        match self.0 {
            Set::Portable => kernel.run(Portable),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => match avx2::Avx2::detect() {
                Some(token) => fenced(|| avx2::run(token, kernel)),
                None => kernel.run(Portable),
            },
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Ranges => match Avx512::<Ranges>::detect() {
                Some(token) => fenced(|| avx512::run(token, kernel)),
                None => kernel.run(Portable),
            },
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Integers => match Avx512::<Integers>::detect() {
                Some(token) => fenced(|| avx512::run(token, kernel)),
                None => kernel.run(Portable),
            },
        }
    }
}

/// Stores past the caches are in memory before anything is that comes after.
#[cfg(target_arch = "x86_64")]
fn fenced<T>(work: impl FnOnce() -> T) -> T {
    let done = work();
    // SAFETY: every x86-64 has it.
    unsafe { std::arch::x86_64::_mm_sfence() };
    done
}

/// What is copied to where: whole lines, which begin at a multiple of their length. What is left at both
/// ends was copied.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn lines<'a>(
    from: &'a [Lanes<f32>],
    to: &'a mut [f32],
) -> impl Iterator<Item = (&'a [f32; LANES], &'a mut Lanes<f32>)> {
    let from = &arrays(from).as_flattened()[..to.len()];
    // SAFETY: as above, and any bits are floats.
    let (head, lines, tail) = unsafe { to.align_to_mut::<Lanes<f32>>() };
    let (first, from) = from.split_at(head.len());
    let (whole, last) = from.as_chunks::<LANES>();
    head.copy_from_slice(first);
    tail.copy_from_slice(last);
    whole.iter().zip(lines)
}

/// The same values without the promise that they are aligned.
pub(crate) fn arrays<T>(lanes: &[Lanes<T>]) -> &[[T; LANES]] {
    const { assert!(size_of::<Lanes<T>>() == size_of::<[T; LANES]>()) };
    // SAFETY: `Lanes` is an array and, as was just checked, nothing else.
    unsafe { std::slice::from_raw_parts(lanes.as_ptr().cast(), lanes.len()) }
}
