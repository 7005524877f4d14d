//! Squared Euclidean distances between all pairs of rows: the one hot kernel of the Krum family.
//!
//! Differences are taken before squaring, in `f64`: no cancellation when the rows share a large
//! offset (models rather than gradients), and no overflow for any finite `f32`. The order of the
//! additions is fixed: column c goes to lane c mod 8, lanes are summed as a balanced tree. The
//! distance of (i, j) is bitwise that of (j, i), and does not depend on the other rows.

use crate::input::Inputs;

/// Columns read together: 4 KiB per row stay in cache while all pairs visit them.
const TILE: usize = 1024;
/// Independent running sums per pair. Part of the result's definition.
const LANES: usize = 8;

/// The symmetric n x n matrix of squared distances.
pub(crate) struct Distances {
    n: usize,
    squared: Vec<f64>,
}

impl Distances {
    /// All pairs. Cost: n (n - 1) / 2 * d differences, squares and sums; 9 n^2 numbers of memory.
    pub(crate) fn new(inputs: &Inputs<'_>) -> Self {
        let n = inputs.n();
        let mut lanes = vec![[0.0; LANES]; n * n];
        for start in (0..inputs.dimension()).step_by(TILE) {
            let end = inputs.dimension().min(start + TILE);
            for (i, a) in inputs.rows().iter().enumerate() {
                for (j, b) in inputs.rows().iter().enumerate().take(i) {
                    accumulate(&mut lanes[i * n + j], &a[start..end], &b[start..end]);
                }
            }
        }
        let mut squared = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..i {
                let sum = tree(&lanes[i * n + j]);
                squared[i * n + j] = sum;
                squared[j * n + i] = sum;
            }
        }
        Self { n, squared }
    }

    /// Squared distances from row `i` to each other row, itself left out, in row order.
    pub(crate) fn to_others(&self, i: usize) -> impl Iterator<Item = f64> {
        let row = &self.squared[i * self.n..][..self.n];
        row[..i].iter().chain(&row[i + 1..]).copied()
    }
}

fn accumulate(lanes: &mut [f64; LANES], a: &[f32], b: &[f32]) {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    // A local copy: the sums stay in registers.
    let mut sums = *lanes;
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            let difference = f64::from(a[lane]) - f64::from(b[lane]);
            sums[lane] += difference * difference;
        }
    }
    for (lane, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
        let difference = f64::from(a) - f64::from(b);
        sums[lane] += difference * difference;
    }
    *lanes = sums;
}

fn tree(lanes: &[f64; LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

#[cfg(test)]
mod tests;
