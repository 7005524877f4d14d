//! [`Rule`]: the closed list of rules, their text form, what each needs, and the dispatch.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use crate::error::{AggregateError, ParseRuleError};
use crate::input::Inputs;
use crate::report::Aggregate;
use crate::{krum, mean, median, trimmed_mean};

/// A robust aggregation rule, or the baseline that is not robust.
///
/// The text form is the one in [`RuleInfo::syntax`]; [`Display`](fmt::Display) and [`FromStr`] are
/// inverse to each other. See the crate documentation for the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Mean of all rows. Not robust.
    Mean,
    /// Median of each coordinate.
    Median,
    /// Mean of each coordinate without its f smallest and f largest values.
    TrimmedMean,
    /// The row that is nearest to its n - f - 2 nearest others.
    Krum,
    /// The mean of the m rows with the best Krum scores.
    MultiKrum {
        /// Rows to average; `None` is n - f.
        m: Option<NonZeroUsize>,
    },
}

/// What to tell a person about a rule: a row of the table in help and documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleInfo {
    /// The rule, without options.
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

const TABLE: &[RuleInfo] = &[
    RuleInfo {
        rule: Rule::Mean,
        syntax: "mean",
        summary: "mean of all rows: the baseline, not robust",
        min_inputs: "1",
        breakdown: "0",
        cost: "O(n d)",
        paper: "-",
    },
    RuleInfo {
        rule: Rule::Median,
        syntax: "median",
        summary: "median of each coordinate",
        min_inputs: "2f + 1",
        breakdown: "1/2",
        cost: "O(n log^2 n d)",
        paper: "Yin et al. 2018, arXiv 1803.01498",
    },
    RuleInfo {
        rule: Rule::TrimmedMean,
        syntax: "trimmed-mean",
        summary: "mean of each coordinate without its f smallest and f largest values",
        min_inputs: "2f + 1",
        breakdown: "1/2",
        cost: "O(n log^2 n d)",
        paper: "Yin et al. 2018, arXiv 1803.01498",
    },
    RuleInfo {
        rule: Rule::Krum,
        syntax: "krum",
        summary: "the row nearest to its n - f - 2 nearest others",
        min_inputs: "2f + 3",
        breakdown: "1/2",
        cost: "O(n^2 d)",
        paper: "Blanchard et al. 2017, NIPS",
    },
    RuleInfo {
        rule: Rule::MultiKrum { m: None },
        syntax: "multi-krum[:m=<rows>]",
        summary: "mean of the m rows with the best Krum scores; m is n - f if not given",
        min_inputs: "max(2f + 3, m + f)",
        breakdown: "1/2",
        cost: "O(n^2 d)",
        paper: "Blanchard et al. 2017, NIPS",
    },
];

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
            Self::Krum => "krum",
            Self::MultiKrum { .. } => "multi-krum",
        }
    }

    /// Whether the rule promises anything while up to f rows are Byzantine.
    pub fn is_robust(&self) -> bool {
        !matches!(self, Self::Mean)
    }

    /// The least number of rows with which the rule keeps its promise for `max_byzantine` = f.
    ///
    /// The mean promises nothing and needs one row. `multi-krum:m=..` needs at least m + f rows, so
    /// that m of them can be honest.
    pub fn min_inputs(&self, max_byzantine: usize) -> usize {
        let twice = max_byzantine.saturating_mul(2);
        match self {
            Self::Mean => 1,
            Self::Median | Self::TrimmedMean => twice.saturating_add(1),
            Self::Krum | Self::MultiKrum { m: None } => twice.saturating_add(3),
            Self::MultiKrum { m: Some(m) } => {
                let honest = m.get().saturating_add(max_byzantine);
                honest.max(twice.saturating_add(3))
            }
        }
    }

    /// Aggregates `inputs` (n rows of d values) into one vector of d finite values, of which at most
    /// `max_byzantine` = f rows may be anything at all.
    ///
    /// The result is a function of the rows and f alone: no clock, no randomness, no dependence on
    /// machine or threads. It is bitwise the same for any order of the rows, except that Krum and
    /// Multi-Krum break ties between equal scores by the lower row index.
    ///
    /// # Errors
    ///
    /// [`AggregateError::TooManyByzantine`] if 2f >= n, else [`AggregateError::TooFewInputs`] if
    /// n < [`min_inputs`](Self::min_inputs). The mean never fails.
    pub fn aggregate(
        &self,
        inputs: &Inputs<'_>,
        max_byzantine: usize,
    ) -> Result<Aggregate, AggregateError> {
        self.check(inputs.n(), max_byzantine)?;
        Ok(match self {
            Self::Mean => mean::aggregate(inputs),
            Self::Median => median::aggregate(inputs, max_byzantine),
            Self::TrimmedMean => trimmed_mean::aggregate(inputs, max_byzantine),
            Self::Krum => krum::krum(inputs, max_byzantine),
            Self::MultiKrum { m } => {
                let m = m.map_or(inputs.n() - max_byzantine, NonZeroUsize::get);
                krum::multi_krum(inputs, max_byzantine, m)
            }
        })
    }

    /// Whether the rule accepts n rows of which f may lie, without any row at hand.
    ///
    /// # Errors
    ///
    /// As [`aggregate`](Self::aggregate).
    pub fn check(&self, n: usize, max_byzantine: usize) -> Result<(), AggregateError> {
        if self.is_robust() && max_byzantine.saturating_mul(2) >= n {
            return Err(AggregateError::TooManyByzantine {
                have: n,
                max_byzantine,
            });
        }
        let need = self.min_inputs(max_byzantine);
        if n < need {
            return Err(AggregateError::TooFewInputs {
                rule: *self,
                need,
                have: n,
                max_byzantine,
            });
        }
        Ok(())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MultiKrum { m: Some(m) } => f.pad(&format!("{}:m={m}", self.name())),
            Self::Mean
            | Self::Median
            | Self::TrimmedMean
            | Self::Krum
            | Self::MultiKrum { m: None } => f.pad(self.name()),
        }
    }
}

impl FromStr for Rule {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, option) = match text.split_once(':') {
            Some((name, option)) => (name, Some(option)),
            None => (text, None),
        };
        let Some(info) = TABLE.iter().find(|info| info.rule.name() == name) else {
            return Err(ParseRuleError::UnknownRule {
                name: name.to_owned(),
            });
        };
        let Some(option) = option else {
            return Ok(info.rule);
        };
        let (Self::MultiKrum { .. }, Some(m)) = (info.rule, option.strip_prefix("m=")) else {
            return Err(ParseRuleError::UnknownOption {
                rule: info.rule.name(),
                option: option.to_owned(),
            });
        };
        match m.parse() {
            Ok(m) => Ok(Self::MultiKrum { m: Some(m) }),
            Err(_) => Err(ParseRuleError::BadM {
                value: m.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
