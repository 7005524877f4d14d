//! [`Rule`]: the closed list of rules, what each needs, and their class.

mod computed;
mod table;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;

use crate::error::AggregateError;
use crate::weigh::subset;

pub use crate::weigh::krum::Score;
pub use crate::weigh::median::Start;
pub(crate) use computed::Class;
pub use table::RuleInfo;

/// A robust aggregation rule, or the baseline that is not robust.
///
/// The text form is the one in [`RuleInfo::syntax`]; [`Display`](std::fmt::Display) and
/// [`FromStr`](std::str::FromStr) are inverse to each other. n rows, of which up to f lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Mean of all rows. Not robust. Cost: one pass.
    Mean,
    /// Median of each coordinate; for an even n the mean of the two middle values, as in NumPy and
    /// ByzFL (others take the lower or the upper one). n >= 2f + 1. Yin et al., ICML 2018.
    Median,
    /// Mean of each coordinate without its f smallest and f largest values. n >= 2f + 1. Yin et al.,
    /// ICML 2018.
    TrimmedMean,
    /// Mean of the n - f values of each coordinate that are nearest to its median, the smaller one
    /// of a tie. n >= 2f + 1. Xie, Koyejo, Gupta, 2018, arXiv 1802.10116, definition 7.
    Meamed,
    /// Mean of the n - f values of each coordinate that are nearest to its trimmed mean. n >= 2f + 1.
    /// Xie, Koyejo, Gupta, 2018, arXiv 1805.09682, definition 8.
    Phocas,
    /// The sign of the sum of signs of each coordinate: -1, 0 or 1. n >= 2f + 1. Bernstein et al.,
    /// ICLR 2019, arXiv 1810.05291.
    SignMajority,
    /// The row with the least sum of squared distances to its nearest others. n >= 2f + 3 as
    /// Blanchard et al. wrote it (NIPS 2017, section 4), 2f + 1 as in ByzFL.
    Krum {
        /// Over how many others the sum runs.
        score: Score,
    },
    /// The mean of the m rows with the best Krum scores.
    MultiKrum {
        /// Rows to average; `None` is n - f, as in ByzFL. Garfield takes n - f - 2.
        m: Option<NonZeroUsize>,
        /// Over how many others the sum runs.
        score: Score,
    },
    /// n - 2f rows by repeated Krum, then of each coordinate the mean of the n - 4f values nearest
    /// to the median of these. n >= 4f + 3. El Mhamdi, Guerraoui, Rouault, ICML 2018, section 4: the
    /// paper's form, single rows picked by scores that are computed anew each time.
    Bulyan,
    /// The mean of the n - f rows of least diameter, exactly. n >= 2f + 1, n <= 64. El Mhamdi et al.,
    /// ICML 2018; resilience in Farhadkhani et al., ICML 2022.
    Mda,
    /// The mean of the n - f rows of least variance, exactly, where there are at most a million such
    /// subsets. n >= 2f + 1. Farhadkhani et al., ICML 2022.
    Mva,
    /// The mean of the n - f rows whose covariance has the least largest eigenvalue, exactly, where
    /// there are at most a million such subsets. n >= 2f + 1. Allouah et al., ICML 2023.
    Smea,
    /// The mean of weighted rows, filtered along directions of large variance until the weights add
    /// up to n - 2f. n >= 2f + 1. Allouah et al., ICML 2025, arXiv 2505.01874.
    Caf,
    /// The point with the least sum of distances to the rows. n >= 2f + 1.
    GeometricMedian(Weiszfeld),
    /// The mean of the rows, clipped to a ball around the previous aggregate, or around the origin if
    /// there is none. n >= 2f + 1. Karimireddy, He, Jaggi, ICML 2021, arXiv 2012.10333.
    CenteredClip {
        /// Of the ball; above 0.
        radius: f64,
        /// How often the mean becomes the next centre; 1 if not given.
        iters: NonZeroUsize,
    },
    /// The mean of the n - f rows of least norm. n >= 2f + 1. Liu, Gupta, Vaidya, PODC 2021. Promises
    /// little: a liar of small norm is always kept.
    Cge,
    /// The mean of the rows, each scaled down to a norm of at most `radius`. Bounds what a liar can
    /// add to f / n times the radius, and no more.
    NormClip {
        /// Above 0.
        radius: f64,
    },
    /// The mean of the n - f rows nearest to the own one: MoNNA, also called NNA. n >= 2f + 1 here,
    /// about 11 f in the theory. Farhadkhani et al., ICML 2023, arXiv 2302.01842.
    Monna {
        /// Index of the own row; 0 if not given.
        own: usize,
    },
    /// Gossip: the own row moves by 1/n of each difference to another, the 2f farthest clipped to
    /// the distance of the next. n >= 2f + 1. Gaucher, Dieuleveut, Hendrikx, ICML 2025, arXiv
    /// 2410.10418.
    CsPlus {
        /// Index of the own row; 0 if not given.
        own: usize,
    },
    /// Gossip: the own row moves by 1/n of each clipped difference to another. He, Karimireddy, Jaggi,
    /// 2022, arXiv 2202.01545.
    ClippedGossip {
        /// Clip to this distance; `None` is the adaptive choice: its square is the sum of the squared
        /// distances of the n - f - 2 nearest others over f, as Gaucher et al. compute it.
        radius: Option<f64>,
        /// Index of the own row; 0 if not given.
        own: usize,
    },
    /// Gossip: the own row moves by 1/n of each difference to another, the f farthest left out.
    /// n >= 2f + 1. Gaucher et al., ICML 2025.
    Gts {
        /// Index of the own row; 0 if not given.
        own: usize,
    },
    /// Gossip: f times, the row farthest from the mean of those left is left out, never the own one.
    /// n >= 2f + 1. Wu, Chen, Ling, IEEE TSP 2023, arXiv 2201.09526.
    Ios {
        /// Index of the own row; 0 if not given.
        own: usize,
    },
}

/// How the geometric median is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weiszfeld {
    /// Until the iterate moves by less than this fraction of its median distance to the rows; 1e-9 if
    /// not given. At most 10 000 iterations, each n^2.
    Exact {
        /// In 1e-15..1.
        tolerance: f64,
    },
    /// A fixed number of smoothed steps. Presets: [`Weiszfeld::RFA`], [`Weiszfeld::BYZFL`].
    Smoothed {
        /// Distances count as at least this; above 0.
        nu: f64,
        /// Steps.
        iters: NonZeroUsize,
        /// Where they begin.
        start: Start,
    },
}

impl Weiszfeld {
    /// As in the paper by Pillutla, Kakade and Harchaoui (IEEE TSP 2022, arXiv 1912.13445).
    pub const RFA: Self = Self::Smoothed {
        nu: 1e-6,
        iters: NonZeroUsize::new(64).expect("not zero"),
        start: Start::Mean,
    };
    /// ByzFL's default: three steps from the origin, far from converged.
    pub const BYZFL: Self = Self::Smoothed {
        nu: 0.1,
        iters: NonZeroUsize::new(3).expect("not zero"),
        start: Start::Origin,
    };
}

impl Rule {
    /// Whether the rule promises anything while up to f rows are Byzantine.
    pub fn is_robust(&self) -> bool {
        !matches!(self, Self::Mean)
    }

    /// The least number of rows with which the rule keeps its promise for `max_byzantine` = f.
    ///
    /// The mean promises nothing and needs one row. `multi-krum:m=..` needs at least m + f rows, so
    /// that m of them can be honest. A rule that names its own row needs that many rows, too.
    pub fn min_inputs(&self, max_byzantine: usize) -> usize {
        let twice = max_byzantine.saturating_mul(2);
        let krum = |score| match score {
            Score::Blanchard => twice.saturating_add(3),
            Score::Byzfl => twice.saturating_add(1),
        };
        match *self {
            Self::Mean => 1,
            Self::Krum { score } | Self::MultiKrum { m: None, score } => krum(score),
            Self::MultiKrum { m: Some(m), score } => {
                krum(score).max(m.get().saturating_add(max_byzantine))
            }
            Self::Bulyan => twice.saturating_mul(2).saturating_add(3),
            Self::Monna { own }
            | Self::CsPlus { own }
            | Self::ClippedGossip { own, .. }
            | Self::Gts { own }
            | Self::Ios { own } => twice.max(own).saturating_add(1),
            Self::Median
            | Self::TrimmedMean
            | Self::Meamed
            | Self::Phocas
            | Self::SignMajority
            | Self::Mda
            | Self::Mva
            | Self::Smea
            | Self::Caf
            | Self::GeometricMedian(_)
            | Self::CenteredClip { .. }
            | Self::Cge
            | Self::NormClip { .. } => twice.saturating_add(1),
        }
    }

    /// Whether the rule accepts n rows of which f may lie, without any row at hand.
    ///
    /// # Errors
    ///
    /// [`AggregateError::TooManyByzantine`] if 2f >= n, else [`AggregateError::TooFewInputs`] if
    /// n < [`min_inputs`](Self::min_inputs), else [`AggregateError::TooManyInputs`] or
    /// [`AggregateError::TooManySubsets`] where an exact rule would take too long. The mean never
    /// fails.
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
        match self {
            Self::Mda if n > subset::MOST_MDA => Err(AggregateError::TooManyInputs {
                rule: *self,
                most: subset::MOST_MDA,
                have: n,
            }),
            Self::Mva | Self::Smea
                if subset::n_subsets(n, max_byzantine) > subset::MOST_SUBSETS =>
            {
                Err(AggregateError::TooManySubsets {
                    rule: *self,
                    have: n,
                    max_byzantine,
                    most: subset::MOST_SUBSETS,
                })
            }
            _ => Ok(()),
        }
    }
}
