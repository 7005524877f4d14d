//! The coordinate rules: each column of a piece is sorted and reduced to one value.
//!
//! A column's result depends on its sorted values alone: it is bitwise the same for any order of
//! the rows, and does not depend on how the columns are cut into pieces. Rows may be mixed on the
//! way in ([`Mixer`]); the mixed rows exist for sixteen columns at a time.

use super::ahead::{Ahead, fours};
use super::mix::{Mixer, Scratch};
use super::network::{self, All, Keys, Middle, MiddleHalf, Ranks as _, Sorted};
use super::out::{EMPTY, Out};
use super::run::runs;
use super::simd::{Kernel, LANES, Lanes, Simd};
use crate::source::Strip;

/// Rows beyond this number go through [`super::wide`].
pub(crate) const MOST_ROWS: usize = 64;

/// What is made of the n sorted values of a column. f is below n / 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduce {
    /// The middle value, or the mean of the two middle ones.
    Median,
    /// The mean of ranks f..n - f.
    TrimmedMean { f: usize },
    /// The mean of the n - f values nearest to the median.
    NearMedian { f: usize },
    /// The mean of the n - f values nearest to the trimmed mean.
    NearTrimmedMean { f: usize },
    /// The mean of the `keep` values nearest to the median.
    Nearest { keep: usize },
    /// The sign of the sum of signs.
    Sign,
}

/// Reduces the columns of the strip into `out`, which has its length.
pub(super) struct Columns<'a> {
    pub(super) strip: Strip<'a>,
    pub(super) mixer: &'a Mixer,
    pub(super) reduce: Reduce,
    pub(super) out: Out<'a>,
}

impl Kernel for Columns<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self
            .mixer
            .rows_out(self.strip.rows.len())
            .next_power_of_two()
        {
            1 => sized::<S, 1>(s, self),
            2 => sized::<S, 2>(s, self),
            4 => sized::<S, 4>(s, self),
            8 => sized::<S, 8>(s, self),
            16 => sized::<S, 16>(s, self),
            32 => sized::<S, 32>(s, self),
            _ => sized::<S, 64>(s, self),
        }
    }
}

#[inline(always)]
fn sized<S: Simd, const N: usize>(s: S, work: Columns<'_>) {
    let n = work.mixer.rows_out(work.strip.rows.len());
    // The true rows are in the middle, so that the median has the same rank for every n.
    let low = (N - n) / 2;
    let mut keys: Keys<N> = [Lanes([S::LOWEST; LANES]); N];
    keys[low + n..].fill(Lanes([S::HIGHEST; LANES]));
    let mut sorted = Sorted::new();
    let mut scratch = Scratch::new();
    let mut start = work.strip.range.start;
    let mut ahead = Ahead::new(&work.strip);
    let is_half =
        matches!(work.reduce, Reduce::TrimmedMean { f } if low + f >= MiddleHalf.left_out(N));
    // Lines that nobody else asks for.
    let n_lines = work.strip.rows.len();
    let by_sort = match work.reduce {
        Reduce::Sign => 0,
        _ => network::fours_asked_for::<N>(),
    };
    let asked_for = work.mixer.fours_asked_for(n_lines) + by_sort;
    let rest = fours(n_lines).saturating_sub(asked_for);
    let shares = Shares::new(work.reduce, n);
    let mut reduced = EMPTY;
    let mut room = Vec::new();
    for out in work.out.panels() {
        let vectors = out.values.len().div_ceil(LANES);
        let rows = runs(&work.strip, start, &mut room);
        ahead.begin(start);
        for (at, to) in reduced.iter_mut().enumerate().take(vectors) {
            let true_keys = &mut keys[low..low + n];
            work.mixer
                .load(s, &rows, at, &mut scratch, true_keys, &mut ahead);
            let value = if work.reduce == Reduce::Sign {
                sign(s, &keys[low..low + n])
            } else {
                match work.reduce {
                    Reduce::Median => sorted.sort(s, Middle, &keys, &mut ahead),
                    _ if is_half => sorted.sort(s, MiddleHalf, &keys, &mut ahead),
                    _ => sorted.sort(s, All, &keys, &mut ahead),
                }
                s.narrow(reduce_sorted(
                    s,
                    &sorted.values[low..low + n],
                    work.reduce,
                    shares,
                ))
            };
            s.store(value, &mut to.0);
            ahead.advance(s, rest);
        }
        start += out.values.len();
        out.put(s, &reduced);
    }
}

/// What each value counts in the means of a reduction: a division for each vector would take as long as its sums.
#[derive(Clone, Copy)]
struct Shares {
    /// In the mean of ranks f..n - f.
    middle: f64,
    /// In the mean of those that are nearest.
    nearest: f64,
}

impl Shares {
    fn new(reduce: Reduce, n: usize) -> Self {
        let (middle, nearest) = match reduce {
            Reduce::TrimmedMean { f }
            | Reduce::NearMedian { f }
            | Reduce::NearTrimmedMean { f } => (n - 2 * f, n - f),
            Reduce::Nearest { keep } => (n, keep),
            Reduce::Median | Reduce::Sign => (n, n),
        };
        Self {
            middle: 1.0 / middle as f64,
            nearest: 1.0 / nearest as f64,
        }
    }
}

#[inline(always)]
fn reduce_sorted<S: Simd>(s: S, v: &[Lanes<f32>], reduce: Reduce, shares: Shares) -> S::D {
    let n = v.len();
    let (sum, share) = match reduce {
        Reduce::TrimmedMean { f } => (sum(s, &v[f..n - f]), shares.middle),
        Reduce::NearMedian { f } => {
            let middle = sum(s, &v[f..n - f]);
            (nearest(s, v, middle, n - f, median(s, v)), shares.nearest)
        }
        Reduce::NearTrimmedMean { f } => {
            let middle = sum(s, &v[f..n - f]);
            let centre = s.mul_d(middle, s.splat_d(shares.middle));
            (nearest(s, v, middle, n - f, centre), shares.nearest)
        }
        Reduce::Nearest { keep } => {
            let sure = sum(s, &v[(n - keep).min(keep)..keep]);
            (nearest(s, v, sure, keep, median(s, v)), shares.nearest)
        }
        Reduce::Median | Reduce::Sign => return median(s, v),
    };
    s.mul_d(sum, s.splat_d(share))
}

#[inline(always)]
fn wide<S: Simd>(s: S, values: &Lanes<f32>) -> S::D {
    s.load_wide(&values.0)
}

#[inline(always)]
fn median<S: Simd>(s: S, v: &[Lanes<f32>]) -> S::D {
    let sum = s.add_d(wide(s, &v[(v.len() - 1) / 2]), wide(s, &v[v.len() / 2]));
    s.mul_d(sum, s.splat_d(0.5))
}

/// Sums in four chains, by rank modulo 4: a fixed order that does not wait for each addition. Two chains at a time: four are all
/// the registers that AVX2 has.
#[inline(always)]
fn sum<S: Simd>(s: S, v: &[Lanes<f32>]) -> S::D {
    let left = two_chains(s, v, 0);
    s.add_d(left, two_chains(s, v, 2))
}

/// The chain of these ranks modulo 4, and the next one.
#[inline(always)]
fn two_chains<S: Simd>(s: S, v: &[Lanes<f32>], first: usize) -> S::D {
    // -0.0 is the neutral element: a column of -0.0 has the sum -0.0.
    let mut sums = [s.splat_d(-0.0); 2];
    let (fours, rest) = v.as_chunks::<4>();
    for four in fours {
        for chain in 0..2 {
            sums[chain] = s.add_d(sums[chain], wide(s, &four[first + chain]));
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest.iter().skip(first)) {
        *sum = s.add_d(*sum, wide(s, value));
    }
    s.add_d(sums[0], sums[1])
}

/// The sum of the `keep` values that are nearest to `centre`, the smaller one of a tie. `sure` is the sum of those that no
/// window can leave out: of ranks `n - keep..keep`.
///
/// They form a window of the sorted values. The window starts one place further for each j with
/// `v[j + keep]` nearer than `v[j]`; this is monotone in j, so that value j is simply exchanged for
/// value j + keep.
#[inline(always)]
fn nearest<S: Simd>(s: S, v: &[Lanes<f32>], sure: S::D, keep: usize, centre: S::D) -> S::D {
    let twice = s.add_d(centre, centre);
    let (low, high) = v.split_at(keep);
    let mut total = sure;
    for (k, (value, candidate)) in low.iter().zip(high).enumerate() {
        let mut chosen = nearer(s, twice, wide(s, value), candidate);
        // With keep < drop the candidates overlap: then place k holds value k + i * keep for the
        // largest exchange that applies, which is found by exchanging again.
        let mut at = k + keep;
        while at < high.len() {
            chosen = nearer(s, twice, chosen, &high[at]);
            at += keep;
        }
        total = s.add_d(total, chosen);
    }
    total
}

/// The one of two values that is nearer to a centre, given twice; the smaller one is given first, and is that of a tie.
#[inline(always)]
fn nearer<S: Simd>(s: S, twice: S::D, smaller: S::D, larger: &Lanes<f32>) -> S::D {
    let larger = wide(s, larger);
    // centre - smaller > larger - centre
    s.if_greater_d(twice, s.add_d(smaller, larger), larger, smaller)
}

/// The sign of the sum of signs: -1, 0 or 1.
#[inline(always)]
fn sign<S: Simd>(s: S, keys: &[Lanes<i32>]) -> S::F {
    let mut sum = s.splat(0.0);
    for key in keys {
        sum = s.add(sum, s.sign(s.load_values(&key.0)));
    }
    s.sign(sum)
}
