//! The largest eigenvalue of a small positive semidefinite matrix.

/// Iterations at most; each costs n^2. Where the two largest eigenvalues are so close that this is
/// not enough, either direction serves.
const MOST_ITERATIONS: usize = 2000;

/// The largest eigenvalue and its unit eigenvector.
pub(crate) struct Top {
    /// At least 0.
    pub(crate) value: f64,
    /// Of length 1, or zero for a zero matrix.
    pub(crate) vector: Vec<f64>,
}

/// Power iteration from `start`, or from the column with the largest diagonal entry.
///
/// Each iterate is a lower bound of the eigenvalue: the search ends as soon as it exceeds `enough`.
pub(crate) fn top(
    n: usize,
    entry: impl Fn(usize, usize) -> f64,
    start: Option<Vec<f64>>,
    enough: f64,
) -> Top {
    let matrix: Vec<f64> = (0..n * n).map(|at| entry(at / n, at % n)).collect();
    let times = |v: &[f64]| -> Vec<f64> {
        let rows = matrix.chunks_exact(n);
        rows.map(|row| row.iter().zip(v).map(|(m, v)| m * v).sum())
            .collect()
    };
    let diagonal = |i: &usize| matrix[i * n + i];
    let largest = (0..n).max_by(|a, b| diagonal(a).total_cmp(&diagonal(b)));
    let column = largest.map_or(0, |i| i * n);
    // A little of everything: a start at right angles to the answer would never find it.
    let mixed = |start: Vec<f64>| {
        let (mut unit, _) = unit(start);
        for (i, v) in unit.iter_mut().enumerate() {
            *v += 1e-3 / (1.0 + i as f64);
        }
        unit
    };
    let mut vector = unit(mixed(
        start.unwrap_or_else(|| matrix[column..][..n].to_vec()),
    ))
    .0;
    let mut value = 0.0;
    for _ in 0..MOST_ITERATIONS {
        let product = times(&vector);
        value = vector.iter().zip(&product).map(|(v, p)| v * p).sum();
        let (next, length) = unit(product);
        if length == 0.0 {
            return Top {
                value: 0.0,
                vector: vec![0.0; n],
            };
        }
        let moved = vector.iter().zip(&next).map(|(a, b)| (a - b).abs());
        let moved = moved.fold(0.0, f64::max);
        vector = next;
        if moved <= 1e-11 || value > enough {
            break;
        }
    }
    Top { value, vector }
}

/// The vector at length 1, and its length before.
fn unit(mut v: Vec<f64>) -> (Vec<f64>, f64) {
    let most = v.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    if most == 0.0 {
        return (v, 0.0);
    }
    // Scaled first: squares of 1e200 overflow.
    let length = most * v.iter().map(|x| (x / most).powi(2)).sum::<f64>().sqrt();
    for x in &mut v {
        *x /= length;
    }
    (v, length)
}
