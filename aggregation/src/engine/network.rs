//! Sorting networks: every column of a vector of keys is sorted by the same compare-exchanges.
//!
//! Batcher's odd-even merge sort (Knuth, The Art of Computer Programming 3, section 5.3.4) for
//! powers of two up to 64, but for sixteens, of which Green's network (ibid.) sorts with fewer exchanges; written out, so that the keys stay in registers, and so that what a
//! caller does not read is never computed: the compiler drops the halves of exchanges that lead
//! nowhere. More than sixteen keys are sorted in stages of at most 32, as many as AVX-512 has registers; between
//! stages keys are in memory, and no stage calls anything, for before a call all of them would go there.

mod exchanges;
mod stages;

use super::ahead::Ahead;
use super::simd::{LANES, Lanes, Simd};
use stages::{Last, Last64, Merge, Sixteen};

/// Keys of sixteen columns, one vector per row.
pub(super) type Keys<const N: usize> = [Lanes<i32>; N];

/// The values that keys stand for, one vector per row.
type Values<const N: usize> = [Lanes<f32>; N];

/// How often sorting `N` keys asks for a line of four rows: after each stage.
pub(super) const fn fours_asked_for<const N: usize>() -> usize {
    match N {
        8 | 16 => 1,
        32 => 3,
        64 => 8,
        _ => 0,
    }
}

/// Which of n ranks are wanted. What leads to others is not computed.
pub(super) trait Ranks: Copy {
    /// So many of the lowest are not, and so many of the highest.
    fn left_out(self, n: usize) -> usize;
}

/// All of them.
#[derive(Clone, Copy)]
pub(super) struct All;
/// Those that are neither in the lowest nor in the highest quarter.
#[derive(Clone, Copy)]
pub(super) struct MiddleHalf;
/// The two middle ones, or the only one.
#[derive(Clone, Copy)]
pub(super) struct Middle;

impl Ranks for All {
    #[inline(always)]
    fn left_out(self, _: usize) -> usize {
        0
    }
}

impl Ranks for MiddleHalf {
    #[inline(always)]
    fn left_out(self, n: usize) -> usize {
        n / 4
    }
}

impl Ranks for Middle {
    #[inline(always)]
    fn left_out(self, n: usize) -> usize {
        n.div_ceil(2) - 1
    }
}

/// Room for sorting.
pub(super) struct Sorted<const N: usize> {
    /// Keys between stages.
    runs: Keys<N>,
    /// What was sorted, at the ranks that were wanted.
    pub(super) values: Values<N>,
}

impl<const N: usize> Sorted<N> {
    pub(super) fn new() -> Self {
        Self {
            runs: [Lanes([0; LANES]); N],
            values: [Lanes([0.0; LANES]); N],
        }
    }

    /// Sorts every column of the keys. `N` is 1, 2, 4, 8, 16, 32 or 64. Asks for lines of memory meanwhile, as many as
    /// [`fours_asked_for`] says.
    ///
    /// Where a `SortKeys::K` is an array, larger networks are loops: a sorted column is the same whatever
    /// network sorted it, and written out they take minutes to compile.
    #[inline(always)]
    pub(super) fn sort<S: Simd, R: Ranks>(
        &mut self,
        s: S,
        ranks: R,
        keys: &Keys<N>,
        ahead: &mut Ahead<'_>,
    ) {
        let Self { runs, values } = self;
        if N <= 16 || !S::KEYS_IN_REGISTERS {
            s.call(Last {
                keys,
                values,
                ranks,
            });
            ahead.advance(s, fours_asked_for::<N>());
            return;
        }
        let sixteens = keys.as_chunks().0.iter().zip(runs.as_chunks_mut().0);
        for (keys, run) in sixteens {
            s.call(Sixteen { keys, run });
            ahead.next(s);
        }
        if let (Some(runs), Some(values)) = (runs.first_chunk_mut(), values.first_chunk_mut()) {
            for half in runs.as_chunks_mut().0 {
                s.call(Merge::<_, 32> {
                    runs: half,
                    ranks: All,
                });
                ahead.next(s);
            }
            s.call(Merge::<_, 64> { runs, ranks });
            ahead.next(s);
            s.call(Last64 {
                runs,
                values,
                ranks,
            });
        } else {
            s.call(Last {
                keys: runs,
                values,
                ranks,
            });
        }
        ahead.next(s);
    }
}
