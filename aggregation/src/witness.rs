//! What a coordinate rule did to each row, which the rule itself does not tell: it leaves out no row
//! as a whole. Shares and cosines are taken from the rows as they were sent, over a fixed sample of
//! the columns.

use crate::agreement::Agreement;
use crate::engine::Reduce;
use crate::input::Inputs;
use crate::order::{SortedTile, for_each_sampled_tile};
use crate::report::Report;
use crate::verdict;

/// The report of a coordinate rule: in what fraction of the sampled columns each row's value lay
/// among those that the rule keeps, and how well the row agrees with the others.
pub(crate) fn report(inputs: &Inputs<'_>, reduce: Reduce, max_byzantine: usize) -> Report {
    let n = inputs.n();
    let (first, last) = match reduce {
        Reduce::Median => ((n - 1) / 2, n / 2),
        Reduce::TrimmedMean { f } | Reduce::NearMedian { f } | Reduce::NearTrimmedMean { f } => {
            (f, n - 1 - f)
        }
        Reduce::Nearest { .. } | Reduce::Sign => (max_byzantine, n - 1 - max_byzantine),
    };
    let mut tally = Tally::new(n);
    let mut agreement = Agreement::new(n);
    for_each_sampled_tile(inputs, |tile| {
        tally.count(inputs, tile, first, last);
        agreement.count(inputs, tile);
    });
    let cosines: Vec<Option<f64>> = agreement.cosines().collect();
    let shares = tally.shares();
    let verdicts = verdict::of_rows(&shares, &cosines, max_byzantine);
    Report::of_coordinates(&shares, &cosines, &verdicts)
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
