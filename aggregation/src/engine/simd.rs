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
mod lanes;
mod portable;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
use avx512::{
    Avx512,
    maker::{Amd, Intel},
};
pub(crate) use lanes::{Bits, Doubles, Floats, LANES, Lanes, SortKeys};
pub(crate) use portable::Portable;

/// An instruction set. The token proves that the processor has it.
pub(crate) trait Simd: Floats + SortKeys + Bits + Doubles {
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
    Avx512Intel,
    #[cfg(target_arch = "x86_64")]
    Avx512Amd,
}

impl Isa {
    /// The fastest one. The standard library asks the processor once and remembers.
    pub(crate) fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if Avx512::<Intel>::detect().is_some() {
                return Self(if Amd::made_this() {
                    Set::Avx512Amd
                } else {
                    Set::Avx512Intel
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
            if Avx512::<Intel>::detect().is_some() {
                all.extend([Self(Set::Avx512Intel), Self(Set::Avx512Amd)]);
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
            Set::Avx512Intel => match Avx512::<Intel>::detect() {
                Some(token) => fenced(|| avx512::run(token, kernel)),
                None => kernel.run(Portable),
            },
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Amd => match Avx512::<Amd>::detect() {
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
