//! What a coordinate rule did to each row, which the rule itself does not tell: it leaves out no row
//! as a whole. Shares and cosines are taken from the rows as they were sent, over a fixed sample of
//! the columns.

use rayon::prelude::*;

use crate::agreement::{Agreement, Products};
use crate::engine::Reduce;
use crate::order::{SortedTile, for_each_sampled_tile};
use crate::pipeline::Pipeline;
use crate::report::Report;
use crate::rule::Class;
use crate::source::Source;
use crate::tile::BLOCK;
use crate::verdict;

/// Watches n rows of d values, of which f may be lies: in what fraction of the sampled columns each row's value lies among those
/// that the rule keeps, and how well the row agrees with the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Witness {
    n: usize,
    d: usize,
    max_byzantine: usize,
    /// Ranks between which a value is kept.
    first: usize,
    last: usize,
}

/// What was seen of each row in some columns.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    contested: u64,
    rows: Vec<(u64, Products)>,
}

impl Witness {
    /// One for a rule that takes each column apart; others tell by themselves what they did.
    pub(crate) fn of(pipeline: &Pipeline, n: usize, d: usize, f: usize) -> Option<Self> {
        let Class::Coordinate(reduce) = pipeline.rule().class(f) else {
            return None;
        };
        let (first, last) = match reduce {
            Reduce::Median => ((n - 1) / 2, n / 2),
            Reduce::TrimmedMean { f }
            | Reduce::NearMedian { f }
            | Reduce::NearTrimmedMean { f } => (f, n - 1 - f),
            Reduce::Nearest { .. } | Reduce::Sign => (f, n - 1 - f),
        };
        Some(Self {
            n,
            d,
            max_byzantine: f,
            first,
            last,
        })
    }

    /// What is seen in a block. The first one of the source is block `offset` of all.
    pub(crate) fn look(&self, source: &Source<'_>, block: usize, offset: usize) -> Seen {
        let mut tally = Tally::new(self.n);
        let mut agreement = Agreement::new(self.n);
        for_each_sampled_tile(source, (block, offset), self.d, |tile| {
            tally.count(tile, self.first, self.last);
            agreement.count(tile);
        });
        Seen {
            contested: tally.contested,
            rows: tally
                .took_part
                .into_iter()
                .zip(agreement.products())
                .collect(),
        }
    }

    /// What is seen in all blocks of the rows.
    pub(crate) fn look_at_all(&self, source: &Source<'_>) -> Vec<Seen> {
        let blocks = (0..self.d.div_ceil(BLOCK)).into_par_iter();
        blocks.map(|block| self.look(source, block, 0)).collect()
    }

    /// The report on what was seen in all blocks, in their order.
    pub(crate) fn report<'a>(&self, seen: impl IntoIterator<Item = &'a Seen>) -> Report {
        let mut contested = 0;
        let mut rows = vec![(0, Products::default()); self.n];
        for seen in seen {
            contested += seen.contested;
            for ((took_part, products), (more, further)) in rows.iter_mut().zip(&seen.rows) {
                *took_part += more;
                products.add(*further);
            }
        }
        // All are equal where nothing is contested.
        let share = |&(took_part, _): &(u64, Products)| match contested {
            0 => 1.0,
            contested => took_part as f64 / contested as f64,
        };
        let shares: Vec<f64> = rows.iter().map(share).collect();
        let cosines: Vec<Option<f64>> =
            rows.iter().map(|(_, products)| products.cosine()).collect();
        let verdicts = verdict::of_rows(&shares, &cosines, self.max_byzantine);
        Report::of_coordinates(&shares, &cosines, &verdicts)
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

    fn count(&mut self, tile: &SortedTile<'_>, first: usize, last: usize) {
        self.lowest.clear();
        self.lowest.extend(tile.rank(first));
        self.highest.clear();
        self.highest.extend(tile.rank(last));
        let ends = tile.rank(0).zip(tile.rank(tile.rows.len() - 1));
        let bounds = self.lowest.iter_mut().zip(&mut self.highest);
        for ((lowest, highest), (min, max)) in bounds.zip(ends) {
            if min < max {
                self.contested += 1;
            } else {
                // An empty range: nobody is counted here.
                (*lowest, *highest) = (f32::INFINITY, f32::NEG_INFINITY);
            }
        }
        for (took_part, values) in self.took_part.iter_mut().zip(&tile.rows) {
            let bounds = self.lowest.iter().zip(&self.highest);
            let inside: u32 = values
                .iter()
                .zip(bounds)
                .map(|(x, (lowest, highest))| u32::from((lowest <= x) & (x <= highest)))
                .sum();
            *took_part += u64::from(inside);
        }
    }
}
