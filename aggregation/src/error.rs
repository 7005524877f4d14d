//! What can go wrong, one small enum per operation. Each variant says who is at fault.

use crate::rule::Rule;

/// Rows that are not an n x d matrix of finite values.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum InputError {
    /// There is nothing to aggregate. The caller's fault.
    #[error("no rows to aggregate")]
    NoRows,
    /// The first row has length 0. The caller's fault: a model has at least one parameter.
    #[error("the rows have no coordinates")]
    NoCoordinates,
    /// A row's length differs from that of the first row. Its author's fault, if the caller put a
    /// row of the right length (its own) first.
    #[error("row {row} has {found} coordinates, expected {expected}")]
    Ragged {
        /// Index of the row.
        row: usize,
        /// Length of the first row.
        expected: usize,
        /// Length of this row.
        found: usize,
    },
    /// A row holds a NaN or an infinity. Its author's fault: reject that contribution.
    #[error("row {row} is not finite: coordinate {coordinate} is {value}")]
    NotFinite {
        /// Index of the row.
        row: usize,
        /// Index of the first bad coordinate in it.
        coordinate: usize,
        /// The value found there.
        value: f32,
    },
}

/// A rule that cannot keep its promise for these n and f. Nothing was computed.
///
/// Nobody lied: too few contributions arrived, or the run was set up with too large an f.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AggregateError {
    /// n < 2f + 1: the liars may be half of the rows or more, and no robust rule can exist
    /// (Blanchard et al. 2017). Never returned for a rule that is not robust.
    #[error(
        "{max_byzantine} Byzantine rows out of {have} are half or more: no rule withstands that"
    )]
    TooManyByzantine {
        /// Rows given, n.
        have: usize,
        /// f as given.
        max_byzantine: usize,
    },
    /// Honest rows are the majority, but this rule needs more of them ([`Rule::min_inputs`]).
    #[error("{rule} needs {need} rows to withstand {max_byzantine} Byzantine ones, have {have}")]
    TooFewInputs {
        /// The rule that refused.
        rule: Rule,
        /// Rows it needs for this f.
        need: usize,
        /// Rows given, n.
        have: usize,
        /// f as given.
        max_byzantine: usize,
    },
}

/// Text that names no rule. The operator's fault; the message lists what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseRuleError {
    /// No rule has this name.
    #[error("unknown rule '{name}' (accepted: {})", Rule::syntaxes())]
    UnknownRule {
        /// The name as typed, without options.
        name: String,
    },
    /// The rule exists, but has no such option.
    #[error(
        "rule '{rule}' takes no option '{option}' (accepted: {})",
        Rule::syntaxes()
    )]
    UnknownOption {
        /// The rule's name.
        rule: &'static str,
        /// The option as typed.
        option: String,
    },
    /// m is not a whole number of at least 1.
    #[error(
        "'{value}' is not a number of rows for multi-krum: m must be a whole number of at least 1 (accepted: {})",
        Rule::syntaxes()
    )]
    BadM {
        /// The value as typed.
        value: String,
    },
}
