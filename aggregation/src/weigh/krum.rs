//! Krum, Multi-Krum (Blanchard, El Mhamdi, Guerraoui, Stainer: Machine Learning with Adversaries,
//! NIPS 2017) and the first stage of Bulyan (El Mhamdi, Guerraoui, Rouault: The Hidden Vulnerability
//! of Distributed Learning in Byzantium, ICML 2018).

use super::Weights;
use crate::geometry::Geometry;

/// Over how many nearest others a Krum score sums squared distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// n - f - 2, as in the paper and in Garfield's native code.
    Blanchard,
    /// n - f - 1, as in ByzFL and ByzPy.
    Byzfl,
}

/// The m points with the best scores. Needs n >= 2f + 3 (Blanchard) or 2f + 1 (ByzFL), 1 <= m <= n.
pub(crate) fn multi_krum(g: &Geometry, f: usize, m: usize, score: Score) -> Weights {
    let all: Vec<usize> = (0..g.n()).collect();
    let scores = scores(g, &all, neighbours(g.n(), f, score));
    let chosen = g.least(m, |i| scores[i]);
    Weights::chosen(g.n(), &chosen, Some(scores))
}

/// How many distances a score sums.
fn neighbours(n: usize, f: usize, score: Score) -> usize {
    match score {
        Score::Blanchard => n.saturating_sub(f + 2).max(1),
        Score::Byzfl => n.saturating_sub(f + 1).max(1),
    }
    .min(n - 1)
}

/// For each of `points`, the sum of its smallest distances to others of them, smallest first.
fn scores(g: &Geometry, points: &[usize], neighbours: usize) -> Vec<f64> {
    let score = |&i: &usize| {
        let others = points.iter().filter(|&&j| j != i);
        let mut to_others: Vec<f64> = others.map(|&j| g.squared(i, j)).collect();
        to_others.sort_unstable_by(f64::total_cmp);
        to_others.iter().take(neighbours).sum()
    };
    points.iter().map(score).collect()
}

/// n - 2f points: the winner of Krum, then of Krum among the others, and so on. n >= 4f + 3, so
/// that the last choice is made among 2f + 1 points.
pub(crate) fn bulyan_selection(g: &Geometry, f: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (0..g.n()).collect();
    let mut chosen = Vec::new();
    for _ in 0..g.n() - 2 * f {
        let count = left.len().saturating_sub(f + 2).max(1);
        let scores = scores(g, &left, count);
        let best = (0..left.len()).min_by(|&a, &b| {
            let by_score = scores[a].total_cmp(&scores[b]);
            by_score.then(g.rank(left[a]).cmp(&g.rank(left[b])))
        });
        if let Some(best) = best {
            chosen.push(left.remove(best));
        }
    }
    chosen.sort_unstable();
    chosen
}
