//! Sorting networks: every column of a vector of keys is sorted by the same compare-exchanges.
//!
//! Batcher's odd-even merge sort (Knuth, The Art of Computer Programming 3, section 5.3.4) for
//! powers of two up to 64, written out, so that the keys stay in registers, and so that what a
//! caller does not read is never computed: the compiler drops the halves of exchanges that lead
//! nowhere.

use super::ahead::Ahead;
use super::simd::{Kernel, LANES, Lanes, Simd};

/// Keys of sixteen columns, one vector per row.
pub(super) type Keys<const N: usize> = [Lanes<i32>; N];

/// Lines of memory that are asked for at each pause of a network.
const LINES_A_PAUSE: usize = 6;

/// Lines of memory that sorting `N` keys asks for meanwhile.
pub(super) const fn lines_asked_for<const N: usize>() -> usize {
    LINES_A_PAUSE
        * match N {
            8 | 16 => 1,
            32 => 3,
            64 => 8,
            _ => 0,
        }
}

/// The values that keys stand for, one vector per row.
pub(super) type Values<const N: usize> = [Lanes<f32>; N];

/// Sorts every column. A function of its own, for the sake of its registers.
pub(super) struct Sort<'a, 'b, const N: usize> {
    pub(super) keys: &'a Keys<N>,
    pub(super) values: &'a mut Values<N>,
    pub(super) ahead: &'a mut Ahead<'b>,
}

impl<const N: usize> Kernel for Sort<'_, '_, N> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let ahead = self.ahead;
        for part in 0..S::PARTS {
            let mut v = [s.load_part(&self.keys[0].0, part); N];
            sort_part(s, self.keys, part, &mut v, ahead);
            for i in 0..N {
                s.store_values(v[i], part, &mut self.values[i].0);
            }
        }
    }
}

/// The two middle values of every column, or the only one twice. Most of the network leads to other
/// ranks, and is dropped.
pub(super) struct Middle<'a, 'b, const N: usize> {
    pub(super) keys: &'a Keys<N>,
    pub(super) ahead: &'a mut Ahead<'b>,
}

impl<const N: usize> Kernel for Middle<'_, '_, N> {
    type Out = Values<2>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Values<2> {
        let Self { keys, ahead } = self;
        let mut out = [Lanes([0.0; LANES]); 2];
        for part in 0..S::PARTS {
            let mut v = [s.load_part(&keys[0].0, part); N];
            sort_part(s, keys, part, &mut v, ahead);
            s.store_values(v[N.div_ceil(2) - 1], part, &mut out[0].0);
            s.store_values(v[N / 2], part, &mut out[1].0);
        }
        out
    }
}

/// Loads a part of the columns into `v`, and sorts it.
#[inline(always)]
fn sort_part<S: Simd, const N: usize>(
    s: S,
    keys: &Keys<N>,
    part: usize,
    v: &mut [S::K; N],
    ahead: &mut Ahead<'_>,
) {
    for i in 0..N {
        v[i] = s.load_part(&keys[i].0, part);
    }
    sort(s, v, &mut || ahead.advance(s, LINES_A_PAUSE / S::PARTS));
}

/// The compare-exchanges `low high`, at an offset.
macro_rules! exchange {
    ($s:ident, $v:ident, $at:expr; $($low:literal $high:literal),+) => {
        $(
            let (low, high) = ($v[$at + $low], $v[$at + $high]);
            $v[$at + $low] = $s.min(low, high);
            $v[$at + $high] = $s.max(low, high);
        )+
    };
}

/// Sorts columns of `N` keys each, ascending. `N` is 1, 2, 4, 8, 16, 32 or 64. Calls `pause`
/// now and then, as often as [`lines_asked_for`] says.
///
/// Where a `K` is an array, larger networks are loops: a sorted column is the same whatever
/// network sorted it, and written out they take minutes to compile.
#[inline(always)]
fn sort<S: Simd, const N: usize>(s: S, v: &mut [S::K; N], pause: &mut impl FnMut()) {
    match N {
        0 | 1 => {}
        2 => sort2(s, v),
        4 => sort4(s, v),
        8 => {
            sort8(s, v);
            pause();
        }
        16 if S::KEYS_IN_REGISTERS => sort16(s, v, 0, pause),
        32 if S::KEYS_IN_REGISTERS => sort32(s, v, 0, pause),
        64 if S::KEYS_IN_REGISTERS => {
            sort32(s, v, 0, pause);
            sort32(s, v, 32, pause);
            merge64(s, v, pause);
        }
        _ => {
            sort_by_loops(s, v);
            for _ in 0..lines_asked_for::<N>() / LINES_A_PAUSE {
                pause();
            }
        }
    }
}

/// Batcher's merge exchange for any length (Knuth, section 5.2.2, algorithm M).
#[inline(always)]
fn sort_by_loops<S: Simd>(s: S, v: &mut [S::K]) {
    let top = v.len().next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut distance) = (top, 0, p);
        while distance > 0 {
            for low in 0..v.len() - distance {
                if low & p == r {
                    let (a, b) = (v[low], v[low + distance]);
                    v[low] = s.min(a, b);
                    v[low + distance] = s.max(a, b);
                }
            }
            distance = q - p;
            q /= 2;
            r = p;
        }
        p /= 2;
    }
}

#[inline(always)]
fn sort2<S: Simd, const N: usize>(s: S, v: &mut [S::K; N]) {
    exchange!(s, v, 0;
        0 1);
}

#[inline(always)]
fn sort4<S: Simd, const N: usize>(s: S, v: &mut [S::K; N]) {
    exchange!(s, v, 0;
        0 1, 2 3, 0 2, 1 3, 1 2);
}

#[inline(always)]
fn sort8<S: Simd, const N: usize>(s: S, v: &mut [S::K; N]) {
    exchange!(s, v, 0;
        0 1, 2 3, 0 2, 1 3, 1 2, 4 5, 6 7, 4 6, 5 7, 5 6, 0 4, 2 6, 2 4, 1 5, 3 7, 3 5, 1 2,
        3 4, 5 6);
}

#[inline(always)]
fn sort16<S: Simd, const N: usize>(s: S, v: &mut [S::K; N], at: usize, pause: &mut impl FnMut()) {
    exchange!(s, v, at;
        0 1, 2 3, 0 2, 1 3, 1 2, 4 5, 6 7, 4 6, 5 7, 5 6, 0 4, 2 6, 2 4, 1 5, 3 7, 3 5, 1 2,
        3 4, 5 6, 8 9, 10 11, 8 10, 9 11, 9 10, 12 13, 14 15, 12 14, 13 15, 13 14, 8 12, 10 14,
        10 12, 9 13, 11 15, 11 13, 9 10, 11 12, 13 14, 0 8, 4 12, 4 8, 2 10, 6 14, 6 10, 2 4,
        6 8, 10 12, 1 9, 5 13, 5 9, 3 11, 7 15, 7 11, 3 5, 7 9, 11 13, 1 2, 3 4, 5 6, 7 8, 9 10,
        11 12, 13 14);
    pause();
}

/// Two sorted sixteens into one sorted run of 32.
#[inline(always)]
fn sort32<S: Simd, const N: usize>(s: S, v: &mut [S::K; N], at: usize, pause: &mut impl FnMut()) {
    sort16(s, v, at, pause);
    sort16(s, v, at + 16, pause);
    exchange!(s, v, at;
        0 16, 8 24, 8 16, 4 20, 12 28, 12 20, 4 8, 12 16, 20 24, 2 18, 10 26, 10 18, 6 22,
        14 30, 14 22, 6 10, 14 18, 22 26, 2 4, 6 8, 10 12, 14 16, 18 20, 22 24, 26 28, 1 17,
        9 25, 9 17, 5 21, 13 29, 13 21, 5 9, 13 17, 21 25, 3 19, 11 27, 11 19, 7 23, 15 31,
        15 23, 7 11, 15 19, 23 27, 3 5, 7 9, 11 13, 15 17, 19 21, 23 25, 27 29, 1 2, 3 4, 5 6,
        7 8, 9 10, 11 12, 13 14, 15 16, 17 18, 19 20, 21 22, 23 24, 25 26, 27 28, 29 30);
    pause();
}

/// Two sorted runs of 32 into one of 64.
#[inline(always)]
fn merge64<S: Simd, const N: usize>(s: S, v: &mut [S::K; N], pause: &mut impl FnMut()) {
    exchange!(s, v, 0;
        0 32, 16 48, 16 32, 8 40, 24 56, 24 40, 8 16, 24 32, 40 48, 4 36, 20 52, 20 36, 12 44,
        28 60, 28 44, 12 20, 28 36, 44 52, 4 8, 12 16, 20 24, 28 32, 36 40, 44 48, 52 56, 2 34,
        18 50, 18 34, 10 42, 26 58, 26 42, 10 18, 26 34, 42 50);
    pause();
    exchange!(s, v, 0;
        6 38, 22 54, 22 38, 14 46,
        30 62, 30 46, 14 22, 30 38, 46 54, 6 10, 14 18, 22 26, 30 34, 38 42, 46 50, 54 58, 2 4,
        6 8, 10 12, 14 16, 18 20, 22 24, 26 28, 30 32, 34 36, 38 40, 42 44, 46 48, 50 52, 54 56,
        58 60, 1 33, 17 49, 17 33, 9 41, 25 57, 25 41, 9 17, 25 33, 41 49, 5 37, 21 53, 21 37,
        13 45, 29 61, 29 45, 13 21, 29 37, 45 53, 5 9, 13 17, 21 25, 29 33, 37 41, 45 49, 53 57,
        3 35, 19 51, 19 35, 11 43, 27 59, 27 43, 11 19, 27 35, 43 51);
    pause();
    exchange!(s, v, 0;
        7 39, 23 55, 23 39, 15 47,
        31 63, 31 47, 15 23, 31 39, 47 55, 7 11, 15 19, 23 27, 31 35, 39 43, 47 51, 55 59, 3 5,
        7 9, 11 13, 15 17, 19 21, 23 25, 27 29, 31 33, 35 37, 39 41, 43 45, 47 49, 51 53, 55 57,
        59 61, 1 2, 3 4, 5 6, 7 8, 9 10, 11 12, 13 14, 15 16, 17 18, 19 20, 21 22, 23 24, 25 26,
        27 28, 29 30, 31 32, 33 34, 35 36, 37 38, 39 40, 41 42, 43 44, 45 46, 47 48, 49 50,
        51 52, 53 54, 55 56, 57 58, 59 60, 61 62);
}
