//! What a pipeline has to know before it decides.

use super::Pipeline;
use crate::engine::Pairs;
use crate::rule::{Class, Rule};

/// Whether the pipeline needs the distances, or can go straight to the output.
pub(crate) fn needs_distances(pipeline: &Pipeline, f: usize) -> bool {
    match pipeline.rule.class(f) {
        Class::Coordinate(_) => !pipeline.pre.is_empty(),
        Class::Row | Class::Selected => !(pipeline.pre.is_empty() && pipeline.rule == Rule::Mean),
    }
}

/// The distances from which the pipeline decides: few, for a rule that looks at lengths alone, or
/// from one row.
pub(crate) fn pairs(pipeline: &Pipeline, has_centre: bool) -> Pairs {
    if has_centre || !pipeline.pre.is_empty() {
        return Pairs::All;
    }
    match pipeline.rule {
        Rule::Cge | Rule::NormClip { .. } => Pairs::NormsAnd(None),
        Rule::CenteredClip { iters, .. } if iters.get() == 1 => Pairs::NormsAnd(None),
        Rule::Monna { own }
        | Rule::CsPlus { own }
        | Rule::ClippedGossip { own, .. }
        | Rule::Gts { own } => Pairs::NormsAnd(Some(own)),
        _ => Pairs::All,
    }
}

/// Whether the aggregate is the mean of some rows, and it is soon decided of which.
pub(super) fn keeps_rows(pipeline: &Pipeline) -> bool {
    pipeline.pre.is_empty()
        && matches!(
            pipeline.rule,
            Rule::Krum { .. }
                | Rule::MultiKrum { .. }
                | Rule::Mda
                | Rule::Cge
                | Rule::Monna { .. }
                | Rule::Ios { .. }
        )
}
