//! [`Pre`]: what is done to the rows before a rule sees them, each a mixing of rows.

use std::num::NonZeroUsize;

use crate::geometry::Geometry;

/// A pre-aggregator. Every one is a matrix M that depends on the distances alone: the rule sees
/// Y = M X, and Y is never written down. The text form is in [`PreInfo::syntax`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pre {
    /// Nearest neighbour mixing: each row becomes the mean of the n - f rows nearest to it, itself
    /// among them. Makes every rule with a constant robustness coefficient order-optimal under
    /// heterogeneity (Allouah et al., AISTATS 2023, arXiv 2302.01772, lemma 1).
    Nnm,
    /// The rows in a seeded random order, in groups of `size`; each group becomes its mean. The
    /// groups number n / size, rounded up, and up to f of them hold a liar (Karimireddy, He, Jaggi,
    /// ICLR 2022, arXiv 2006.09365, algorithm 1). The order starts from the caller's order of rows.
    Bucketing {
        /// Rows per group; 2 if not given.
        size: NonZeroUsize,
        /// Seed of the order; 0 if not given. Peers must agree on it, and a liar that knows it in
        /// advance can choose its group: take it from the round.
        seed: u64,
    },
    /// Static clipping: each row is scaled down to a norm of at most `radius`.
    Clip {
        /// Above 0.
        radius: f64,
    },
    /// Adaptive robust clipping: the floor(2 f (n - f) / n) rows of largest norm are scaled down to
    /// the next largest norm (Allouah et al., ICLR 2025, arXiv 2405.14432, algorithm 2).
    Arc,
}

/// What to tell a person about a pre-aggregator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PreInfo {
    /// With its usual options.
    pub pre: Pre,
    /// How it is written, options in square brackets.
    pub syntax: &'static str,
    /// One line on what it does.
    pub summary: &'static str,
    /// Arithmetic beyond the pass over all rows that gives the distances.
    pub cost: &'static str,
    /// Where it comes from.
    pub paper: &'static str,
}

/// Two rows per group.
const PAIR: NonZeroUsize = NonZeroUsize::new(2).expect("two is not zero");

const TABLE: &[PreInfo] = &[
    PreInfo {
        pre: Pre::Nnm,
        syntax: "nnm",
        summary: "each row becomes the mean of its n - f nearest",
        cost: "n^2 log n, and up to n^2 d additions before a coordinate rule",
        paper: "Allouah et al. 2023, arXiv 2302.01772",
    },
    PreInfo {
        pre: Pre::Bucketing {
            size: PAIR,
            seed: 0,
        },
        syntax: "bucketing[:size=<rows>,seed=<number>]",
        summary: "means of random groups of 2 rows, or of the size given",
        cost: "n",
        paper: "Karimireddy et al. 2022, arXiv 2006.09365",
    },
    PreInfo {
        pre: Pre::Clip { radius: 1.0 },
        syntax: "clip:radius=<number>",
        summary: "each row is scaled down to a norm of at most the radius",
        cost: "n",
        paper: "-",
    },
    PreInfo {
        pre: Pre::Arc,
        syntax: "arc",
        summary: "the floor(2f(n - f)/n) longest rows are scaled down to the next longest",
        cost: "n log n",
        paper: "Allouah et al. 2025, arXiv 2405.14432",
    },
];

impl PreInfo {
    /// The row of the table in the documentation.
    pub fn markdown(&self) -> String {
        let row = [
            &format!("`{}`", self.syntax),
            self.summary,
            self.cost,
            self.paper,
        ];
        format!("| {} |", row.join(" | "))
    }
}

impl Pre {
    /// Every pre-aggregator, in the order of the documentation.
    pub fn all() -> &'static [PreInfo] {
        TABLE
    }

    /// The accepted texts as one line, for messages and help.
    pub fn syntaxes() -> String {
        let all: Vec<&str> = TABLE.iter().map(|info| info.syntax).collect();
        all.join(", ")
    }

    /// The name without options.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nnm => "nnm",
            Self::Bucketing { .. } => "bucketing",
            Self::Clip { .. } => "clip",
            Self::Arc => "arc",
        }
    }

    /// How many rows come out of n.
    pub(crate) fn rows_out(&self, n: usize) -> usize {
        match self {
            Self::Bucketing { size, .. } => n.div_ceil(size.get()),
            Self::Nnm | Self::Clip { .. } | Self::Arc => n,
        }
    }

    /// The least n that gives `rows_out` rows.
    pub(crate) fn rows_in(&self, rows_out: usize) -> usize {
        match self {
            Self::Bucketing { size, .. } => rows_out
                .saturating_sub(1)
                .saturating_mul(size.get())
                .saturating_add(1),
            Self::Nnm | Self::Clip { .. } | Self::Arc => rows_out,
        }
    }

    /// M: for each mixed row, the weights of the n points. And the ranks of the mixed rows.
    pub(crate) fn mixing(&self, g: &Geometry, f: usize) -> (Vec<Vec<f64>>, Vec<usize>) {
        let n = g.n();
        let ranks = (0..n).map(|i| g.rank(i)).collect();
        match *self {
            Self::Nnm => {
                let row = |i| {
                    let own_first = |j| if i == j { -1.0 } else { g.squared(i, j) };
                    let mut row = vec![0.0; n];
                    for j in g.least(n - f, own_first) {
                        row[j] = 1.0 / (n - f) as f64;
                    }
                    row
                };
                ((0..n).map(row).collect(), ranks)
            }
            Self::Bucketing { size, seed } => {
                let mut order = g.sorted_by(|_| 0.0);
                shuffle(&mut order, seed);
                let mixing = groups(&order, size.get());
                let ranks = (0..mixing.len()).collect();
                (mixing, ranks)
            }
            Self::Clip { radius } => (diagonal(g, |_| radius), ranks),
            Self::Arc => {
                let clipped = 2 * f * (n - f) / n;
                let ascending = g.sorted_by(|i| g.squared(i, n));
                let limit = g.norm(ascending[n - 1 - clipped.min(n - 1)]);
                (diagonal(g, |_| limit), ranks)
            }
        }
    }
}

/// Each row scaled down to a norm of at most `radius`.
fn diagonal(g: &Geometry, radius: impl Fn(usize) -> f64) -> Vec<Vec<f64>> {
    let n = g.n();
    let row = |i| {
        let mut row = vec![0.0; n];
        row[i] = crate::weigh::clip::factor(g.squared(i, n), radius(i));
        row
    };
    (0..n).map(row).collect()
}

/// The mean of each run of `size` points; the last run may be shorter.
fn groups(order: &[usize], size: usize) -> Vec<Vec<f64>> {
    let group = |members: &[usize]| {
        let mut row = vec![0.0; order.len()];
        for &member in members {
            row[member] = 1.0 / members.len() as f64;
        }
        row
    };
    order.chunks(size).map(group).collect()
}

/// A random order (Fisher and Yates) from a seed (splitmix64).
fn shuffle(order: &mut [usize], seed: u64) {
    let mut random = crate::random::Random::new(seed);
    for end in (1..order.len()).rev() {
        order.swap(end, random.below(end + 1));
    }
}

#[cfg(test)]
mod tests;
