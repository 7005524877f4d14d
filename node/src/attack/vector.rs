//! Liars that change their own vector before they sign it, and need to know nothing else.

use std::fmt;

use spirt_aggregation::attack::Attack;

/// What becomes of the own vector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lie {
    /// As the aggregation's attacks on one's own vector do.
    Alone(Attack),
    /// The vector times a factor, clamped to finite values: a peer that shouts.
    Scaled {
        /// Finite; 100 if not given.
        by: f32,
    },
}

impl Lie {
    pub(super) const SYNTAXES: &[&str] = &[
        "sign-flip[:scale=<number>]",
        "scaled[:by=<number>]",
        "gaussian[:std=<number>]",
        "zero",
        "nan",
        "inf",
    ];

    /// The lie of that text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let by = match text.strip_prefix("scaled:by=") {
            None if text == "scaled" => Some(100.0),
            None => return text.parse().ok().map(Self::Alone),
            Some(by) => by.parse().ok().filter(|by| f32::is_finite(*by)),
        };
        by.map(|by| Self::Scaled { by })
    }

    pub(super) fn corrupt(&self, vector: &mut [f32], seed: u64) {
        match self {
            Self::Alone(attack) => attack.corrupt(vector, seed),
            Self::Scaled { by } => {
                for x in vector {
                    *x = (by * *x).clamp(f32::MIN, f32::MAX);
                }
            }
        }
    }
}

impl fmt::Display for Lie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alone(attack) => attack.fmt(f),
            Self::Scaled { by } => write!(f, "scaled:by={by}"),
        }
    }
}
