//! Rules that average the best subset of n - f points: MDA, MVA and SMEA, exactly.

use super::Weights;
use crate::geometry::Geometry;
use crate::spectrum::top;

/// The most points of which MDA finds the best subset: one bit each.
pub(crate) const MOST_MDA: usize = 64;
/// The most subsets that MVA and SMEA may have to look at.
pub(crate) const MOST_SUBSETS: u64 = 1_000_000;

/// Minimum diameter averaging (El Mhamdi, Guerraoui, Rouault 2018; Rousseeuw 1985): the subset whose
/// farthest two points are nearest, the lexicographically first of several.
///
/// A subset of diameter at most t exists if and only if the pairs farther apart than t have a vertex
/// cover of f points. That is decided by branching: on a point in the most such pairs, either it is
/// left out or all its partners are. At most 1.5^f leaves or so; in practice microseconds.
pub(crate) fn mda(g: &Geometry, f: usize) -> Weights {
    let by_rank = by_rank(g);
    let n = g.n();
    let pairs = (0..n).flat_map(|i| (0..i).map(move |j| (i, j)));
    let mut distances: Vec<f64> = pairs.map(|(i, j)| g.squared(i, j)).collect();
    distances.push(0.0);
    distances.sort_unstable_by(f64::total_cmp);
    distances.dedup();
    let apart = |limit: f64| -> Vec<u64> {
        let far = |a: usize| {
            let others = (0..n).filter(|&b| a != b && g.squared(by_rank[a], by_rank[b]) > limit);
            others.fold(0, |bits, b| bits | 1 << b)
        };
        (0..n).map(far).collect()
    };
    let all = if n == 64 { u64::MAX } else { (1 << n) - 1 };
    let feasible = |limit: &f64| covers(&apart(*limit), all, f);
    let at = distances.partition_point(|limit| !feasible(limit));
    let apart = apart(distances[at.min(distances.len() - 1)]);
    // Each point in turn is kept if that leaves a cover.
    let (mut candidates, mut kept, mut left) = (all, Vec::new(), f);
    for (a, &point) in by_rank.iter().enumerate() {
        let bit = 1 << a;
        if candidates & bit == 0 {
            continue;
        }
        let excluded = apart[a] & candidates;
        let cost = excluded.count_ones() as usize;
        if kept.len() < n - f && cost <= left && covers(&apart, candidates & !excluded, left - cost)
        {
            candidates &= !excluded;
            left -= cost;
            kept.push(point);
        } else {
            candidates &= !bit;
            left = left.saturating_sub(1);
        }
    }
    Weights::chosen(n, &kept, None)
}

/// Whether leaving out `budget` of the `alive` points leaves none that are `apart`.
fn covers(apart: &[u64], alive: u64, budget: usize) -> bool {
    let degree = |a: &usize| (apart[*a] & alive).count_ones();
    let points = (0..apart.len()).filter(|a| alive >> a & 1 == 1);
    let Some(worst) = points.max_by_key(degree) else {
        return true;
    };
    let partners = apart[worst] & alive;
    let n_partners = partners.count_ones() as usize;
    if n_partners == 0 {
        return true;
    }
    if budget == 0 {
        return false;
    }
    covers(apart, alive & !(1 << worst), budget - 1)
        || n_partners <= budget && covers(apart, alive & !partners, budget - n_partners)
}

/// Minimum variance averaging (Farhadkhani et al.: RESAM, ICML 2022): the subset with the least sum
/// of squared distances, the first of several in lexicographical order.
pub(crate) fn mva(g: &Geometry, f: usize) -> Weights {
    let order = by_rank(g);
    let size = g.n() - f;
    let mut search = Search {
        g,
        order: &order,
        size,
        best: f64::INFINITY,
        found: Vec::new(),
    };
    search.extend(&mut Vec::new(), 0, 0.0);
    Weights::chosen(g.n(), &search.found, None)
}

/// A depth-first search over subsets that gives up where the sum is no better already.
struct Search<'a> {
    g: &'a Geometry,
    order: &'a [usize],
    size: usize,
    best: f64,
    found: Vec<usize>,
}

impl Search<'_> {
    fn extend(&mut self, chosen: &mut Vec<usize>, next: usize, sum: f64) {
        if sum >= self.best {
            return;
        }
        if chosen.len() == self.size {
            self.best = sum;
            self.found.clone_from(chosen);
            return;
        }
        let missing = self.size - chosen.len();
        for at in next..=self.order.len() - missing {
            let point = self.order[at];
            let more: f64 = chosen
                .iter()
                .map(|&other| self.g.squared(point, other))
                .sum();
            chosen.push(point);
            self.extend(chosen, at + 1, sum + more);
            chosen.pop();
        }
    }
}

/// Smallest maximum eigenvalue averaging (Allouah, Guerraoui, Gupta, Pinot, Stephan: On the
/// Privacy-Robustness-Utility Trilemma, ICML 2023): the subset whose covariance has the least
/// largest eigenvalue, the lexicographically first of several.
pub(crate) fn smea(g: &Geometry, f: usize) -> Weights {
    let order = by_rank(g);
    let size = g.n() - f;
    let mut places: Vec<usize> = (0..size).collect();
    let mut best = (f64::INFINITY, Vec::new());
    loop {
        let subset: Vec<usize> = places.iter().map(|&p| order[p]).collect();
        // The bound on the way up ends most searches after a step or two.
        let value = largest_variance(g, &subset, best.0);
        if value < best.0 || best.1.is_empty() {
            best = (value, subset);
        }
        let Some(last) = (0..size).rev().find(|&k| places[k] < g.n() - size + k) else {
            break;
        };
        places[last] += 1;
        for k in last + 1..size {
            places[k] = places[k - 1] + 1;
        }
    }
    Weights::chosen(g.n(), &best.1, None)
}

/// The largest eigenvalue of the covariance of a subset, or any value above `enough`.
fn largest_variance(g: &Geometry, subset: &[usize], enough: f64) -> f64 {
    let m = subset.len();
    let to_mean: Vec<f64> = subset
        .iter()
        .map(|&i| subset.iter().map(|&j| g.squared(i, j)).sum::<f64>() / m as f64)
        .collect();
    let spread = to_mean.iter().sum::<f64>() / m as f64;
    let entry = |a: usize, b: usize| {
        (to_mean[a] + to_mean[b] - spread - g.squared(subset[a], subset[b])) / 2.0
    };
    top(m, entry, None, enough * m as f64).value / m as f64
}

fn by_rank(g: &Geometry) -> Vec<usize> {
    g.sorted_by(|_| 0.0)
}

/// The number of subsets of n - f points, or the largest number if it is larger.
pub(crate) fn n_subsets(n: usize, f: usize) -> u64 {
    let mut count = 1_u64;
    for k in 0..f.min(n) {
        let Some(more) = count.checked_mul((n - k) as u64) else {
            return u64::MAX;
        };
        count = more / (k as u64 + 1);
    }
    count
}
