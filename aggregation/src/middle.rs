//! The mean of the middle ranks of each column: median and trimmed mean are this, with other ranks.

use crate::agreement::Agreement;
use crate::input::Inputs;
use crate::order::{SortedTile, for_each_sorted_tile};
use crate::report::{self, Aggregate, Report};

/// Mean of the values of ranks `first..=last` (from 0) of each column, summed in sorted order in
/// `f64`. Needs `first <= last < n`.
pub(crate) fn aggregate(
    inputs: &Inputs<'_>,
    first: usize,
    last: usize,
    max_byzantine: usize,
) -> Aggregate {
    let mut vector = vec![0.0; inputs.dimension()];
    let mut tally = Tally::new(inputs.n());
    let mut agreement = Agreement::new(inputs.n());
    let mut sums = Vec::new();
    let count = report::real(last - first + 1);
    for_each_sorted_tile(inputs, |tile| {
        sums.clear();
        sums.resize(tile.width, -0.0);
        for rank in first..=last {
            for (sum, x) in sums.iter_mut().zip(tile.rank(rank)) {
                *sum += f64::from(x);
            }
        }
        for (out, sum) in vector[tile.start..].iter_mut().zip(&sums) {
            *out = (sum / count) as f32;
        }
        tally.count(inputs, tile, first, last);
        agreement.count(inputs, tile);
    });
    let cosines: Vec<Option<f64>> = agreement.cosines().collect();
    Aggregate {
        vector,
        report: Report::of_coordinates(&tally.shares(), &cosines, max_byzantine),
    }
}

/// In how many of the contested columns each row's value took part.
///
/// A column is contested if its values are not all equal: the others say nothing about anybody, and
/// in the gradient of a sparse layer they are the most.
struct Tally {
    took_part: Vec<u64>,
    contested: u64,
    lowest: Vec<f32>,
    highest: Vec<f32>,
}

impl Tally {
    fn new(n: usize) -> Self {
        Self {
            took_part: vec![0; n],
            contested: 0,
            lowest: Vec::new(),
            highest: Vec::new(),
        }
    }

    fn count(&mut self, inputs: &Inputs<'_>, tile: &SortedTile<'_>, first: usize, last: usize) {
        self.lowest.clear();
        self.lowest.extend(tile.rank(first));
        self.highest.clear();
        self.highest.extend(tile.rank(last));
        let ends = tile.rank(0).zip(tile.rank(inputs.n() - 1));
        let bounds = self.lowest.iter_mut().zip(&mut self.highest);
        for ((lowest, highest), (min, max)) in bounds.zip(ends) {
            if min < max {
                self.contested += 1;
            } else {
                // An empty range: nobody is counted here.
                (*lowest, *highest) = (f32::INFINITY, f32::NEG_INFINITY);
            }
        }
        for (took_part, row) in self.took_part.iter_mut().zip(inputs.rows()) {
            let values = &row[tile.start..tile.start + tile.width];
            let bounds = self.lowest.iter().zip(&self.highest);
            let inside: u32 = values
                .iter()
                .zip(bounds)
                .map(|(x, (lowest, highest))| u32::from((lowest <= x) & (x <= highest)))
                .sum();
            *took_part += u64::from(inside);
        }
    }

    /// The fractions, 0..=1; all 1 if all rows are equal.
    fn shares(&self) -> Vec<f64> {
        let share = |&took_part: &u64| match self.contested {
            0 => 1.0,
            contested => took_part as f64 / contested as f64,
        };
        self.took_part.iter().map(share).collect()
    }
}
