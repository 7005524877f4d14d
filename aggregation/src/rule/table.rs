//! The rules as a table, for help and documentation.

use std::num::NonZeroUsize;

use super::{Rule, Score, Weiszfeld};

/// What to tell a person about a rule: a row of the table in help and documentation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RuleInfo {
    /// The rule, with its usual options.
    pub rule: Rule,
    /// How it is written, options in square brackets.
    pub syntax: &'static str,
    /// One line on what it does.
    pub summary: &'static str,
    /// The least n for f, as a formula; [`Rule::min_inputs`] computes it.
    pub min_inputs: &'static str,
    /// The largest fraction of liars that it withstands as n grows.
    pub breakdown: &'static str,
    /// Arithmetic for n rows of d values.
    pub cost: &'static str,
    /// Where it comes from.
    pub paper: &'static str,
}

/// One pass over the columns.
const COLUMNS: &str = "n log^2 n d";
/// One pass for the distances, one over the rows that count.
const ROWS: &str = "n^2 d";

macro_rules! rules {
    ($($rule:expr, $syntax:literal, $summary:literal, $min:literal, $breakdown:literal, $cost:expr, $paper:literal;)+) => {
        &[$(RuleInfo {
            rule: $rule,
            syntax: $syntax,
            summary: $summary,
            min_inputs: $min,
            breakdown: $breakdown,
            cost: $cost,
            paper: $paper,
        }),+]
    };
}

const TABLE: &[RuleInfo] = rules![
    Rule::Mean, "mean", "mean of all rows: the baseline, not robust", "1", "0", "n d", "-";
    Rule::Median, "median", "median of each coordinate", "2f + 1", "1/2", COLUMNS, "Yin et al. 2018, arXiv 1803.01498";
    Rule::TrimmedMean, "trimmed-mean", "mean of each coordinate without its f smallest and f largest values", "2f + 1", "1/2", COLUMNS, "Yin et al. 2018, arXiv 1803.01498";
    Rule::Meamed, "meamed", "mean of the n - f values of each coordinate nearest to its median", "2f + 1", "1/2", COLUMNS, "Xie et al. 2018, arXiv 1802.10116";
    Rule::Phocas, "phocas", "mean of the n - f values of each coordinate nearest to its trimmed mean", "2f + 1", "1/2", COLUMNS, "Xie et al. 2018, arXiv 1805.09682";
    Rule::SignMajority, "sign-majority", "sign of the sum of signs of each coordinate", "2f + 1", "1/2", "n d", "Bernstein et al. 2019, arXiv 1810.05291";
    Rule::Krum { score: Score::Blanchard }, "krum[:score=blanchard|byzfl]", "the row nearest to its n - f - 2 nearest others (byzfl: n - f - 1)", "2f + 3 (byzfl: 2f + 1)", "1/2", ROWS, "Blanchard et al. 2017, NIPS";
    Rule::MultiKrum { m: None, score: Score::Blanchard }, "multi-krum[:m=<rows>,score=blanchard|byzfl]", "mean of the m rows with the best Krum scores; m is n - f if not given", "max(2f + 3, m + f)", "1/2", ROWS, "Blanchard et al. 2017, NIPS";
    Rule::Bulyan, "bulyan", "n - 2f rows by repeated Krum, then of each coordinate the n - 4f values nearest to the median", "4f + 3", "1/4", "n^2 d + n^4", "El Mhamdi et al. 2018, arXiv 1802.07927";
    Rule::Mda, "mda", "mean of the n - f rows of least diameter, exact, n <= 64", "2f + 1", "1/2", "n^2 d + 1.5^f n^2", "El Mhamdi et al. 2018, arXiv 1802.07927";
    Rule::Mva, "mva", "mean of the n - f rows of least variance, exact, up to a million subsets", "2f + 1", "1/2", "n^2 d + C(n, f) n", "Farhadkhani et al. 2022, arXiv 2205.12173";
    Rule::Smea, "smea", "mean of the n - f rows of least top eigenvalue, exact, up to a million subsets", "2f + 1", "1/2", "n^2 d + C(n, f) n^2", "Allouah et al. 2023, arXiv 2302.04787";
    Rule::Caf, "caf", "mean of rows filtered along directions of large variance", "2f + 1", "1/2", "n^2 d + n^4", "Allouah et al. 2025, arXiv 2505.01874";
    Rule::GeometricMedian(Weiszfeld::Exact { tolerance: 1e-9 }), "geometric-median[:tol=<number>|preset=rfa|preset=byzfl|nu=<number>,iters=<count>,start=mean|origin]", "the point of least total distance to the rows", "2f + 1", "1/2", ROWS, "Pillutla et al. 2022, arXiv 1912.13445";
    Rule::CenteredClip { radius: 10.0, iters: NonZeroUsize::MIN }, "centered-clip:radius=<number>[,iters=<count>]", "mean of the rows clipped to a ball around the previous aggregate", "2f + 1", "1/2", ROWS, "Karimireddy et al. 2021, arXiv 2012.10333";
    Rule::Cge, "cge", "mean of the n - f rows of least norm", "2f + 1", "1/2", "n d", "Liu et al. 2021, PODC";
    Rule::NormClip { radius: 10.0 }, "norm-clip:radius=<number>", "mean of the rows, each scaled down to a norm of at most the radius", "2f + 1", "1/2", "n d", "Sun et al. 2019, arXiv 1911.07963";
    Rule::Monna { own: 0 }, "monna[:own=<row>]", "mean of the n - f rows nearest to the own one; also written nna", "2f + 1", "1/2", "n d", "Farhadkhani et al. 2023, arXiv 2302.01842";
    Rule::CsPlus { own: 0 }, "cs-plus[:own=<row>]", "gossip: differences to the 2f farthest are clipped to the next distance", "2f + 1", "1/2", "n d", "Gaucher et al. 2025, arXiv 2410.10418";
    Rule::ClippedGossip { radius: None, own: 0 }, "clipped-gossip[:radius=<number>,own=<row>]", "gossip: differences to others are clipped", "2f + 1", "1/2", "n d", "He et al. 2022, arXiv 2202.01545";
    Rule::Gts { own: 0 }, "gts[:own=<row>]", "gossip: differences to the f farthest are left out", "2f + 1", "1/2", "n d", "Gaucher et al. 2025, arXiv 2410.10418";
    Rule::Ios { own: 0 }, "ios[:own=<row>]", "gossip: f times, the row farthest from the mean is left out", "2f + 1", "1/2", ROWS, "Wu et al. 2023, arXiv 2201.09526";
];

impl RuleInfo {
    /// The row of the table in the documentation.
    pub fn markdown(&self) -> String {
        let row = [
            &format!("`{}`", self.syntax.replace('|', "\\|")),
            self.summary,
            self.min_inputs,
            self.breakdown,
            self.cost,
            self.paper,
        ];
        format!("| {} |", row.join(" | "))
    }
}

impl Rule {
    /// Every rule, in the order of the documentation.
    pub fn all() -> &'static [RuleInfo] {
        TABLE
    }

    /// The accepted texts as one line, for messages and help.
    pub fn syntaxes() -> String {
        let all: Vec<&str> = TABLE.iter().map(|info| info.syntax).collect();
        all.join(", ")
    }

    /// The name without options, such as `multi-krum`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Median => "median",
            Self::TrimmedMean => "trimmed-mean",
            Self::Meamed => "meamed",
            Self::Phocas => "phocas",
            Self::SignMajority => "sign-majority",
            Self::Krum { .. } => "krum",
            Self::MultiKrum { .. } => "multi-krum",
            Self::Bulyan => "bulyan",
            Self::Mda => "mda",
            Self::Mva => "mva",
            Self::Smea => "smea",
            Self::Caf => "caf",
            Self::GeometricMedian(_) => "geometric-median",
            Self::CenteredClip { .. } => "centered-clip",
            Self::Cge => "cge",
            Self::NormClip { .. } => "norm-clip",
            Self::Monna { .. } => "monna",
            Self::CsPlus { .. } => "cs-plus",
            Self::ClippedGossip { .. } => "clipped-gossip",
            Self::Gts { .. } => "gts",
            Self::Ios { .. } => "ios",
        }
    }

    /// Whether the rule treats one row, the own one, apart from the others.
    pub fn has_own_row(&self) -> bool {
        matches!(
            self,
            Self::Monna { .. }
                | Self::CsPlus { .. }
                | Self::ClippedGossip { .. }
                | Self::Gts { .. }
                | Self::Ios { .. }
        )
    }
}
