//! Krum and Multi-Krum (Blanchard, El Mhamdi, Guerraoui, Stainer: Machine Learning with
//! Adversaries, NIPS 2017, <https://papers.nips.cc/paper/6617>).
//!
//! The score of a row is the sum of its squared distances to the n - f - 2 nearest *other* rows, as
//! in the paper. Other libraries differ: ByzFL sums n - f - 1 of them, some take the root or the
//! fourth power. Krum returns the row with the lowest score; Multi-Krum the mean of the m lowest.
//! The paper leaves m open; the default here is n - f, as in ByzFL: the largest m for which the
//! liars, if all of them were left out, leave enough rows. Garfield uses n - f - 2.
//!
//! Equal scores: the lower row index wins.

use crate::distance::Distances;
use crate::input::Inputs;
use crate::mean;
use crate::report::{self, Aggregate, Report};

/// The one row with the lowest score, bit for bit. Needs n >= 2f + 3.
pub(crate) fn krum(inputs: &Inputs<'_>, max_byzantine: usize) -> Aggregate {
    multi_krum(inputs, max_byzantine, 1)
}

/// The mean of the `m` rows with the lowest scores. Needs n >= 2f + 3 and 1 <= m <= n.
pub(crate) fn multi_krum(inputs: &Inputs<'_>, max_byzantine: usize, m: usize) -> Aggregate {
    let n = inputs.n();
    let scores = scores(&Distances::new(inputs), n, n - max_byzantine - 2);
    let mut by_score: Vec<usize> = (0..n).collect();
    by_score.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(a.cmp(&b)));
    let mut is_selected = vec![false; n];
    for &row in &by_score[..m] {
        is_selected[row] = true;
    }
    let picked = inputs.rows().iter().zip(&is_selected);
    let picked: Vec<&[f32]> = picked
        .filter(|(_, kept)| **kept)
        .map(|(row, _)| *row)
        .collect();
    let weight = 1.0 / report::real(m);
    Aggregate {
        vector: mean::average(&picked, inputs.dimension()),
        report: Report::new(is_selected.iter().zip(scores).map(|(kept, score)| {
            if *kept {
                report::kept(weight, Some(score))
            } else {
                report::dropped(Some(score))
            }
        })),
    }
}

/// For each row, the sum of the `neighbours` smallest distances to others, smallest first.
fn scores(distances: &Distances, n: usize, neighbours: usize) -> Vec<f64> {
    let score = |i| {
        let mut to_others: Vec<f64> = distances.to_others(i).collect();
        to_others.sort_unstable_by(f64::total_cmp);
        to_others[..neighbours].iter().sum()
    };
    (0..n).map(score).collect()
}
