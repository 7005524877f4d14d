//! The exact rules against a look at every subset, and loops that must end.

use super::*;
use crate::engine::triangle;
use crate::geometry::Geometry;
use crate::random::Random;
use crate::rule::{Rule, Weiszfeld};

fn geometry(rows: &[Vec<f64>]) -> Geometry {
    let n = rows.len();
    let mut sums = vec![0.0; triangle(n, 0)];
    for i in 0..n {
        for j in 0..=i {
            let term = |(a, b): (&f64, &f64)| (a - if i == j { 0.0 } else { *b }).powi(2);
            sums[triangle(i, j)] = rows[i].iter().zip(&rows[j]).map(term).sum();
        }
    }
    let order: Vec<usize> = (0..n).collect();
    let g = Geometry::new(&order, &sums);
    let far = g.far();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let products: Vec<f64> = far
        .iter()
        .flat_map(|&h| rows.iter().map(move |row| dot(&rows[h], row)))
        .collect();
    if far.is_empty() {
        g
    } else {
        g.with_far(&far, &products)
    }
}

fn random_rows(n: usize, d: usize, seed: u64, whole: bool) -> Vec<Vec<f64>> {
    let mut random = Random::new(seed);
    let mut value = || {
        let x = (random.bits() >> 40) as f64 / f64::from(1 << 24) * 4.0 - 2.0;
        if whole { x.round() } else { x }
    };
    (0..n).map(|_| (0..d).map(|_| value()).collect()).collect()
}

/// Every subset of `size` of n points.
fn subsets(n: usize, size: usize) -> Vec<Vec<usize>> {
    (0_u32..1 << n)
        .filter(|bits| bits.count_ones() as usize == size)
        .map(|bits| (0..n).filter(|i| bits >> i & 1 == 1).collect())
        .collect()
}

fn chosen(weights: &Weights) -> Vec<usize> {
    let used = weights.weights.iter().enumerate();
    used.filter(|(_, w)| **w > 0.0).map(|(i, _)| i).collect()
}

#[test]
fn mda_and_mva_find_the_best_subset_and_the_first_of_several() {
    for seed in 0..40 {
        let n = 5 + seed as usize % 6;
        let f = (n - 1) / 2 - seed as usize % 2;
        let g = geometry(&random_rows(n, 2, seed, seed % 3 == 0));
        let diameter = |set: &[usize]| {
            let pairs = set.iter().flat_map(|&i| set.iter().map(move |&j| (i, j)));
            pairs.map(|(i, j)| g.squared(i, j)).fold(0.0, f64::max)
        };
        let variance = |set: &[usize]| -> f64 {
            let pairs = set.iter().enumerate();
            pairs
                .flat_map(|(a, &i)| set[..a].iter().map(move |&j| (i, j)))
                .map(|(i, j)| g.squared(i, j))
                .sum()
        };
        let all = subsets(n, n - f);
        let best = |score: &dyn Fn(&[usize]) -> f64| {
            let least = all.iter().map(|s| score(s)).fold(f64::INFINITY, f64::min);
            all.iter()
                .filter(|s| score(s) == least)
                .min()
                .unwrap()
                .clone()
        };
        assert_eq!(chosen(&subset::mda(&g, f)), best(&diameter), "seed {seed}");
        let found = chosen(&subset::mva(&g, f));
        assert!(variance(&found) <= variance(&best(&variance)) * (1.0 + 1e-12));
    }
}

#[test]
fn mda_answers_at_its_largest_size() {
    for f in [0, 1, 16, 31] {
        for whole in [false, true] {
            let g = geometry(&random_rows(64, 3, f as u64, whole));
            assert_eq!(chosen(&subset::mda(&g, f)).len(), 64 - f);
        }
    }
}

#[test]
fn caf_ends_whatever_the_rows_are() {
    for seed in 0..30 {
        let n = 3 + seed as usize % 12;
        let mut rows = random_rows(n, 4, seed, seed % 2 == 0);
        for (k, scale) in [1e30, -1e30, 1e15]
            .into_iter()
            .enumerate()
            .take((n - 1) / 2)
        {
            rows[k].iter_mut().for_each(|x| *x *= scale);
        }
        for f in 0..n.div_ceil(2) {
            let found = caf::caf(&geometry(&rows), f);
            let sum: f64 = found.weights.iter().sum();
            assert!((sum - 1.0).abs() < 1e-9, "{:?}", found.weights);
        }
    }
}

#[test]
fn the_exact_geometric_median_is_stationary_and_ignores_scale() {
    for seed in 0..20 {
        let n = 3 + seed as usize % 9;
        for scale in [1.0, 1e-20, 1e20] {
            let mut rows = random_rows(n, 3, seed, false);
            rows.iter_mut().flatten().for_each(|x| *x *= scale);
            let weights = median::exact(&geometry(&rows), 1e-12).weights;
            let point: Vec<f64> = (0..3)
                .map(|c| (0..n).map(|i| weights[i] * rows[i][c]).sum())
                .collect();
            let total = |z: &[f64]| -> f64 {
                let distance = |row: &Vec<f64>| {
                    let pairs = row.iter().zip(z);
                    pairs
                        .map(|(a, b)| (a / scale - b / scale).powi(2))
                        .sum::<f64>()
                        .sqrt()
                };
                rows.iter().map(distance).sum()
            };
            let here = total(&point);
            for c in 0..3 {
                for step in [1e-3 * scale, -1e-3 * scale] {
                    let mut aside = point.clone();
                    aside[c] += step;
                    assert!(total(&aside) >= here - 1e-9, "seed {seed} scale {scale}");
                }
            }
        }
    }
}

#[test]
fn a_row_of_any_length_moves_clipping_and_medians_only_so_far() {
    let mut rows = random_rows(9, 5, 3, false);
    for rule in [
        Rule::GeometricMedian(Weiszfeld::BYZFL),
        Rule::GeometricMedian(Weiszfeld::RFA),
        Rule::GeometricMedian(Weiszfeld::Exact { tolerance: 1e-9 }),
        "centered-clip:radius=1,iters=5".parse().unwrap(),
    ] {
        for scale in [1e2, 1e10, 1e30] {
            rows[0] = random_rows(1, 5, 9, false)[0]
                .iter()
                .map(|x| x * scale)
                .collect();
            let weights = rule.weigh(&geometry(&rows), 2, None).weights;
            let at = |c: usize| -> f64 { (0..9).map(|i| weights[i] * rows[i][c]).sum() };
            assert!((0..5).all(|c| at(c).abs() < 4.0), "{rule} {scale}");
        }
    }
}
