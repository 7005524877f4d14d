//! [`Pipeline`]: pre-aggregators and a rule, as one computation.
//!
//! Whatever the chain, the data are read once for the distances (not even that for a coordinate rule
//! alone) and once for the output, which for a rule that keeps rows as they are mostly is the same time.
//! In between everything happens on n x n numbers.

pub(crate) mod first;
pub(crate) mod needs;
pub(crate) mod run;
#[cfg(test)]
mod tests;
mod weights;

use std::fmt;
use std::str::FromStr;

use crate::error::{AggregateError, ParseRuleError};
use crate::input::Inputs;
use crate::pre::Pre;
use crate::report::Aggregate;
use crate::rule::Rule;
use crate::source::Source;
use crate::witness::Witness;

/// A chain of pre-aggregators, first to last, that ends in a rule.
///
/// The text form joins them by `+`: `nnm+trimmed-mean`, `arc+nnm+geometric-median`. A rule alone is
/// a pipeline, too. [`Display`](fmt::Display) and [`FromStr`] are inverse to each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    pre: Vec<Pre>,
    rule: Rule,
}

impl Pipeline {
    /// The chain of `pre`, first to last, and `rule`.
    ///
    /// # Errors
    ///
    /// [`ParseRuleError::OwnRowIsLost`] for bucketing before a rule that has an own row.
    pub fn new(pre: Vec<Pre>, rule: Rule) -> Result<Self, ParseRuleError> {
        let is_bucketing = |pre: &Pre| matches!(pre, Pre::Bucketing { .. });
        if rule.has_own_row() && pre.iter().any(is_bucketing) {
            return Err(ParseRuleError::OwnRowIsLost { rule: rule.name() });
        }
        Ok(Self { pre, rule })
    }

    /// The pre-aggregators, first to last.
    pub fn pre(&self) -> &[Pre] {
        &self.pre
    }

    /// The rule at the end.
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// Whether the rule at the end is robust; a pre-aggregator makes no rule robust that is not.
    pub fn is_robust(&self) -> bool {
        self.rule.is_robust()
    }

    /// Whether the aggregate follows from the rows and f alone, so that all who hold the same rows
    /// get the same: not so for a rule with an own row, or around the previous aggregate.
    pub fn needs_only_rows(&self) -> bool {
        !self.rule.has_own_row() && !matches!(self.rule, Rule::CenteredClip { .. })
    }

    /// Whether each column of the result depends on the same column of the rows alone, so that columns
    /// may be aggregated apart, as they come.
    pub fn takes_columns_apart(&self) -> bool {
        !needs::needs_distances(self, 0)
    }

    /// The least number of rows with which the pipeline keeps its promise for f liars.
    pub fn min_inputs(&self, max_byzantine: usize) -> usize {
        let rule = self.rule.min_inputs(max_byzantine);
        let backwards = self.pre.iter().rev();
        backwards.fold(rule, |rows, pre| pre.rows_in(rows))
    }

    /// Whether the pipeline accepts n rows of which f may lie, without any row at hand.
    ///
    /// # Errors
    ///
    /// As [`Rule::check`]; where groups leave the rule too few rows, `need` counts input rows.
    pub fn check(&self, n: usize, max_byzantine: usize) -> Result<(), AggregateError> {
        let need = self.min_inputs(max_byzantine);
        if self.is_robust() && max_byzantine.saturating_mul(2) >= n {
            return Err(AggregateError::TooManyByzantine {
                have: n,
                max_byzantine,
            });
        }
        if n < need {
            return Err(AggregateError::TooFewInputs {
                rule: self.rule,
                need,
                have: n,
                max_byzantine,
            });
        }
        if max_byzantine >= n && !self.pre.is_empty() {
            return Err(AggregateError::TooManyByzantine {
                have: n,
                max_byzantine,
            });
        }
        let rows = self.pre.iter().fold(n, |rows, pre| pre.rows_out(rows));
        self.rule.check(rows, max_byzantine)
    }

    /// Aggregates `inputs` (n rows of d values) into one vector of d finite values, of which at most
    /// `max_byzantine` = f rows may be anything at all, and reports on every row.
    ///
    /// The result is a function of the rows and f alone: no clock, no randomness, no dependence on
    /// machine, instruction set or threads. It is bitwise the same for any order of the rows, with
    /// two exceptions: ties between equal scores go to the lower row index, and bucketing groups
    /// the rows by their index. Runs on the current rayon thread pool.
    ///
    /// The report of a coordinate rule costs a look at up to 65 536 columns, evenly spread;
    /// [`aggregate_into`](Self::aggregate_into) does without.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn aggregate(
        &self,
        inputs: &Inputs<'_>,
        max_byzantine: usize,
    ) -> Result<Aggregate, AggregateError> {
        self.aggregate_around(inputs, max_byzantine, None)
    }

    /// As [`aggregate`](Self::aggregate), with the previous aggregate as the centre for
    /// [`Rule::CenteredClip`]; the other rules do not read it.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check), and [`AggregateError::BadCentre`] if the centre has not d finite
    /// values: it is the caller's own state, and must never come to hold anything else.
    pub fn aggregate_around(
        &self,
        inputs: &Inputs<'_>,
        max_byzantine: usize,
        centre: Option<&[f32]>,
    ) -> Result<Aggregate, AggregateError> {
        self.check(inputs.n(), max_byzantine)?;
        let is_good = |c: &&[f32]| c.len() == inputs.dimension() && c.iter().all(|x| x.is_finite());
        if centre.is_some_and(|centre| !is_good(&centre)) {
            return Err(AggregateError::BadCentre {
                expected: inputs.dimension(),
            });
        }
        let mut vector = vec![0.0; inputs.dimension()];
        let source = Source::Rows(inputs.rows().to_vec());
        let plan = run::aggregate(self, &source, max_byzantine, centre, &mut vector);
        let witness = Witness::of(self, inputs.n(), inputs.dimension(), max_byzantine);
        let report = witness.map_or_else(
            || plan.row_report(),
            |witness| witness.report(&witness.look_at_all(&source)),
        );
        Ok(Aggregate { vector, report })
    }

    /// As [`aggregate`](Self::aggregate), into `out` of length d, without a report: nothing is
    /// computed but the vector.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check), and [`AggregateError::BadOutput`] if `out` has not d places.
    /// `out` is untouched then.
    pub fn aggregate_into(
        &self,
        inputs: &Inputs<'_>,
        max_byzantine: usize,
        out: &mut [f32],
    ) -> Result<(), AggregateError> {
        self.check(inputs.n(), max_byzantine)?;
        if out.len() != inputs.dimension() {
            return Err(AggregateError::BadOutput {
                expected: inputs.dimension(),
                found: out.len(),
            });
        }
        let source = Source::Rows(inputs.rows().to_vec());
        run::aggregate(self, &source, max_byzantine, None, out);
        Ok(())
    }
}

impl From<Rule> for Pipeline {
    fn from(rule: Rule) -> Self {
        Self {
            pre: Vec::new(),
            rule,
        }
    }
}

impl Rule {
    /// Aggregates `inputs` (n rows of d values) into one vector of d finite values, of which at most
    /// `max_byzantine` = f rows may be anything at all.
    ///
    /// The same as the [`Pipeline`] of this rule alone; see there.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn aggregate(
        &self,
        inputs: &Inputs<'_>,
        max_byzantine: usize,
    ) -> Result<Aggregate, AggregateError> {
        Pipeline::from(*self).aggregate(inputs, max_byzantine)
    }
}

impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self.pre.iter().map(Pre::to_string).collect();
        parts.push(self.rule.to_string());
        f.pad(&parts.join("+"))
    }
}

impl FromStr for Pipeline {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (pre, rule) = match text.rsplit_once('+') {
            Some((pre, rule)) => (
                pre.split('+').map(str::parse).collect::<Result<_, _>>()?,
                rule,
            ),
            None => (Vec::new(), text),
        };
        Self::new(pre, rule.parse()?)
    }
}
