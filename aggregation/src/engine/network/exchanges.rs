//! Which keys each network compares.

use crate::engine::simd::Simd;

/// The compare-exchanges `low high`.
macro_rules! exchange {
    ($s:ident, $v:ident; $($low:literal $high:literal),+) => {
        $(
            let (low, high) = ($v[$low], $v[$high]);
            $v[$low] = $s.min(low, high);
            $v[$high] = $s.max(low, high);
        )+
    };
}

/// Batcher's merge exchange for any length (Knuth, section 5.2.2, algorithm M).
#[inline(always)]
pub(super) fn sort_by_loops<S: Simd>(s: S, v: &mut [S::K]) {
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
pub(super) fn sort2<S: Simd, const N: usize>(s: S, v: &mut [S::K; N]) {
    exchange!(s, v;
        0 1);
}

#[inline(always)]
pub(super) fn sort4<S: Simd, const N: usize>(s: S, v: &mut [S::K; N]) {
    exchange!(s, v;
        0 1, 2 3, 0 2, 1 3, 1 2);
}

#[inline(always)]
pub(super) fn sort8<S: Simd, const N: usize>(s: S, v: &mut [S::K; N]) {
    exchange!(s, v;
        0 1, 2 3, 0 2, 1 3, 1 2, 4 5, 6 7, 4 6, 5 7, 5 6, 0 4, 2 6, 2 4, 1 5, 3 7, 3 5, 1 2,
        3 4, 5 6);
}

/// Green's network: 60 exchanges, where Batcher's has 63.
#[inline(always)]
pub(super) fn sort16<S: Simd, const N: usize>(s: S, v: &mut [S::K; N]) {
    exchange!(s, v;
        0 1, 2 3, 4 5, 6 7, 8 9, 10 11, 12 13, 14 15, 0 2, 1 3, 4 6, 5 7, 8 10, 9 11, 12 14,
        13 15, 0 4, 1 5, 2 6, 3 7, 8 12, 9 13, 10 14, 11 15, 0 8, 1 9, 2 10, 3 11, 4 12, 5 13,
        6 14, 7 15, 5 10, 6 9, 3 12, 13 14, 4 8, 7 11, 1 2, 1 4, 7 13, 2 8, 11 14, 2 4, 5 6,
        9 10, 11 13, 3 8, 7 12, 6 8, 10 12, 3 5, 7 9, 3 4, 5 6, 7 8, 9 10, 11 12, 6 7, 8 9);
}

/// Two sorted sixteens into one sorted run of 32.
#[inline(always)]
pub(super) fn merge32<S: Simd, const N: usize>(s: S, v: &mut [S::K; N]) {
    exchange!(s, v;
        0 16, 8 24, 8 16, 4 20, 12 28, 12 20, 4 8, 12 16, 20 24, 2 18, 10 26, 10 18, 6 22,
        14 30, 14 22, 6 10, 14 18, 22 26, 2 4, 6 8, 10 12, 14 16, 18 20, 22 24, 26 28, 1 17,
        9 25, 9 17, 5 21, 13 29, 13 21, 5 9, 13 17, 21 25, 3 19, 11 27, 11 19, 7 23, 15 31,
        15 23, 7 11, 15 19, 23 27, 3 5, 7 9, 11 13, 15 17, 19 21, 23 25, 27 29, 1 2, 3 4, 5 6,
        7 8, 9 10, 11 12, 13 14, 15 16, 17 18, 19 20, 21 22, 23 24, 25 26, 27 28, 29 30);
}
