//! The outer optimizer: turns an agreed aggregate into new parameters, the same bits on every machine.
//! Owns its text form, its flat state and its arithmetic; it may not touch engines, data or files.
//!
//! Plain `f32` operations in index order: no fused multiply-add, no reassociation, no libm but `sqrt` (exact by IEEE 754).

use std::fmt;
use std::str::FromStr;

use crate::error::{OptimizerError, SpecError};
use crate::text::Form;

#[cfg(test)]
mod tests;

/// The accepted text forms.
pub const OPTIMIZERS: &str =
    "sgd:lr=1, momentum:lr=0.7,beta=0.9, nesterov:lr=0.7,beta=0.9, adam:lr=0.001";

const ADAM_BETA1: f32 = 0.9;
const ADAM_BETA2: f32 = 0.999;
const ADAM_EPSILON: f32 = 1e-8;

/// An optimizer, as text. `u` is the aggregate of the peers' displacements, `p` the parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum OptimizerSpec {
    /// `p -= lr * u`. With `lr = 1` and one peer it reproduces local training exactly.
    Sgd {
        /// Step size, above 0, at most 1000.
        lr: f32,
    },
    /// `v = beta * v + u; p -= lr * v`.
    Momentum {
        /// Step size, above 0, at most 1000.
        lr: f32,
        /// Decay, 0 to below 1.
        beta: f32,
    },
    /// `v = beta * v + u; p -= lr * (u + beta * v)`: the outer optimizer of DiLoCo (Douillard et al., 2023).
    Nesterov {
        /// Step size, above 0, at most 1000.
        lr: f32,
        /// Decay, 0 to below 1.
        beta: f32,
    },
    /// Adam (Kingma and Ba, 2015), decays 0.9 and 0.999, epsilon 1e-8.
    Adam {
        /// Step size, above 0, at most 1000.
        lr: f32,
    },
}

impl Default for OptimizerSpec {
    /// `sgd:lr=1`: the model becomes the robust average of the peers' locally trained models.
    fn default() -> Self {
        Self::Sgd { lr: 1.0 }
    }
}

impl FromStr for OptimizerSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut form = Form::split("an optimizer", OPTIMIZERS, text)?;
        let lr = |form: &mut Form<'_>, default: f32| {
            form.take("lr", default, "above 0 and at most 1000", |lr| {
                lr > 0.0 && lr <= 1000.0
            })
        };
        let beta = |form: &mut Form<'_>| {
            form.take("beta", 0.9, "0 to below 1", |beta| {
                (0.0..1.0).contains(&beta)
            })
        };
        let spec = match form.name {
            "sgd" => Self::Sgd {
                lr: lr(&mut form, 1.0)?,
            },
            "momentum" => Self::Momentum {
                lr: lr(&mut form, 0.7)?,
                beta: beta(&mut form)?,
            },
            "nesterov" => Self::Nesterov {
                lr: lr(&mut form, 0.7)?,
                beta: beta(&mut form)?,
            },
            "adam" => Self::Adam {
                lr: lr(&mut form, 0.001)?,
            },
            _ => return Err(form.unknown()),
        };
        form.finish()?;
        Ok(spec)
    }
}

impl fmt::Display for OptimizerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sgd { lr } => write!(f, "sgd:lr={lr}"),
            Self::Momentum { lr, beta } => write!(f, "momentum:lr={lr},beta={beta}"),
            Self::Nesterov { lr, beta } => write!(f, "nesterov:lr={lr},beta={beta}"),
            Self::Adam { lr } => write!(f, "adam:lr={lr}"),
        }
    }
}

impl OptimizerSpec {
    /// Length of the flat state for parameters of length `dimension`: 0, 1 or 2 times that.
    #[must_use]
    pub fn state_len(&self, dimension: usize) -> usize {
        match self {
            Self::Sgd { .. } => 0,
            Self::Momentum { .. } | Self::Nesterov { .. } => dimension,
            Self::Adam { .. } => 2 * dimension,
        }
    }
}

/// An optimizer with its state.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimizer {
    spec: OptimizerSpec,
    dimension: usize,
    steps: u64,
    state: Vec<f32>,
}

impl Optimizer {
    /// A fresh one: no steps, zero state.
    #[must_use]
    pub fn new(spec: OptimizerSpec, dimension: usize) -> Self {
        Self {
            spec,
            dimension,
            steps: 0,
            state: vec![0.0; spec.state_len(dimension)],
        }
    }

    /// One that another peer had: `steps` and `state` as read from [`Optimizer::steps`] and [`Optimizer::state`].
    ///
    /// # Errors
    /// If the state has the wrong length or a value that is not finite.
    pub fn restore(
        spec: OptimizerSpec,
        dimension: usize,
        steps: u64,
        state: Vec<f32>,
    ) -> Result<Self, OptimizerError> {
        check("state", spec.state_len(dimension), &state)?;
        Ok(Self {
            spec,
            dimension,
            steps,
            state,
        })
    }

    /// What it was made from.
    #[must_use]
    pub fn spec(&self) -> OptimizerSpec {
        self.spec
    }

    /// Updates applied so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The flat state: nothing (sgd), velocity (momentum, nesterov), first then second moments (adam).
    #[must_use]
    pub fn state(&self) -> &[f32] {
        &self.state
    }

    /// Applies one aggregate to the parameters, in place.
    ///
    /// # Errors
    /// If a length is wrong or `update` holds a value that is not finite; then nothing has changed.
    pub fn apply(&mut self, params: &mut [f32], update: &[f32]) -> Result<(), OptimizerError> {
        if params.len() != self.dimension {
            let (expected, found) = (self.dimension, params.len());
            return Err(OptimizerError::Length {
                what: "parameters",
                expected,
                found,
            });
        }
        check("update", self.dimension, update)?;
        self.steps += 1;
        match self.spec {
            OptimizerSpec::Sgd { lr } => {
                for (p, u) in params.iter_mut().zip(update) {
                    *p -= lr * u;
                }
            }
            OptimizerSpec::Momentum { lr, beta } => {
                for ((p, v), u) in params.iter_mut().zip(&mut self.state).zip(update) {
                    *v = beta * *v + u;
                    *p -= lr * *v;
                }
            }
            OptimizerSpec::Nesterov { lr, beta } => {
                for ((p, v), u) in params.iter_mut().zip(&mut self.state).zip(update) {
                    *v = beta * *v + u;
                    *p -= lr * (u + beta * *v);
                }
            }
            OptimizerSpec::Adam { lr } => self.adam(lr, params, update),
        }
        Ok(())
    }

    fn adam(&mut self, lr: f32, params: &mut [f32], update: &[f32]) {
        let (first, second) = self.state.split_at_mut(self.dimension);
        let scale1 = (1.0 / (1.0 - power(f64::from(ADAM_BETA1), self.steps))) as f32;
        let scale2 = (1.0 / (1.0 - power(f64::from(ADAM_BETA2), self.steps))) as f32;
        for (((p, m), v), u) in params.iter_mut().zip(first).zip(second).zip(update) {
            *m = ADAM_BETA1 * *m + (1.0 - ADAM_BETA1) * u;
            *v = ADAM_BETA2 * *v + (1.0 - ADAM_BETA2) * (u * u);
            *p -= lr * (*m * scale1) / ((*v * scale2).sqrt() + ADAM_EPSILON);
        }
    }
}

/// By squaring, with products only: the same bits on every machine, unlike `powi`.
fn power(mut base: f64, mut exponent: u64) -> f64 {
    let mut result = 1.0;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    result
}

fn check(what: &'static str, expected: usize, values: &[f32]) -> Result<(), OptimizerError> {
    if values.len() != expected {
        return Err(OptimizerError::Length {
            what,
            expected,
            found: values.len(),
        });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(OptimizerError::NotFinite { what, index }),
        None => Ok(()),
    }
}
