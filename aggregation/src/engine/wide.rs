//! The columns pass for more rows than a sorting network takes: one column at a time.
//!
//! It is the plain definition of each reduction, and the tests compare the networks with it.

use std::ops::Range;

use super::column::Reduce;
use super::mix::Mixer;

/// Reduces the columns of `range` into `out`, which has the length of the range.
pub(super) fn columns(
    rows: &[&[f32]],
    range: Range<usize>,
    mixer: &Mixer,
    reduce: Reduce,
    out: &mut [f32],
) {
    let mut column = Vec::with_capacity(rows.len());
    for (at, out) in range.zip(out) {
        column.clear();
        column.extend(rows.iter().map(|row| row[at]));
        let mut mixed = mixer.column(&column);
        mixed.sort_unstable_by(f32::total_cmp);
        let sorted: Vec<f64> = mixed.into_iter().map(f64::from).collect();
        *out = reduced(&sorted, reduce) as f32;
    }
}

/// The reduction of one sorted column.
fn reduced(v: &[f64], reduce: Reduce) -> f64 {
    let n = v.len();
    let median = f64::midpoint(v[(n - 1) / 2], v[n / 2]);
    match reduce {
        Reduce::Median => median,
        Reduce::TrimmedMean { f } => mean(&v[f..n - f]),
        Reduce::NearMedian { f } => nearest(v, n - f, median),
        Reduce::NearTrimmedMean { f } => nearest(v, n - f, mean(&v[f..n - f])),
        Reduce::Nearest { keep } => nearest(v, keep, median),
        Reduce::Sign => {
            let above = v.iter().filter(|x| **x > 0.0).count();
            let below = v.iter().filter(|x| **x < 0.0).count();
            f64::from(i8::from(above > below) - i8::from(below > above))
        }
    }
}

fn mean(v: &[f64]) -> f64 {
    // -0.0 is the neutral element, and a chain of four like the networks': the same bits.
    let mut sums = [-0.0; 4];
    for (rank, x) in v.iter().enumerate() {
        sums[rank % 4] += x;
    }
    ((sums[0] + sums[1]) + (sums[2] + sums[3])) * (1.0 / v.len() as f64)
}

/// The mean of the `keep` values nearest to `centre`: the window that cannot be moved up.
fn nearest(v: &[f64], keep: usize, centre: f64) -> f64 {
    let first = (0..v.len() - keep).find(|&j| v[j] + v[j + keep] >= centre + centre);
    let first = first.unwrap_or(v.len() - keep);
    v[first..first + keep].iter().sum::<f64>() / keep as f64
}
