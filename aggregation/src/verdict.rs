//! Which rows a coordinate rule dropped.
//!
//! The median and the trimmed mean trim each coordinate apart and leave no row out as a whole: even
//! an honest row loses 2f / n of its coordinates. A row is called dropped for one of two reasons,
//! and never more than f rows in all:
//!
//! 1. **Starved**: its share is below half of the median share of all rows. That is a row far out in
//!    most coordinates: large noise, a scaled vector, an unrelated one.
//! 2. **Opposed**: its cosine to the median of the other rows is below -0.05, it is among the f
//!    lowest, and its share is below the mean share. That is a negated gradient, or any other that
//!    would make the model worse, even if each of its values lies within the honest range.
//!
//! How well this names a peer that negates its gradient, in one round, was measured on minibatches of
//! the UCI digits (softmax regression and an MLP, both rules, n = 5 with f = 1, n = 10 with f = 2,
//! 120 rounds each; "early" is the first half, while the loss falls):
//!
//! | | batch of 128, early | late | batch of 32, early | late |
//! |---|---|---|---|---|
//! | f liars: liars named | 100 % | 92-100 % | 92-98 % | 63-82 % |
//! | f liars: honest rows named | 0 % | 0-2 % | 0-0.4 % | 1-4 % |
//! | no liar: honest rows named | 0-0.3 % | 0-4 % | 1-3 % | 5-11 % |
//!
//! Honest gradients of small batches near convergence do point against each other. With skewed data
//! it is worse: 53-100 % of the liars, and up to 7 % (no liar: 15 %) of the honest. So no one round
//! is proof; a peer that is named in most rounds is another matter.

use crate::report::Verdict;

/// Starved below this fraction of the median share.
const STARVED: f64 = 0.5;
/// Opposed below this cosine. The cosine of unrelated vectors has a deviation of 1 / sqrt(d).
const OPPOSED: f64 = -0.05;

/// The verdicts, in row order. `cosines` has one entry per share.
pub(crate) fn of_rows(
    shares: &[f64],
    cosines: &[Option<f64>],
    max_byzantine: usize,
) -> Vec<Verdict> {
    let n = shares.len();
    let mut verdicts = vec![Verdict::Kept; n];
    let mean = shares.iter().sum::<f64>() / n as f64;
    let mut sorted = shares.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let starved_below = STARVED * f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]);

    let cosine = |row: usize| cosines[row].unwrap_or(0.0);
    let mut by_share: Vec<usize> = (0..n).collect();
    by_share.sort_by(|&a, &b| shares[a].total_cmp(&shares[b]).then(a.cmp(&b)));
    let mut by_cosine: Vec<usize> = (0..n).collect();
    by_cosine.sort_by(|&a, &b| cosine(a).total_cmp(&cosine(b)).then(a.cmp(&b)));

    let lowest = |rows: Vec<usize>| rows.into_iter().take(max_byzantine);
    let starved = lowest(by_share).filter(|&row| shares[row] < starved_below);
    let opposed = lowest(by_cosine).filter(|&row| cosine(row) < OPPOSED && shares[row] < mean);
    let mut left = max_byzantine;
    for row in starved.chain(opposed) {
        if left > 0 && verdicts[row] == Verdict::Kept {
            verdicts[row] = Verdict::Dropped;
            left -= 1;
        }
    }
    verdicts
}

#[cfg(test)]
mod tests;
