//! The rules once more, as plainly as possible and in `f64` throughout: the definition to test with.

use spirt_aggregation::Rule;

/// The aggregate of `rows`, of which `f` may lie. Needs enough rows.
pub(crate) fn aggregate(rule: Rule, rows: &[Vec<f32>], f: usize) -> Vec<f64> {
    let n = rows.len();
    match rule {
        Rule::Mean => columns(rows, |column| mean(&column)),
        Rule::Median => columns(rows, |column| mean(&column[(n - 1) / 2..=n / 2])),
        Rule::TrimmedMean => columns(rows, |column| mean(&column[f..n - f])),
        Rule::Krum { .. } => average(rows, &best(rows, f, 1)),
        Rule::MultiKrum { m, .. } => {
            let m = m.map_or(n - f, std::num::NonZeroUsize::get);
            average(rows, &best(rows, f, m))
        }
        other => panic!("the oracle does not know {other}"),
    }
}

/// The `m` rows with the best Krum scores, ascending.
pub(crate) fn best(rows: &[Vec<f32>], f: usize, m: usize) -> Vec<usize> {
    let mut scores: Vec<(f64, usize)> = (0..rows.len()).map(|i| (score(rows, i, f), i)).collect();
    scores.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut best: Vec<usize> = scores[..m].iter().map(|&(_, row)| row).collect();
    best.sort_unstable();
    best
}

/// The Krum score of row `i` (Blanchard et al. 2017).
pub(crate) fn score(rows: &[Vec<f32>], i: usize, f: usize) -> f64 {
    let others = rows.iter().enumerate().filter(|&(j, _)| j != i);
    let mut distances: Vec<f64> = others
        .map(|(_, other)| {
            let pairs = rows[i].iter().zip(other);
            pairs
                .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
                .sum()
        })
        .collect();
    distances.sort_by(f64::total_cmp);
    distances[..rows.len() - f - 2].iter().sum()
}

fn average(rows: &[Vec<f32>], selected: &[usize]) -> Vec<f64> {
    let selected: Vec<Vec<f32>> = selected.iter().map(|&row| rows[row].clone()).collect();
    columns(&selected, |column| mean(&column))
}

/// Applies `to_one` to each column, sorted.
fn columns(rows: &[Vec<f32>], to_one: impl Fn(Vec<f64>) -> f64) -> Vec<f64> {
    (0..rows[0].len())
        .map(|j| {
            let mut column: Vec<f64> = rows.iter().map(|row| row[j].into()).collect();
            column.sort_by(f64::total_cmp);
            to_one(column)
        })
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
