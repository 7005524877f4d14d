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
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
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
    /// More rows than an exact rule can take. Use another rule: `caf` promises much the same.
    #[error("{rule} takes at most {most} rows, have {have}: use another rule, such as caf")]
    TooManyInputs {
        /// The rule that refused.
        rule: Rule,
        /// Rows it takes.
        most: usize,
        /// Rows given, n.
        have: usize,
    },
    /// An exact rule would have to look at too many subsets of n - f rows.
    #[error(
        "{rule} would look at more than {most} subsets for {max_byzantine} Byzantine rows out of {have}: use mda or caf"
    )]
    TooManySubsets {
        /// The rule that refused.
        rule: Rule,
        /// Rows given, n.
        have: usize,
        /// f as given.
        max_byzantine: usize,
        /// Subsets it looks at.
        most: u64,
    },
    /// The centre is not d finite values. The caller's fault.
    #[error("the centre must be {expected} finite values: start without one, or from an aggregate")]
    BadCentre {
        /// d.
        expected: usize,
    },
    /// The output has not d places. The caller's fault.
    #[error("the output has {found} places, expected {expected}")]
    BadOutput {
        /// d.
        expected: usize,
        /// Its length.
        found: usize,
    },
}

/// An arena that cannot take a piece, or cannot finish.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ArenaError {
    /// The pipeline does not take this many rows for this f.
    #[error(transparent)]
    Refused(AggregateError),
    /// The rows have no coordinates. The caller's fault.
    #[error("the rows have no coordinates")]
    NoCoordinates,
    /// The piece is not the next one of its row and block, or the row was given up. The caller's
    /// fault; nothing changed.
    #[error(
        "the piece of row {row} at column {at} is not due: send each block left to right, once"
    )]
    NotDue {
        /// Index of the row.
        row: usize,
        /// First column of the piece.
        at: usize,
    },
    /// A piece holds a NaN or an infinity. Its author's fault: give the row up.
    #[error("row {row} is not finite: coordinate {coordinate} is {value}")]
    NotFinite {
        /// Index of the row.
        row: usize,
        /// Index of the first bad coordinate in the piece.
        coordinate: usize,
        /// The value found there.
        value: f32,
    },
    /// A row has not arrived. Wait for it or give it up.
    #[error("row {row} is not complete: wait for it or give it up")]
    Incomplete {
        /// Index of the first such row.
        row: usize,
    },
}

/// An incremental aggregation that cannot begin, cannot take a piece, or cannot finish.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum IncrementalError {
    /// The pipeline does not take this many rows for this f.
    #[error(transparent)]
    Refused(AggregateError),
    /// The rows cannot be cut so. The caller's fault.
    #[error(
        "{d} columns in pieces of {columns}: cut them at multiples of {}",
        crate::tile::BLOCK
    )]
    BadCut {
        /// Columns.
        d: usize,
        /// Columns of a piece.
        columns: usize,
    },
    /// The piece is there already, beyond the end, or not of all rows. The caller's fault; nothing changed.
    #[error("piece {index} is not due: give each piece of all rows once, in its full length")]
    NotDue {
        /// Index of the piece.
        index: usize,
    },
    /// A row of the piece is bad; coordinates count from the piece's first. Its author's fault.
    #[error(transparent)]
    Rows(InputError),
    /// A piece has not been given.
    #[error("piece {index} is missing")]
    Incomplete {
        /// Index of the first such piece.
        index: usize,
    },
}

/// Text that names no rule. The operator's fault; the message lists what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseRuleError {
    /// No rule has this name.
    #[error(
        "unknown rule '{name}' (accepted: {}; before a rule and a +: {})",
        Rule::syntaxes(),
        crate::pre::Pre::syntaxes()
    )]
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
    /// A value of an option is out of its range.
    #[error("'{value}' is no {option} for {rule}: it must be {expected}")]
    BadValue {
        /// The rule's or pre-aggregator's name.
        rule: &'static str,
        /// The option.
        option: &'static str,
        /// The value as typed.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
    /// An option that has no default is missing.
    #[error("{rule} needs an option: write {rule}:{option}=<value>")]
    MissingOption {
        /// The rule's or pre-aggregator's name.
        rule: &'static str,
        /// The option.
        option: &'static str,
    },
    /// After bucketing no row is anybody's own.
    #[error("{rule} has an own row, and bucketing mixes it with others: leave out the bucketing")]
    OwnRowIsLost {
        /// The rule's name.
        rule: &'static str,
    },
}
