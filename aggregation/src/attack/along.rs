//! [`Along`]: the directions in which liars leave the honest rows.

use std::fmt;

/// The direction p of [`Collusion::MinMax`](super::Collusion::MinMax) and [`Collusion::MinSum`](super::Collusion::MinSum).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Along {
    /// -mu / |mu|.
    Unit,
    /// -sigma.
    Deviation,
    /// -sign(mu).
    Sign,
}

impl fmt::Display for Along {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unit => "unit",
            Self::Deviation => "deviation",
            Self::Sign => "sign",
        })
    }
}
