//! The largest eigenvalue of a small positive semidefinite matrix.

use crate::engine::simd::{Isa, Kernel, LANES, Lanes, Simd, arrays};

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
    let matrix = Matrix::new(n, entry);
    let mut vector = first(&matrix, start);
    let mut power = matrix.clone();
    'search: for doublings in 0..POWERS {
        for _ in 0..STEPS {
            let product = power.times(&vector);
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
        if dot(&vector, &matrix.times(&vector)) > enough {
            break;
        }
        power = power.squared();
    }
    Top {
        value: dot(&vector, &matrix.times(&vector)),
        vector,
    }
}

/// Where to begin. With a little of everything: a start at right angles to the answer would never find it.
fn first(matrix: &Matrix, start: Option<Vec<f64>>) -> Vec<f64> {
    let diagonal = |i: &usize| matrix.row(*i)[*i];
    let largest = (0..matrix.n).max_by(|a, b| diagonal(a).total_cmp(&diagonal(b)));
    let start = start.unwrap_or_else(|| matrix.row(largest.unwrap_or(0)).to_vec());
    let (mut mixed, _) = unit(start);
    for (i, v) in mixed.iter_mut().enumerate() {
        *v += 1e-3 / (1.0 + i as f64);
    }
    unit(mixed).0
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A symmetric matrix, each row filled up with zeros to whole vectors.
#[derive(Clone)]
struct Matrix {
    n: usize,
    rows: Vec<Lanes<f64>>,
}

impl Matrix {
    fn new(n: usize, entry: impl Fn(usize, usize) -> f64) -> Self {
        let vectors = n.div_ceil(LANES);
        let mut rows = vec![Lanes([0.0; LANES]); n * vectors];
        for i in 0..n {
            for j in 0..n {
                rows[i * vectors + j / LANES].0[j % LANES] = entry(i, j);
            }
        }
        Self { n, rows }
    }

    /// Vectors of a row.
    fn vectors(&self) -> usize {
        self.n.div_ceil(LANES)
    }

    fn row(&self, i: usize) -> &[f64] {
        let vectors = self.vectors();
        &arrays(&self.rows[i * vectors..(i + 1) * vectors]).as_flattened()[..self.n]
    }

    fn times(&self, v: &[f64]) -> Vec<f64> {
        let mut out = vec![Lanes([0.0; LANES]); self.vectors()];
        Isa::best().run(Times {
            matrix: self,
            vectors: &[v],
            out: &mut out,
        });
        arrays(&out).as_flattened()[..self.n].to_vec()
    }

    /// The square of a matrix that is not zero, up to a factor, so that no power overflows.
    fn squared(mut self) -> Self {
        let values = || self.rows.iter().flat_map(|lanes| lanes.0);
        let most = values().fold(0.0, |most: f64, x| most.max(x.abs()));
        for x in self.rows.iter_mut().flat_map(|lanes| &mut lanes.0) {
            *x /= most;
        }
        let mut out = self.rows.clone();
        let vectors: Vec<&[f64]> = (0..self.n).map(|i| self.row(i)).collect();
        Isa::best().run(Times {
            matrix: &self,
            vectors: &vectors,
            out: &mut out,
        });
        self.rows = out;
        self
    }
}

/// A symmetric matrix times some vectors, one after the other into `out`: each the sum of the matrix's rows, from the first one on, each
/// times an entry.
struct Times<'a> {
    matrix: &'a Matrix,
    vectors: &'a [&'a [f64]],
    out: &'a mut [Lanes<f64>],
}

impl Kernel for Times<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let width = self.matrix.vectors();
        let outs = self.out.chunks_exact_mut(width.max(1));
        for (v, out) in self.vectors.iter().zip(outs) {
            let (twos, rest) = out.as_chunks_mut::<2>();
            let n_twos = twos.len();
            for (at, out) in twos.iter_mut().enumerate() {
                add_up(s, self.matrix, 2 * at, v, out);
            }
            if let Some(out) = rest.first_chunk_mut::<1>() {
                add_up(s, self.matrix, 2 * n_twos, v, out);
            }
        }
    }
}

/// The `W` vectors of the product from this place on: side by side, so that no sum waits for its last addition.
#[inline(always)]
fn add_up<S: Simd, const W: usize>(
    s: S,
    matrix: &Matrix,
    at: usize,
    v: &[f64],
    out: &mut [Lanes<f64>; W],
) {
    let mut sums = [s.splat_d(0.0); W];
    let rows = matrix.rows.chunks_exact(matrix.vectors());
    for (row, &factor) in rows.zip(v) {
        if let Some(row) = row[at..].first_chunk::<W>() {
            for w in 0..W {
                let term = s.mul_d(s.splat_d(factor), s.load_d(&row[w].0));
                sums[w] = s.add_d(sums[w], term);
            }
        }
    }
    for w in 0..W {
        s.store_d(sums[w], &mut out[w].0);
    }
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
