//! The largest eigenvalue of a small positive semidefinite matrix.

/// Steps of power iteration with each power of the matrix. Squaring one of n rows costs as much as n steps.
const STEPS: usize = 12;
/// Powers at most: 1, 2, 4 and so on. Where the two largest eigenvalues are so close that not even the last one tells them
/// apart, either direction serves.
const POWERS: usize = 16;
/// How far an entry of the unit vector may still move in a step.
const CLOSE: f64 = 1e-11;

/// The largest eigenvalue and its unit eigenvector.
pub(crate) struct Top {
    /// At least 0.
    pub(crate) value: f64,
    /// Of length 1, or zero for a zero matrix.
    pub(crate) vector: Vec<f64>,
}

/// Power iteration from `start`, or from the column with the largest diagonal entry; of the matrix first, then of its square,
/// of that one's square and so on, so that two large eigenvalues that are close cost few steps.
///
/// Each iterate is a lower bound of the eigenvalue: the search ends as soon as one exceeds `enough`.
pub(crate) fn top(
    n: usize,
    entry: impl Fn(usize, usize) -> f64,
    start: Option<Vec<f64>>,
    enough: f64,
) -> Top {
    let matrix: Vec<f64> = (0..n * n).map(|at| entry(at / n, at % n)).collect();
    let mut vector = first(&matrix, n, start);
    let mut power = matrix.clone();
    'search: for doublings in 0..POWERS {
        for _ in 0..STEPS {
            let product = times(&power, &vector);
            if doublings == 0 && dot(&vector, &product) > enough {
                break 'search;
            }
            let (next, length) = unit(product);
            if length == 0.0 {
                return Top {
                    value: 0.0,
                    vector: next,
                };
            }
            let moved = vector.iter().zip(&next).map(|(a, b)| (a - b).abs());
            let moved = moved.fold(0.0, f64::max);
            vector = next;
            if moved <= CLOSE {
                break 'search;
            }
        }
        if dot(&vector, &times(&matrix, &vector)) > enough {
            break;
        }
        power = squared(&power, n);
    }
    Top {
        value: dot(&vector, &times(&matrix, &vector)),
        vector,
    }
}

/// Where to begin. With a little of everything: a start at right angles to the answer would never find it.
fn first(matrix: &[f64], n: usize, start: Option<Vec<f64>>) -> Vec<f64> {
    let diagonal = |i: &usize| matrix[i * n + i];
    let largest = (0..n).max_by(|a, b| diagonal(a).total_cmp(&diagonal(b)));
    let column = largest.map_or(0, |i| i * n);
    let start = start.unwrap_or_else(|| matrix[column..][..n].to_vec());
    let (mut mixed, _) = unit(start);
    for (i, v) in mixed.iter_mut().enumerate() {
        *v += 1e-3 / (1.0 + i as f64);
    }
    unit(mixed).0
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A symmetric matrix times a vector: the sum of its rows, each times an entry.
fn times(matrix: &[f64], v: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; v.len()];
    for (row, factor) in matrix.chunks_exact(v.len()).zip(v) {
        for (out, x) in out.iter_mut().zip(row) {
            *out += factor * x;
        }
    }
    out
}

/// The square of a symmetric matrix that is not zero, up to a factor, so that no power overflows.
fn squared(matrix: &[f64], n: usize) -> Vec<f64> {
    let most = matrix.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let scaled: Vec<f64> = matrix.iter().map(|x| x / most).collect();
    let rows = scaled.chunks_exact(n);
    rows.flat_map(|row| times(&scaled, row)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A matrix with these eigenvalues, and the unit eigenvector of the first one: a reflection of a diagonal.
    fn matrix(values: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let n = values.len();
        let (axis, _) = unit((0..n).map(|i| 1.0 + i as f64).collect());
        let reflect = |i: usize, k: usize| f64::from(u8::from(i == k)) - 2.0 * axis[i] * axis[k];
        let entry = |i: usize, j: usize| {
            let terms = (0..n).map(|k| reflect(i, k) * values[k] * reflect(j, k));
            terms.sum::<f64>()
        };
        let all = (0..n * n).map(|at| entry(at / n, at % n)).collect();
        (all, (0..n).map(|i| reflect(i, 0)).collect())
    }

    #[test]
    fn the_largest_of_close_eigenvalues_is_found() {
        for (gap, scale) in [(0.5, 1.0), (1e-3, 1e60), (1e-4, 1e-60)] {
            let mut values: Vec<f64> = (0..20).map(|i| scale / (1.0 + f64::from(i))).collect();
            values[1] = scale * (1.0 - gap);
            let (matrix, expected) = matrix(&values);
            let found = top(20, |i, j| matrix[i * 20 + j], None, f64::INFINITY);
            assert!((found.value / scale - 1.0).abs() < 1e-12, "gap {gap}");
            let cosine = dot(&found.vector, &expected).abs();
            assert!((cosine - 1.0).abs() < 1e-12, "gap {gap}: {cosine}");
        }
    }

    #[test]
    fn the_search_ends_above_enough_and_for_a_matrix_of_zeros() {
        let (matrix, _) = matrix(&[4.0, 3.9, 1.0]);
        let found = top(3, |i, j| matrix[i * 3 + j], None, 2.0);
        assert!(found.value > 2.0 && found.value < 4.0, "{}", found.value);
        let none = top(3, |_, _| 0.0, None, f64::INFINITY);
        assert_eq!((none.value, none.vector), (0.0, vec![0.0; 3]));
    }
}
