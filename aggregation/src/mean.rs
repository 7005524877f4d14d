//! The mean: the baseline that a single liar moves anywhere.
//!
//! Also the last step of Multi-Krum, over the rows it selected. Sums are in `f64`, so that values
//! near the largest `f32` do not overflow, and do not depend on the order of the rows (see
//! [`average`]).

use crate::input::Inputs;
use crate::report::{Aggregate, Report};
use crate::{order, report};

/// Columns summed together.
const TILE: usize = 512;

/// Mean of all rows; every row is kept with weight 1/n.
pub(crate) fn aggregate(inputs: &Inputs<'_>) -> Aggregate {
    let weight = 1.0 / report::real(inputs.n());
    Aggregate {
        vector: average(inputs.rows(), inputs.dimension()),
        report: Report::new((0..inputs.n()).map(|_| report::kept(weight, None))),
    }
}

/// Mean of `rows` (at least one), bitwise the same for any order of them.
///
/// A sum of `f32` values in `f64` is exact, and so independent of the order, when their exponents
/// are close enough; whether they are depends on the set alone. The other columns are summed in
/// sorted order.
pub(crate) fn average(rows: &[&[f32]], dimension: usize) -> Vec<f32> {
    let mut out = vec![0.0; dimension];
    let n = report::real(rows.len());
    let mut columns = Columns::new();
    let mut scratch = Vec::with_capacity(rows.len());
    for (index, tile) in out.chunks_mut(TILE).enumerate() {
        let start = index * TILE;
        columns.clear();
        for row in rows {
            columns.add(&row[start..start + tile.len()]);
        }
        for (column, out) in tile.iter_mut().enumerate() {
            let mut sum = columns.sum[column];
            if !columns.exact(column, rows.len()) {
                scratch.clear();
                scratch.extend(rows.iter().map(|row| row[start + column]));
                order::sort(&mut scratch);
                sum = scratch.iter().copied().map(f64::from).sum();
            }
            *out = (sum / n) as f32;
        }
    }
    out
}

/// Running sums of a tile, with the largest and the smallest non-zero magnitude of each column.
struct Columns {
    sum: [f64; TILE],
    largest: [u32; TILE],
    smallest: [u32; TILE],
}

impl Columns {
    fn new() -> Self {
        Self {
            sum: [-0.0; TILE],
            largest: [0; TILE],
            smallest: [u32::MAX; TILE],
        }
    }

    fn clear(&mut self) {
        // -0.0 is the neutral element: a column of -0.0 has the sum -0.0.
        *self = Self::new();
    }

    fn add(&mut self, values: &[f32]) {
        let columns = self
            .sum
            .iter_mut()
            .zip(&mut self.largest)
            .zip(&mut self.smallest);
        for (((sum, largest), smallest), &x) in columns.zip(values) {
            *sum += f64::from(x);
            let magnitude = x.abs().to_bits();
            *largest = (*largest).max(magnitude);
            // Zero minus one wraps to the largest magnitude: zeros are exact beside anything.
            *smallest = (*smallest).min(magnitude.wrapping_sub(1));
        }
    }

    /// Whether no partial sum of this column, in any order, can have been rounded.
    ///
    /// A value with biased exponent e is a multiple of 2^(e - 150) below 2^(e - 126). All partial
    /// sums of n values are then multiples of 2^(low - 150) below n * 2^(high - 126), and `f64`
    /// holds such numbers exactly when they are at most 2^53 units.
    fn exact(&self, column: usize, n: usize) -> bool {
        let exponent = |magnitude: u32| (magnitude >> 23).max(1);
        let low = exponent(self.smallest[column].wrapping_add(1));
        let high = exponent(self.largest[column]);
        let spread = high.saturating_sub(low);
        spread + n.next_power_of_two().trailing_zeros() <= 29
    }
}

#[cfg(test)]
mod tests;
