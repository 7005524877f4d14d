//! How each rule is computed: which pass it ends with, and which weights it gives.

use std::num::NonZeroUsize;

use super::{Rule, Weiszfeld};
use crate::engine::Reduce;
use crate::geometry::Geometry;
use crate::weigh::{Weights, caf, clip, gossip, krum, median, nearest, subset};

/// How a rule is computed.
pub(crate) enum Class {
    /// Each coordinate apart.
    Coordinate(Reduce),
    /// From the distances, weights.
    Row,
    /// From the distances a selection, then each coordinate of it apart.
    Selected,
}

impl Rule {
    /// How the rule is computed for f liars.
    pub(crate) fn class(&self, f: usize) -> Class {
        match self {
            Self::Median => Class::Coordinate(Reduce::Median),
            Self::TrimmedMean => Class::Coordinate(Reduce::TrimmedMean { f }),
            Self::Meamed => Class::Coordinate(Reduce::NearMedian { f }),
            Self::Phocas => Class::Coordinate(Reduce::NearTrimmedMean { f }),
            Self::SignMajority => Class::Coordinate(Reduce::Sign),
            Self::Bulyan => Class::Selected,
            Self::Mean
            | Self::Krum { .. }
            | Self::MultiKrum { .. }
            | Self::Mda
            | Self::Mva
            | Self::Smea
            | Self::Caf
            | Self::GeometricMedian(_)
            | Self::CenteredClip { .. }
            | Self::Cge
            | Self::NormClip { .. }
            | Self::Monna { .. }
            | Self::CsPlus { .. }
            | Self::ClippedGossip { .. }
            | Self::Gts { .. }
            | Self::Ios { .. } => Class::Row,
        }
    }

    /// The weights of a row rule. Needs n and f that [`check`](Self::check) accepts. `centre` is the
    /// last point, if that is no row but the previous aggregate.
    pub(crate) fn weigh(&self, g: &Geometry, f: usize, centre: Option<usize>) -> Weights {
        let n = g.n();
        // The check saw to it that the own row exists.
        let at = |own: usize| g.of_rank(own).unwrap_or(0);
        match *self {
            Self::Krum { score } => krum::multi_krum(g, f, 1, score),
            Self::MultiKrum { m, score } => {
                krum::multi_krum(g, f, m.map_or(n - f, NonZeroUsize::get), score)
            }
            Self::Mda => subset::mda(g, f),
            Self::Mva => subset::mva(g, f),
            Self::Smea => subset::smea(g, f),
            Self::Caf => caf::caf(g, f),
            Self::GeometricMedian(Weiszfeld::Exact { tolerance }) => median::exact(g, tolerance),
            Self::GeometricMedian(Weiszfeld::Smoothed { nu, iters, start }) => {
                median::smoothed(g, nu, iters.get(), start)
            }
            // One step from the origin looks at lengths alone.
            Self::CenteredClip { radius, iters } if iters.get() == 1 && centre.is_none() => {
                Weights {
                    scores: None,
                    ..clip::norm(g, radius)
                }
            }
            Self::CenteredClip { radius, iters } => clip::centered(g, centre, radius, iters.get()),
            Self::Cge => nearest::smallest(g, f),
            Self::NormClip { radius } => clip::norm(g, radius),
            Self::Monna { own } => nearest::nearest_to(g, f, at(own)),
            Self::CsPlus { own } => {
                let own = at(own);
                gossip::clipped(g, own, gossip::radius_cs_plus(g, own, f))
            }
            Self::ClippedGossip { radius, own } => {
                let own = at(own);
                let radius = radius.unwrap_or_else(|| gossip::radius_he(g, own, f));
                gossip::clipped(g, own, radius)
            }
            Self::Gts { own } => gossip::trimmed_sum(g, at(own), f),
            Self::Ios { own } => gossip::scissor(g, at(own), f),
            Self::Bulyan => Weights::chosen(n, &krum::bulyan_selection(g, f), None),
            Self::Mean
            | Self::Median
            | Self::TrimmedMean
            | Self::Meamed
            | Self::Phocas
            | Self::SignMajority => Weights::chosen(n, &(0..n).collect::<Vec<_>>(), None),
        }
    }
}
