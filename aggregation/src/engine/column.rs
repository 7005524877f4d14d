//! The coordinate rules: each column of a piece is sorted and reduced to one value.
//!
//! A column's result depends on its sorted values alone: it is bitwise the same for any order of
//! the rows, and does not depend on how the columns are cut into pieces. Rows may be mixed on the
//! way in ([`Mixer`]); the mixed rows exist for sixteen columns at a time.

use super::ahead::Ahead;
use super::mix::{Mixer, Scratch};
use super::network::{All, Keys, Middle, MiddleHalf, Ranks as _, Sorted, lines_asked_for};
use super::out::{EMPTY, Out};
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
    let n_lines = work.strip.rows.len();
    let is_half =
        matches!(work.reduce, Reduce::TrimmedMean { f } if low + f >= MiddleHalf.left_out(N));
    let mut reduced = EMPTY;
    for out in work.out.panels() {
        let width = out.values.len();
        ahead.begin(start);
        for (to, at) in reduced.iter_mut().zip((0..width).step_by(LANES)) {
            let columns = start + at..start + width.min(at + LANES);
            let mut lines = n_lines;
            let true_keys = &mut keys[low..low + n];
            lines -= work.mixer.load(
                s,
                work.strip.rows,
                columns,
                &mut scratch,
                true_keys,
                &mut ahead,
            );
            let value = if work.reduce == Reduce::Sign {
                sign(s, &keys[low..low + n])
            } else {
                match work.reduce {
                    Reduce::Median => sorted.sort(s, Middle, &keys, &mut ahead),
                    _ if is_half => sorted.sort(s, MiddleHalf, &keys, &mut ahead),
                    _ => sorted.sort(s, All, &keys, &mut ahead),
                }
                lines = lines.saturating_sub(lines_asked_for::<N>());
                ahead.advance(s, lines / 2);
                lines -= lines / 2;
                s.narrow(reduce_sorted(s, &sorted.values[low..low + n], work.reduce))
            };
            s.store(value, &mut to.0);
            ahead.advance(s, lines);
        }
        start += width;
        out.put(s, &reduced);
    }
}

#[inline(always)]
fn reduce_sorted<S: Simd>(s: S, v: &[Lanes<f32>], reduce: Reduce) -> S::D {
    let n = v.len();
    match reduce {
        Reduce::TrimmedMean { f } => mean(s, &v[f..n - f]),
        Reduce::NearMedian { f } => nearest(s, v, sum(s, &v[f..n - f]), n - f, median(s, v)),
        Reduce::NearTrimmedMean { f } => {
            let middle = sum(s, &v[f..n - f]);
            let centre = s.mul_d(middle, s.splat_d(1.0 / real(n - 2 * f)));
            nearest(s, v, middle, n - f, centre)
        }
        Reduce::Nearest { keep } => {
            let sure = (n - keep).min(keep)..keep;
            nearest(s, v, sum(s, &v[sure]), keep, median(s, v))
        }
        Reduce::Median | Reduce::Sign => median(s, v),
    }
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

/// Sums in four chains, by rank modulo 4: a fixed order that does not wait for each addition.
#[inline(always)]
fn sum<S: Simd>(s: S, v: &[Lanes<f32>]) -> S::D {
    // -0.0 is the neutral element: a column of -0.0 has the sum -0.0.
    let mut sums = [s.splat_d(-0.0); 4];
    let (fours, rest) = v.as_chunks::<4>();
    for four in fours {
        for chain in 0..4 {
            sums[chain] = s.add_d(sums[chain], wide(s, &four[chain]));
        }
    }
    for (sum, key) in sums.iter_mut().zip(rest) {
        *sum = s.add_d(*sum, wide(s, key));
    }
    s.add_d(s.add_d(sums[0], sums[1]), s.add_d(sums[2], sums[3]))
}

#[inline(always)]
fn mean<S: Simd>(s: S, v: &[Lanes<f32>]) -> S::D {
    s.mul_d(sum(s, v), s.splat_d(1.0 / real(v.len())))
}

/// The mean of the `keep` values that are nearest to `centre`, the smaller one of a tie. `sure` is the sum of those that no
/// window can leave out: of ranks `n - keep..keep`.
///
/// They form a window of the sorted values. The window starts one place further for each j with
/// `v[j + keep]` nearer than `v[j]`; this is monotone in j, so that value j is simply exchanged for
/// value j + keep.
#[inline(always)]
fn nearest<S: Simd>(s: S, v: &[Lanes<f32>], sure: S::D, keep: usize, centre: S::D) -> S::D {
    let drop = v.len() - keep;
    // With keep < drop the candidates overlap: then place k holds value k + i * keep for the
    // largest exchange that applies, which the loop finds by exchanging again.
    let mut total = sure;
    let twice = s.add_d(centre, centre);
    for k in 0..drop.min(keep) {
        let mut chosen = wide(s, &v[k]);
        let mut at = k;
        while at + keep < v.len() {
            let candidate = wide(s, &v[at + keep]);
            // centre - chosen > candidate - centre
            chosen = s.if_greater_d(twice, s.add_d(chosen, candidate), candidate, chosen);
            at += keep;
        }
        total = s.add_d(total, chosen);
    }
    s.mul_d(total, s.splat_d(1.0 / real(keep)))
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

fn real(count: usize) -> f64 {
    count as f64
}
