//! The stages of sorting, each a function of its own.

use super::exchanges::{merge32, sort_by_loops, sort2, sort4, sort8, sort16};
use super::{Keys, Ranks, Values};
use crate::engine::simd::{Kernel, Simd};

/// Stores the values of the ranks that are wanted, sixteen at a time: a longer loop is not written out,
/// and then the keys go through memory.
#[inline(always)]
fn put<S: Simd, R: Ranks, const N: usize>(
    s: S,
    ranks: R,
    v: &[S::K; N],
    part: usize,
    values: &mut Values<N>,
) {
    put_sixteen(s, ranks, v, 0, part, values);
    if N > 16 {
        put_sixteen(s, ranks, v, 16, part, values);
    }
    if N > 32 {
        put_sixteen(s, ranks, v, 32, part, values);
        put_sixteen(s, ranks, v, 48, part, values);
    }
}

#[inline(always)]
fn put_sixteen<S: Simd, R: Ranks, const N: usize>(
    s: S,
    ranks: R,
    v: &[S::K; N],
    first: usize,
    part: usize,
    values: &mut Values<N>,
) {
    for rank in first..first + N.min(16) {
        put_one(s, ranks, v[rank], rank, part, values);
    }
}

#[inline(always)]
fn put_one<S: Simd, R: Ranks, const N: usize>(
    s: S,
    ranks: R,
    key: S::K,
    rank: usize,
    part: usize,
    values: &mut Values<N>,
) {
    if (ranks.left_out(N)..N - ranks.left_out(N)).contains(&rank) {
        s.store_values(key, part, &mut values[rank].0);
    }
}

/// The last stage of up to 32 keys. Of sixteen it is the only one; of 32 in registers it merges two runs.
pub(super) struct Last<'a, R, const N: usize> {
    pub(super) keys: &'a Keys<N>,
    pub(super) values: &'a mut Values<N>,
    pub(super) ranks: R,
}

impl<R: Ranks, const N: usize> Kernel for Last<'_, R, N> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for part in 0..S::PARTS {
            let mut v = load(s, self.keys, part);
            match N {
                0 | 1 => {}
                2 => sort2(s, &mut v),
                4 => sort4(s, &mut v),
                8 => sort8(s, &mut v),
                16 if S::KEYS_IN_REGISTERS => sort16(s, &mut v),
                32 if S::KEYS_IN_REGISTERS => merge32(s, &mut v),
                _ => sort_by_loops(s, &mut v),
            }
            put(s, self.ranks, &v, part, self.values);
        }
    }
}

/// Sixteen rows into a run.
pub(super) struct Sixteen<'a> {
    pub(super) keys: &'a Keys<16>,
    pub(super) run: &'a mut Keys<16>,
}

impl Kernel for Sixteen<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for part in 0..S::PARTS {
            let mut v = load(s, self.keys, part);
            sort16(s, &mut v);
            for i in 0..16 {
                s.store_part(v[i], part, &mut self.run[i].0);
            }
        }
    }
}

/// Two sorted sixteens into a run of 32, in their places: the half of `N` = 32 keys that is given, or of 64 the even
/// ranks of two runs, as far as they lead to ranks that are wanted.
pub(super) struct Merge<'a, R, const N: usize> {
    pub(super) runs: &'a mut Keys<N>,
    pub(super) ranks: R,
}

impl<R: Ranks, const N: usize> Kernel for Merge<'_, R, N> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let step = N / 32;
        // Rank 2 i + 1 of 64 and the next are made of the i-th odd key and the even one after it.
        let low = self.ranks.left_out(64).div_ceil(2);
        for part in 0..S::PARTS {
            let mut v = [s.load_part(&self.runs[0].0, part); 32];
            for i in 0..32 {
                v[i] = s.load_part(&self.runs[step * i].0, part);
            }
            merge32(s, &mut v);
            for i in low..(33 - low).min(32) {
                s.store_part(v[i], part, &mut self.runs[step * i].0);
            }
        }
    }
}

/// The odd ranks of two runs of 32, and exchanges with the even ones after them.
pub(super) struct Last64<'a, R> {
    pub(super) runs: &'a Keys<64>,
    pub(super) values: &'a mut Values<64>,
    pub(super) ranks: R,
}

impl<R: Ranks> Kernel for Last64<'_, R> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        for part in 0..S::PARTS {
            let mut odd = [s.load_part(&self.runs[1].0, part); 32];
            for i in 0..32 {
                odd[i] = s.load_part(&self.runs[2 * i + 1].0, part);
            }
            merge32(s, &mut odd);
            let lowest = s.load_part(&self.runs[0].0, part);
            put_one(s, self.ranks, lowest, 0, part, self.values);
            self.exchange_sixteen(s, &odd, 0, part);
            self.exchange_sixteen(s, &odd, 16, part);
            put_one(s, self.ranks, odd[31], 63, part, self.values);
        }
    }
}

impl<R: Ranks> Last64<'_, R> {
    /// Sixteen odd keys with the even ones after them, if there are: a longer loop is not written out.
    #[inline(always)]
    fn exchange_sixteen<S: Simd>(&mut self, s: S, odd: &[S::K; 32], first: usize, part: usize) {
        for i in first..(first + 16).min(31) {
            let even = s.load_part(&self.runs[2 * i + 2].0, part);
            put_one(
                s,
                self.ranks,
                s.min(odd[i], even),
                2 * i + 1,
                part,
                self.values,
            );
            put_one(
                s,
                self.ranks,
                s.max(odd[i], even),
                2 * i + 2,
                part,
                self.values,
            );
        }
    }
}

/// A part of the columns.
#[inline(always)]
fn load<S: Simd, const N: usize>(s: S, keys: &Keys<N>, part: usize) -> [S::K; N] {
    let mut v = [s.load_part(&keys[0].0, part); N];
    for i in 0..N {
        v[i] = s.load_part(&keys[i].0, part);
    }
    v
}
