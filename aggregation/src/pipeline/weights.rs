//! Arithmetic of weights and of the matrices that mix rows, given as mixed rows of one weight per row.

use crate::engine::Combination;

/// weights^T M.
pub(super) fn product(weights: &[f64], mixing: &[Vec<f64>]) -> Vec<f64> {
    let mut out = vec![0.0; mixing.first().map_or(0, Vec::len)];
    for (weight, row) in weights.iter().zip(mixing) {
        if *weight != 0.0 {
            for (out, x) in out.iter_mut().zip(row) {
                *out += weight * x;
            }
        }
    }
    out
}

/// The cheapest pass that gives these weights, which stand in the order of `order`.
pub(super) fn combination(weights: &[f64], order: &[usize]) -> Combination {
    let used: Vec<(usize, f64)> = order
        .iter()
        .zip(weights)
        .filter(|(_, weight)| **weight != 0.0)
        .map(|(&row, &weight)| (row, weight))
        .collect();
    let share = 1.0 / used.len() as f64;
    if !used.is_empty()
        && used
            .iter()
            .all(|(_, weight)| (weight / share - 1.0).abs() < 1e-14)
    {
        let mut rows: Vec<usize> = used.into_iter().map(|(row, _)| row).collect();
        rows.sort_unstable();
        return Combination::Average(rows);
    }
    Combination::Weighted(used)
}

pub(super) fn column_means(mixing: &[Vec<f64>], n: usize) -> Vec<f64> {
    let mean = |j: usize| mixing.iter().map(|row| row[j]).sum::<f64>() / mixing.len() as f64;
    (0..n).map(mean).collect()
}

pub(super) fn are_means(mixing: &[Vec<f64>]) -> bool {
    mixing
        .iter()
        .all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-9)
}

pub(super) fn normalised(weights: &[f64]) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    let scale = if sum > 0.0 { 1.0 / sum } else { 0.0 };
    weights.iter().map(|w| w * scale).collect()
}

pub(super) fn in_callers_order(values: &[f64], order: &[usize]) -> Vec<f64> {
    let mut out = vec![0.0; values.len()];
    for (value, &row) in values.iter().zip(order) {
        out[row] = *value;
    }
    out
}
