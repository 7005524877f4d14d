//! The built-in engine: candle on the CPU. Owns the forward passes; the backward passes are candle's automatic
//! differentiation. It may not touch files, and it uses no generator of candle's.
//!
//! Determinism: candle's matrix products run on several threads above about 600 000 multiplications. Threads share out the
//! result's tiles and never a sum, and the blocking depends on caches and sizes only, so the number of threads does
//! not show in the bits (held by `tests/it/threads.rs`). The CPU's vector width does; hence "on one machine".

use candle_core::{D, DType, Device, Tensor, Var};

use super::{Batch, Engine, Evaluation, Gradient};
use crate::data::{DataSet, Shape};
use crate::error::EngineError;
use crate::model::{Layout, ModelSpec};

/// Samples per forward pass of an evaluation; bounds its memory.
const EVALUATION_BATCH: usize = 256;

/// An engine for each of the built-in models.
#[derive(Debug, Clone)]
pub struct CandleEngine {
    spec: ModelSpec,
    shape: Shape,
    classes: u32,
    layout: Layout,
    params: Vec<f32>,
}

impl CandleEngine {
    /// A model for samples of `shape` in `classes` classes, with the first parameters that belong to `seed`
    /// ([`Layout::initial`]).
    ///
    /// # Errors
    /// If the model does not fit the data.
    pub fn new(
        spec: ModelSpec,
        shape: Shape,
        classes: u32,
        seed: &[u8; 32],
    ) -> Result<Self, EngineError> {
        let layout = spec.layout(shape, classes)?;
        let params = layout.initial(seed);
        Ok(Self {
            spec,
            shape,
            classes,
            layout,
            params,
        })
    }

    /// Where each tensor lies in the flat vector.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn check(&self, shape: Shape, classes: u32) -> Result<(), EngineError> {
        if (shape, classes) == (self.shape, self.classes) {
            return Ok(());
        }
        let words = |shape, classes| format!("shape {shape} in {classes} classes");
        Err(EngineError::Samples {
            expected: words(self.shape, self.classes),
            found: words(shape, classes),
        })
    }

    fn tensors(&self) -> Result<Vec<Tensor>, EngineError> {
        let slices = self.layout.tensors().iter().map(|tensor| {
            let values = &self.params[tensor.start..tensor.start + tensor.values()];
            Tensor::from_slice(values, tensor.dims.as_slice(), &Device::Cpu)
        });
        Ok(slices.collect::<Result<_, _>>()?)
    }

    fn input(&self, features: &[f32], samples: usize) -> Result<Tensor, EngineError> {
        let tensor = match (self.spec, self.shape) {
            (
                ModelSpec::Cnn { .. },
                Shape::Image {
                    channels,
                    height,
                    width,
                },
            ) => {
                let sizes = (samples, channels as usize, height as usize, width as usize);
                Tensor::from_slice(features, sizes, &Device::Cpu)?
            }
            _ => Tensor::from_slice(features, (samples, self.shape.values()), &Device::Cpu)?,
        };
        Ok(tensor)
    }

    /// Samples x classes.
    fn logits(&self, params: &[Tensor], input: &Tensor) -> Result<Tensor, EngineError> {
        let hidden = match self.spec {
            ModelSpec::Softmax => input.clone(),
            ModelSpec::Mlp { .. } => linear(input, &params[0], &params[1])?.relu()?,
            ModelSpec::Cnn { .. } => {
                let maps = convolve(input, &params[0], &params[1], 1)?.relu()?;
                convolve(&maps, &params[2], &params[3], 2)?
                    .relu()?
                    .flatten_from(1)?
            }
        };
        linear(
            &hidden,
            &params[params.len() - 2],
            &params[params.len() - 1],
        )
    }
}

impl Engine for CandleEngine {
    fn dimension(&self) -> usize {
        self.layout.dimension()
    }

    fn params(&self) -> Vec<f32> {
        self.params.clone()
    }

    fn load(&mut self, params: &[f32]) -> Result<(), EngineError> {
        if params.len() != self.params.len() {
            let (expected, found) = (self.params.len(), params.len());
            return Err(EngineError::Dimension { expected, found });
        }
        self.params.copy_from_slice(params);
        Ok(())
    }

    fn gradient(&mut self, batch: &Batch) -> Result<Gradient, EngineError> {
        self.check(batch.shape(), batch.classes())?;
        if batch.is_empty() {
            return Err(EngineError::NoSamples);
        }
        let vars: Vec<Var> = self
            .tensors()?
            .iter()
            .map(Var::from_tensor)
            .collect::<Result<_, _>>()?;
        let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
        let logits = self.logits(&tensors, &self.input(batch.features(), batch.len())?)?;
        let loss = cross_entropy(&logits, batch.labels())?;
        let slopes = loss.backward()?;
        let mut vector = Vec::with_capacity(self.dimension());
        for (var, tensor) in vars.iter().zip(self.layout.tensors()) {
            match slopes.get(var) {
                Some(slope) => vector.extend(slope.flatten_all()?.to_vec1::<f32>()?),
                None => vector.resize(vector.len() + tensor.values(), 0.0),
            }
        }
        let loss = loss.to_scalar::<f32>()?;
        if !loss.is_finite() || vector.iter().any(|value| !value.is_finite()) {
            return Err(EngineError::Diverged { step: 0 });
        }
        Ok(Gradient { vector, loss })
    }

    fn evaluate(&self, set: &DataSet) -> Result<Evaluation, EngineError> {
        self.check(set.shape(), set.classes())?;
        let params = self.tensors()?;
        let (mut loss, mut right) = (0.0_f64, 0_u64);
        let chunks = set
            .features()
            .chunks(EVALUATION_BATCH * self.shape.values());
        for (features, labels) in chunks.zip(set.labels().chunks(EVALUATION_BATCH)) {
            let logits = self.logits(&params, &self.input(features, labels.len())?)?;
            for (row, label) in logits.to_vec2::<f32>()?.iter().zip(labels) {
                loss += surprise(row, *label as usize);
                right += u64::from(best(row) == *label as usize);
            }
        }
        let samples = set.len() as u64;
        Ok(Evaluation {
            loss: (loss / samples as f64) as f32,
            accuracy: (right as f64 / samples as f64) as f32,
            samples,
        })
    }
}

/// `x` (n, in), `weight` (out, in), `bias` (out) -> (n, out).
fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor, EngineError> {
    Ok(x.matmul(&weight.t()?)?.broadcast_add(bias)?)
}

/// `x` (n, in, h, w), `weight` (out, in, 3, 3), padding 1 -> (n, out, ceil(h / stride), ceil(w / stride)).
fn convolve(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    stride: usize,
) -> Result<Tensor, EngineError> {
    let bias = bias.reshape((1, (), 1, 1))?;
    Ok(x.conv2d(weight, 1, stride, 1, 1)?.broadcast_add(&bias)?)
}

/// Mean over the batch, a scalar. The row maxima are constants to the differentiation.
fn cross_entropy(logits: &Tensor, labels: &[u32]) -> Result<Tensor, EngineError> {
    let labels = Tensor::from_slice(labels, (labels.len(), 1), &Device::Cpu)?;
    let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
    let normalizer = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
    let chosen = shifted.gather(&labels, D::Minus1)?;
    debug_assert_eq!(normalizer.dtype(), DType::F32);
    Ok((normalizer - chosen)?.mean_all()?)
}

/// Cross-entropy of one sample, in nats.
fn surprise(logits: &[f32], label: usize) -> f64 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits
        .iter()
        .map(|logit| f64::from(logit - top).exp())
        .sum();
    sum.ln() - f64::from(logits[label] - top)
}

/// The lowest of the classes with the highest score.
fn best(logits: &[f32]) -> usize {
    let mut best = 0;
    for (class, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = class;
        }
    }
    best
}
