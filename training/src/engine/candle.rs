//! The built-in engine: candle on the CPU. Owns the forward passes; the backward passes are candle's automatic
//! differentiation. It may not touch files, and it uses no generator of candle's.
//!
//! Determinism: small matrix products run on the calling thread ([`super::product`]); candle runs large ones on several
//! threads, which share out the result's tiles and never a sum, and its blocking depends on caches and sizes only. So the
//! number of threads does not show in the bits (held by `tests/it/threads.rs`). The CPU's vector width does; hence "on
//! one machine".

use candle_core::{D, DType, Device, Tensor, Var};

use super::product::product;
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
    /// Two for a convolutional model, else none.
    convolutions: Vec<Convolution>,
}

impl CandleEngine {
    /// A model for samples of `shape` in `classes` classes, with the first parameters that belong to `seed`
    /// ([`Layout::initial`]).
    ///
    /// # Errors
    /// If the model does not fit the data, or has no layers.
    pub fn new(
        spec: ModelSpec,
        shape: Shape,
        classes: u32,
        seed: &[u8; 32],
    ) -> Result<Self, EngineError> {
        if let ModelSpec::Synthetic { .. } = spec {
            return Err(EngineError::Setting {
                name: "the model",
                range: "one with layers",
            });
        }
        let layout = spec.layout(shape, classes)?;
        let params = layout.initial(seed);
        let convolutions = match (spec, shape) {
            (ModelSpec::Cnn { .. }, Shape::Image { height, width, .. }) => {
                let (height, width) = (height as usize, width as usize);
                vec![
                    Convolution::new(height, width, 1)?,
                    Convolution::new(height, width, 2)?,
                ]
            }
            _ => Vec::new(),
        };
        Ok(Self {
            spec,
            shape,
            classes,
            layout,
            params,
            convolutions,
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
        match (self.spec, self.shape) {
            (ModelSpec::Cnn { .. }, Shape::Image { channels, .. }) => {
                let sizes = (samples, channels as usize, ());
                let maps = Tensor::from_slice(features, sizes, &Device::Cpu)?;
                Ok(maps.transpose(1, 2)?.contiguous()?)
            }
            _ => Ok(Tensor::from_slice(features, (samples, ()), &Device::Cpu)?),
        }
    }

    /// Samples x classes.
    fn logits(&self, params: &[Tensor], input: &Tensor) -> Result<Tensor, EngineError> {
        let hidden = match self.spec {
            ModelSpec::Softmax | ModelSpec::Synthetic { .. } => input.clone(),
            ModelSpec::Mlp { .. } => {
                let (layers, _) = params[..params.len() - 2].as_chunks::<2>();
                let mut hidden = input.clone();
                for [weight, bias] in layers {
                    hidden = linear(&hidden, weight, bias)?.relu()?;
                }
                hidden
            }
            ModelSpec::Cnn { .. } => {
                let [first, second] = self.convolutions.as_slice() else {
                    unreachable!("a convolutional model is built with two convolutions");
                };
                let maps = first.apply(input, &params[0], &params[1])?.relu()?;
                let maps = second.apply(&maps, &params[2], &params[3])?.relu()?;
                maps.transpose(1, 2)?.flatten_from(1)?
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
    Ok(product(x, &weight.t()?)?.broadcast_add(bias)?)
}

/// One 3x3 convolution with padding 1 as a gather and one matrix product. Maps lie pixel by pixel, channels last. This is an order of
/// magnitude faster on small maps than candle's own convolution, whose backward pass goes channel by channel.
#[derive(Debug, Clone)]
struct Convolution {
    /// For each output pixel and each of its nine neighbours the input pixel, or the one past the last for the padding.
    gather: Tensor,
}

impl Convolution {
    fn new(height: usize, width: usize, stride: usize) -> Result<Self, EngineError> {
        let mut gather = Vec::new();
        for y in (0..height).step_by(stride) {
            for x in (0..width).step_by(stride) {
                for neighbour in 0..9 {
                    // Shifted by one, so that the padding before the first row and column is 0.
                    let (row, column) = (y + neighbour / 3, x + neighbour % 3);
                    let inside = (1..=height).contains(&row) && (1..=width).contains(&column);
                    let pixel = (row.max(1) - 1) * width + column.max(1) - 1;
                    gather.push(if inside {
                        pixel as u32
                    } else {
                        (height * width) as u32
                    });
                }
            }
        }
        let length = gather.len();
        Ok(Self {
            gather: Tensor::from_vec(gather, length, &Device::Cpu)?,
        })
    }

    /// `maps` (n, pixels, in), `weight` (out, in, 3, 3), `bias` (out) -> (n, output pixels, out).
    fn apply(&self, maps: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor, EngineError> {
        let (samples, _, depth) = maps.dims3()?;
        let pixels = self.gather.dims1()? / 9;
        let patches = maps
            .pad_with_zeros(1, 0, 1)?
            .index_select(&self.gather, 1)?;
        let patches = patches.reshape((samples * pixels, 9 * depth))?;
        let weight = weight.permute((0, 2, 3, 1))?.reshape(((), 9 * depth))?;
        Ok(linear(&patches, &weight, bias)?.reshape((samples, pixels, ()))?)
    }
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
