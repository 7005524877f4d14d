//! The cosines against a plain computation.

use super::{Agreement, Products};
use crate::order::for_each_sampled_tile;
use crate::source::Source;

fn cosines(rows: &[Vec<f32>]) -> Vec<Option<f64>> {
    let source = Source::Rows(rows.iter().map(Vec::as_slice).collect());
    let mut agreement = Agreement::new(rows.len());
    let d = rows[0].len();
    for_each_sampled_tile(&source, (0, 0), d, |tile| agreement.count(tile));
    agreement.products().map(Products::cosine).collect()
}

fn plain(rows: &[Vec<f32>], i: usize) -> f64 {
    let (mut dot, mut row, mut others) = (0.0, 0.0, 0.0);
    for column in 0..rows[i].len() {
        let mut rest: Vec<f64> = (0..rows.len())
            .filter(|&j| j != i)
            .map(|j| rows[j][column].into())
            .collect();
        rest.sort_by(f64::total_cmp);
        let middle = f64::midpoint(rest[(rest.len() - 1) / 2], rest[rest.len() / 2]);
        let x = f64::from(rows[i][column]);
        dot += x * middle;
        row += x * x;
        others += middle * middle;
    }
    dot / (row * others).sqrt()
}

#[test]
fn each_row_is_compared_with_the_median_of_the_others() {
    for n in 2..9 {
        for d in [1, 8, 300] {
            // Few distinct values: many ties.
            let rows: Vec<Vec<f32>> = (0..n)
                .map(|i| {
                    (0..d)
                        .map(|j| ((i * 37 + j * 11) % 7) as f32 + 1.0)
                        .collect()
                })
                .collect();
            for (i, found) in cosines(&rows).into_iter().enumerate() {
                let error = found.unwrap() - plain(&rows, i);
                assert!(error.abs() < 1e-6, "n = {n}, d = {d}, row {i}");
            }
        }
    }
}

#[test]
fn rows_without_a_direction_or_without_others_have_no_cosine() {
    assert_eq!(cosines(&[vec![1.0, 2.0]]), [None]);
    let rows = [vec![0.0; 3], vec![1.0; 3], vec![1.0; 3]];
    let found = cosines(&rows);
    assert_eq!(found[0], None);
    assert!(found[1].is_some());
}

#[test]
fn the_largest_floats_do_not_overflow() {
    let found = cosines(&[vec![f32::MAX; 50], vec![f32::MAX; 50], vec![f32::MIN; 50]]);
    assert!(found[2].unwrap() < -0.999);
}
