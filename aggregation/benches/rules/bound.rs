//! The least time that a rule can take on a machine with given rates: each pass over the rows costs
//! its bytes or its arithmetic, whichever takes longer.

use crate::peak::Peak;

/// Each text with its passes.
pub(crate) const RULES: &[(&str, Passes)] = &[
    ("mean", Passes::OneSum),
    ("median", Passes::Columns(Network::Middle)),
    ("trimmed-mean", Passes::Columns(Network::Trimmed)),
    ("meamed", Passes::Columns(Network::Nearest)),
    ("phocas", Passes::Columns(Network::Nearest)),
    ("sign-majority", Passes::OneSum),
    ("krum", Passes::Distances(Rows::One)),
    ("multi-krum", Passes::Distances(Rows::Kept)),
    ("mda", Passes::Distances(Rows::Kept)),
    ("caf", Passes::Distances(Rows::All)),
    (
        "geometric-median:preset=byzfl",
        Passes::Distances(Rows::All),
    ),
    ("geometric-median", Passes::Distances(Rows::All)),
    ("centered-clip:radius=1000", Passes::Lengths(Rows::All)),
    ("cge", Passes::Lengths(Rows::Kept)),
    ("monna", Passes::Lengths(Rows::Kept)),
    ("cs-plus", Passes::Lengths(Rows::All)),
    ("nnm+trimmed-mean", Passes::Mixed(Network::Trimmed)),
    ("arc+nnm+trimmed-mean", Passes::Mixed(Network::Trimmed)),
    ("arc+nnm+geometric-median", Passes::Distances(Rows::All)),
];

/// What a rule must at least do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Passes {
    /// Read all rows and add.
    OneSum,
    /// Read all rows and sort each column.
    Columns(Network),
    /// All distances, then a sum of some rows.
    Distances(Rows),
    /// All norms, or the distances to one row, then a sum of some rows.
    Lengths(Rows),
    /// All distances, then mix and sort each column.
    Mixed(Network),
}

/// Rows that the last pass reads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rows {
    One,
    /// n - f of them.
    Kept,
    All,
}

/// A sorting network, pruned to the ranks that are read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Network {
    Middle,
    /// Ranks f..n - f, without their order.
    Trimmed,
    /// All ranks, and f comparisons with the centre.
    Nearest,
}

impl Network {
    /// Minima and maxima per column: of Batcher's network, outputs that are not read left out.
    /// Counted for f = n / 4.
    fn operations(self, n: usize, f: usize) -> f64 {
        let of =
            |counts: [usize; 4]| counts[n.next_power_of_two().ilog2().clamp(3, 6) as usize - 3];
        let count = match self {
            Self::Middle => of([28, 92, 284, 828]),
            Self::Trimmed => of([32, 104, 312, 888]),
            Self::Nearest => of([38, 126, 382, 1086]) + 3 * f,
        };
        count as f64
    }
}

impl Passes {
    /// Seconds for n rows of d values, of which f may lie.
    pub(crate) fn least_seconds(self, peak: Peak, n: usize, f: usize, d: usize) -> f64 {
        let pass = |rows: usize, writes: usize, arithmetic: f64| {
            let bytes = (4 * (rows + writes)) as f64;
            d as f64 * (bytes / peak.read).max(arithmetic)
        };
        let pairs = (n * (n + 1) / 2) as f64 / peak.multiply_adds;
        let sort = |network: Network| network.operations(n, f) / peak.minima;
        let sum = |rows: Rows| match rows {
            Rows::One => pass(1, 1, 0.0),
            Rows::Kept => pass(n - f, 1, 0.0),
            Rows::All => pass(n, 1, 0.0),
        };
        match self {
            Self::OneSum => pass(n, 1, 0.0),
            Self::Columns(network) => pass(n, 1, sort(network)),
            Self::Distances(rows) => pass(n, 0, pairs) + sum(rows),
            Self::Lengths(rows) => pass(n, 0, 0.0) + sum(rows),
            Self::Mixed(network) => {
                // An addition is as fast as a multiply-add; each of n mixed rows has n - f terms.
                let mix = (n * (n - f)) as f64 / peak.multiply_adds;
                pass(n, 0, pairs) + pass(n, 1, mix + sort(network))
            }
        }
    }

    /// Bytes that the rule moves at least.
    pub(crate) fn bytes(self, n: usize, f: usize, d: usize) -> f64 {
        let rows = match self {
            Self::OneSum | Self::Columns(_) => n,
            Self::Mixed(_) | Self::Distances(Rows::All) | Self::Lengths(Rows::All) => 2 * n,
            Self::Distances(Rows::Kept) | Self::Lengths(Rows::Kept) => 2 * n - f,
            Self::Distances(Rows::One) | Self::Lengths(Rows::One) => n + 1,
        };
        (4 * d * (rows + 1)) as f64
    }
}
