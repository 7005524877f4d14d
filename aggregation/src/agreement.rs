//! How much each row agrees with the others: its cosine to their coordinate-wise median.
//!
//! Shares alone find a liar only where the honest rows nearly coincide. Gradients of small batches
//! are mostly noise in each coordinate, and a negated one lies inside the honest range almost
//! everywhere; but over all coordinates together it points the other way. The row itself is left out
//! of the median that it is compared with: else every row would agree with its own noise.

use crate::order::SortedTile;

/// Independent running sums, as in `distance`: the order of the additions is fixed.
const LANES: usize = 8;

/// Running sums for all rows.
pub(crate) struct Agreement {
    rows: Vec<Sums>,
    medians: Medians,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    dot: [f64; LANES],
    row: [f64; LANES],
    others: [f64; LANES],
}

/// For each column of a tile, the median without one row. It depends only on which side of a pivot
/// the row that is left out has its value.
///
/// Four blocks per [`LANES`] columns: the pivot, and the median without a value below it, at it, and
/// above it. Columns beyond the width are zero, and add nothing.
#[derive(Default)]
struct Medians {
    blocks: Vec<[f32; LANES]>,
}

impl Agreement {
    pub(crate) fn new(n: usize) -> Self {
        Self {
            rows: vec![Sums::default(); n],
            medians: Medians::default(),
        }
    }

    pub(crate) fn count(&mut self, tile: &SortedTile<'_>) {
        let n = tile.rows.len();
        if n < 2 {
            return;
        }
        self.medians.fill(n, tile);
        let (medians, _) = self.medians.blocks.as_chunks::<4>();
        for (sums, row) in self.rows.iter_mut().zip(&tile.rows) {
            let (values, rest) = row.as_chunks();
            // A local copy: the sums stay in registers.
            let mut local = *sums;
            for (x, medians) in values.iter().zip(medians) {
                local.add(x, medians);
            }
            if let Some(medians) = medians.get(values.len()) {
                let mut x = [0.0; LANES];
                x[..rest.len()].copy_from_slice(rest);
                local.add(&x, medians);
            }
            *sums = local;
        }
    }

    /// What was counted, in row order.
    pub(crate) fn products(&self) -> impl Iterator<Item = Products> {
        self.rows.iter().map(|sums| {
            let sum = |lanes: &[f64; LANES]| lanes.iter().sum::<f64>();
            Products {
                dot: sum(&sums.dot),
                row: sum(&sums.row),
                others: sum(&sums.others),
            }
        })
    }
}

/// Scalar products over some columns, of a row and the median of the others: their own, and with each other.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Products {
    dot: f64,
    row: f64,
    others: f64,
}

impl Products {
    /// Takes further columns in.
    pub(crate) fn add(&mut self, further: Self) {
        self.dot += further.dot;
        self.row += further.row;
        self.others += further.others;
    }

    /// The cosine, -1..=1; `None` where there is no direction to compare: a row of zeros, or others whose median is zero
    /// everywhere.
    pub(crate) fn cosine(self) -> Option<f64> {
        let lengths = self.row.sqrt() * self.others.sqrt();
        (lengths > 0.0).then(|| (self.dot / lengths).clamp(-1.0, 1.0))
    }
}

impl Medians {
    fn fill(&mut self, n: usize, tile: &SortedTile<'_>) {
        let half = n / 2;
        // Each median is halfway between two ranks.
        let ranks = if n.is_multiple_of(2) {
            [
                (half - 1, half - 1),
                (half, half),
                (half, half),
                (half - 1, half - 1),
            ]
        } else {
            [
                (half, half),
                (half, half + 1),
                (half - 1, half + 1),
                (half - 1, half),
            ]
        };
        self.blocks.clear();
        self.blocks
            .resize(ranks.len() * tile.width.div_ceil(LANES), [0.0; LANES]);
        for (kind, (low, high)) in ranks.into_iter().enumerate() {
            let pairs = tile.rank(low).zip(tile.rank(high));
            for (column, (low, high)) in pairs.enumerate() {
                let block = &mut self.blocks[ranks.len() * (column / LANES) + kind];
                block[column % LANES] = midpoint(low, high);
            }
        }
    }
}

/// Halfway between two floats; exactly `a` if they are equal.
fn midpoint(a: f32, b: f32) -> f32 {
    f64::midpoint(a.into(), b.into()) as f32
}

impl Sums {
    /// Adds [`LANES`] columns, one to each lane. `x` holds the values of the row.
    fn add(&mut self, x: &[f32; LANES], [pivot, below, at, above]: &[[f32; LANES]; 4]) {
        let mut others = [0.0; LANES];
        for lane in 0..LANES {
            let not_above = if x[lane] < pivot[lane] {
                below[lane]
            } else {
                at[lane]
            };
            others[lane] = if x[lane] > pivot[lane] {
                above[lane]
            } else {
                not_above
            };
        }
        for lane in 0..LANES {
            let (x, other) = (f64::from(x[lane]), f64::from(others[lane]));
            self.dot[lane] += x * other;
            self.row[lane] += x * x;
            self.others[lane] += other * other;
        }
    }
}

#[cfg(test)]
mod tests;
