//! How much each row agrees with the others: its cosine to their coordinate-wise median.
//!
//! Shares alone find a liar only where the honest rows nearly coincide. Gradients of small batches
//! are mostly noise in each coordinate, and a negated one lies inside the honest range almost
//! everywhere; but over all coordinates together it points the other way. The row itself is left out
//! of the median that it is compared with: else every row would agree with its own noise.

use crate::input::Inputs;
use crate::order::SortedTile;

/// Independent running sums, as in `distance`: the order of the additions is fixed.
const LANES: usize = 8;

/// Running sums for all rows.
pub(crate) struct Agreement {
    rows: Vec<Sums>,
    candidates: Vec<Candidates>,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    dot: [f64; LANES],
    row: [f64; LANES],
    others: [f64; LANES],
}

/// The median of the other rows in one column: it depends only on which side of `pivot` the row
/// that is left out has its value.
#[derive(Clone, Copy)]
struct Candidates {
    pivot: f32,
    below: f64,
    at: f64,
    above: f64,
}

impl Agreement {
    pub(crate) fn new(n: usize) -> Self {
        Self {
            rows: vec![Sums::default(); n],
            candidates: Vec::new(),
        }
    }

    pub(crate) fn count(&mut self, inputs: &Inputs<'_>, tile: &SortedTile<'_>) {
        if inputs.n() < 2 {
            return;
        }
        self.fill_candidates(inputs.n(), tile);
        for (sums, row) in self.rows.iter_mut().zip(inputs.rows()) {
            let mut local = *sums;
            let values = &row[tile.start..tile.start + tile.width];
            let blocks = values.chunks(LANES).zip(self.candidates.chunks(LANES));
            for (values, candidates) in blocks {
                for (lane, (&x, c)) in values.iter().zip(candidates).enumerate() {
                    let others = c.without(x);
                    let x = f64::from(x);
                    local.dot[lane] += x * others;
                    local.row[lane] += x * x;
                    local.others[lane] += others * others;
                }
            }
            *sums = local;
        }
    }

    fn fill_candidates(&mut self, n: usize, tile: &SortedTile<'_>) {
        self.candidates.clear();
        let half = n / 2;
        let mean = |a: f32, b: f32| f64::midpoint(f64::from(a), f64::from(b));
        if n.is_multiple_of(2) {
            let middle = tile.rank(half - 1).zip(tile.rank(half));
            self.candidates.extend(middle.map(|(low, high)| Candidates {
                pivot: low,
                below: high.into(),
                at: high.into(),
                above: low.into(),
            }));
        } else {
            let sides = tile.rank(half - 1).zip(tile.rank(half + 1));
            let middle = tile.rank(half).zip(sides);
            self.candidates
                .extend(middle.map(|(middle, (low, high))| Candidates {
                    pivot: middle,
                    below: mean(middle, high),
                    at: mean(low, high),
                    above: mean(low, middle),
                }));
        }
    }

    /// The cosines, -1..=1, in row order; `None` where there is no direction to compare: a row of
    /// zeros, or others whose median is zero everywhere.
    pub(crate) fn cosines(&self) -> impl Iterator<Item = Option<f64>> {
        self.rows.iter().map(|sums| {
            let sum = |lanes: &[f64; LANES]| lanes.iter().sum::<f64>();
            let lengths = sum(&sums.row).sqrt() * sum(&sums.others).sqrt();
            (lengths > 0.0).then(|| (sum(&sums.dot) / lengths).clamp(-1.0, 1.0))
        })
    }
}

impl Candidates {
    /// The median of the column without one copy of `x`, which must be in it.
    fn without(&self, x: f32) -> f64 {
        if x < self.pivot {
            self.below
        } else if x > self.pivot {
            self.above
        } else {
            self.at
        }
    }
}

#[cfg(test)]
mod tests;
