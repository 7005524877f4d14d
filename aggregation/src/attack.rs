//! What a liar may send: for tests, experiments and demonstrations (feature `attacks`).
//!
//! An [`Attack`] needs nothing but the liar's own honest vector; a [`Collusion`] looks at all honest
//! rows, and may ask the rule; [`dissensus`] and [`spectral`] tell every neighbour something else.

use std::fmt;
use std::str::FromStr;

use crate::random::Random;

mod along;
mod collusion;
mod gossip;
mod moments;
mod search;

pub use along::Along;
pub use collusion::Collusion;
pub use gossip::{dissensus, spectral};

/// How a Byzantine peer changes its own vector before it sends it.
///
/// The text form is one of [`Attack::SYNTAXES`]; [`Display`](fmt::Display) and [`FromStr`] are
/// inverse to each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attack {
    /// The own vector times `-scale`: makes the model worse. Results are clamped to finite values.
    SignFlip {
        /// Finite and above 0; 1 if not given.
        scale: f32,
    },
    /// Zeros: a peer that does no work, and slows the others down.
    Zero,
    /// Independent normal noise with mean 0, from the seed.
    Gaussian {
        /// Standard deviation, finite and above 0; 1 if not given.
        std: f32,
    },
    /// NaN everywhere. [`Inputs`](crate::Inputs) refuses it; this is to see that the caller does.
    Nan,
    /// Infinity everywhere. [`Inputs`](crate::Inputs) refuses it, too.
    Inf,
}

/// Text that names no attack. The operator's fault; the message lists what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseAttackError {
    /// No attack has this name, or this attack has no such option.
    #[error("unknown attack '{text}' (accepted: {})", Attack::SYNTAXES.join(", "))]
    Unknown {
        /// The whole text as typed.
        text: String,
    },
    /// No attack on all honest rows is written like this.
    #[error("unknown attack '{text}' (accepted: {})", Collusion::SYNTAXES.join(", "))]
    UnknownCollusion {
        /// The whole text as typed.
        text: String,
    },
    /// The option's value is not a finite number above 0.
    #[error("'{value}' is not a finite number above 0 (accepted: {})", Attack::SYNTAXES.join(", "))]
    BadNumber {
        /// The value as typed.
        value: String,
    },
}

impl Attack {
    /// The accepted texts, options in square brackets.
    pub const SYNTAXES: &[&str] = &[
        "sign-flip[:scale=<number>]",
        "zero",
        "gaussian[:std=<number>]",
        "nan",
        "inf",
    ];

    /// Replaces the honest vector `own`, of any length, by what this liar sends instead.
    ///
    /// The same vector and `seed` give the same result; only the gaussian attack uses the seed.
    pub fn corrupt(&self, own: &mut [f32], seed: u64) {
        match *self {
            Self::SignFlip { scale } => {
                for x in own {
                    *x = (-scale * *x).clamp(f32::MIN, f32::MAX);
                }
            }
            Self::Zero => own.fill(0.0),
            Self::Gaussian { std } => {
                let mut noise = Random::new(seed);
                for x in own {
                    let value = f64::from(std) * noise.normal();
                    *x = (value as f32).clamp(f32::MIN, f32::MAX);
                }
            }
            Self::Nan => own.fill(f32::NAN),
            Self::Inf => own.fill(f32::INFINITY),
        }
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignFlip { scale: 1.0 } => f.write_str("sign-flip"),
            Self::SignFlip { scale } => write!(f, "sign-flip:scale={scale}"),
            Self::Zero => f.write_str("zero"),
            Self::Gaussian { std: 1.0 } => f.write_str("gaussian"),
            Self::Gaussian { std } => write!(f, "gaussian:std={std}"),
            Self::Nan => f.write_str("nan"),
            Self::Inf => f.write_str("inf"),
        }
    }
}

impl FromStr for Attack {
    type Err = ParseAttackError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "sign-flip" => return Ok(Self::SignFlip { scale: 1.0 }),
            "zero" => return Ok(Self::Zero),
            "gaussian" => return Ok(Self::Gaussian { std: 1.0 }),
            "nan" => return Ok(Self::Nan),
            "inf" => return Ok(Self::Inf),
            _ => {}
        }
        if let Some(scale) = text.strip_prefix("sign-flip:scale=") {
            return Ok(Self::SignFlip {
                scale: positive(scale)?,
            });
        }
        if let Some(std) = text.strip_prefix("gaussian:std=") {
            return Ok(Self::Gaussian {
                std: positive(std)?,
            });
        }
        Err(ParseAttackError::Unknown {
            text: text.to_owned(),
        })
    }
}

fn positive(text: &str) -> Result<f32, ParseAttackError> {
    match text.parse() {
        Ok(number) if number > 0.0 && f32::is_finite(number) => Ok(number),
        _ => Err(ParseAttackError::BadNumber {
            value: text.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
