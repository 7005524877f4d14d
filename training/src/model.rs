//! What a model is: its text form, the layout of its flat parameter vector, its first parameters.
//! Owns no arithmetic of forward or backward passes (that is the engines'), and reads no files.

use std::fmt;
use std::str::FromStr;

use crate::data::Shape;
use crate::error::{ModelError, SpecError};
use crate::stream::Stream;
use crate::text::Form;

#[cfg(test)]
mod tests;

/// Longest parameter vector: 2^28 values, 1 GiB.
pub const MAX_DIMENSION: usize = 1 << 28;

/// The accepted text forms.
pub const MODELS: &str =
    "softmax, mlp:hidden=32,layers=1, cnn:channels=8, synthetic:dimension=1000000";

const INITIAL_CONTEXT: &str = "spirt-training 2026 initial parameters v1";

/// Most hidden layers of an `mlp`.
const MAX_LAYERS: u32 = 64;

/// A model, as text `softmax`, `mlp:hidden=32` (the default) or `cnn:channels=8`.
///
/// Hidden units and channels are 1 to 65536, hidden layers 1 to 64. `mlp` and `cnn` alone take the values above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ModelSpec {
    /// Softmax regression: one linear layer. Convex.
    Softmax,
    /// Hidden layers of one width, each with ReLU.
    Mlp {
        /// Units of a hidden layer.
        hidden: u32,
        /// Hidden layers; left out of the text when there is one.
        layers: u32,
    },
    /// Two 3x3 convolutions with ReLU (`channels` maps, then twice as many at half the size) and a linear layer.
    Cnn {
        /// Maps of the first convolution.
        channels: u32,
    },
    /// No model: each peer contributes a vector that follows from seed, round and peer ([`crate::synthetic`]). To try out
    /// and measure everything but the training. Starts at zero.
    Synthetic {
        /// Length of the vectors, 1 to [`MAX_DIMENSION`].
        dimension: u32,
    },
}

impl Default for ModelSpec {
    /// `mlp:hidden=32`; on the 8x8 digits that is 2410 parameters.
    fn default() -> Self {
        Self::Mlp {
            hidden: 32,
            layers: 1,
        }
    }
}

impl FromStr for ModelSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        const RANGE: &str = "a whole number from 1 to 65536";
        let good = |n: u32| (1..=65_536).contains(&n);
        let mut form = Form::split("a model", MODELS, text)?;
        let spec = match form.name {
            "softmax" => Self::Softmax,
            "mlp" => Self::Mlp {
                hidden: form.take("hidden", 32, RANGE, good)?,
                layers: form.take("layers", 1, "a whole number from 1 to 64", |n| {
                    (1..=MAX_LAYERS).contains(&n)
                })?,
            },
            "cnn" => Self::Cnn {
                channels: form.take("channels", 8, RANGE, good)?,
            },
            "synthetic" => {
                let good = |n: u32| (1..=MAX_DIMENSION).contains(&(n as usize));
                let range = "a whole number from 1 to 268435456";
                Self::Synthetic {
                    dimension: form.take("dimension", 1_000_000, range, good)?,
                }
            }
            _ => return Err(form.unknown()),
        };
        form.finish()?;
        Ok(spec)
    }
}

impl fmt::Display for ModelSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Softmax => write!(f, "softmax"),
            Self::Mlp { hidden, layers: 1 } => write!(f, "mlp:hidden={hidden}"),
            Self::Mlp { hidden, layers } => write!(f, "mlp:hidden={hidden},layers={layers}"),
            Self::Cnn { channels } => write!(f, "cnn:channels={channels}"),
            Self::Synthetic { dimension } => write!(f, "synthetic:dimension={dimension}"),
        }
    }
}

/// One tensor inside the flat vector, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamTensor {
    /// For people: `hidden.weight`.
    pub name: String,
    /// Sizes, outputs first: a linear layer is (out, in), a convolution (out, in, 3, 3), a bias (out).
    pub dims: Vec<usize>,
    /// Where it begins in the flat vector.
    pub start: usize,
    /// Inputs of one unit; zero for a bias.
    fan_in: usize,
}

impl ParamTensor {
    /// Number of values; at least 1.
    #[must_use]
    pub fn values(&self) -> usize {
        self.dims.iter().product()
    }
}

/// How a model's tensors lie in the flat parameter vector: layer by layer, weight before bias, row-major. This is the
/// order and the orientation of `parameters()` of the same module in torch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    tensors: Vec<ParamTensor>,
    dimension: usize,
}

impl Layout {
    /// The tensors, in order, without gaps.
    #[must_use]
    pub fn tensors(&self) -> &[ParamTensor] {
        &self.tensors
    }

    /// Length of the flat vector.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The first parameters of a run: He-uniform weights, `U(-b, b)` with `b = sqrt(6 / fan_in)` for layers before a ReLU
    /// and `b = sqrt(1 / fan_in)` for the last one; zero biases. The same bits on every machine: only exact
    /// conversions, one product and one square root per value.
    #[must_use]
    pub fn initial(&self, seed: &[u8; 32]) -> Vec<f32> {
        let mut stream = Stream::new(INITIAL_CONTEXT, &[seed]);
        let mut params = Vec::with_capacity(self.dimension);
        let last_weight = self.tensors.iter().rposition(|tensor| tensor.fan_in > 0);
        for (at, tensor) in self.tensors.iter().enumerate() {
            if tensor.fan_in == 0 {
                params.resize(params.len() + tensor.values(), 0.0);
                continue;
            }
            let numerator = if Some(at) == last_weight { 1.0 } else { 6.0 };
            let bound = (numerator / tensor.fan_in as f32).sqrt();
            params.extend((0..tensor.values()).map(|_| stream.signed_unit() * bound));
        }
        params
    }
}

impl ModelSpec {
    /// The layout for samples of `shape` in `classes` classes.
    ///
    /// # Errors
    /// [`ModelError::NeedsImages`] for `cnn` on flat samples; [`ModelError::TooLarge`] above [`MAX_DIMENSION`].
    pub fn layout(&self, shape: Shape, classes: u32) -> Result<Layout, ModelError> {
        let (inputs, classes) = (shape.values(), classes as usize);
        // The weight of each layer; each has a bias but the vector of a synthetic model.
        let weights: Vec<(String, Vec<usize>)> = match *self {
            Self::Softmax => vec![("linear".into(), vec![classes, inputs])],
            Self::Mlp { hidden, layers } => {
                let hidden = hidden as usize;
                let name = |layer| match layers {
                    1 => "hidden".into(),
                    _ => format!("hidden{layer}"),
                };
                let width = |layer| if layer == 1 { inputs } else { hidden };
                (1..=layers)
                    .map(|layer| (name(layer), vec![hidden, width(layer)]))
                    .chain([("output".into(), vec![classes, hidden])])
                    .collect()
            }
            Self::Cnn { channels } => {
                let Shape::Image {
                    channels: depth,
                    height,
                    width,
                } = shape
                else {
                    return Err(ModelError::NeedsImages {
                        model: self.to_string(),
                        shape: shape.to_string(),
                    });
                };
                let (first, second) = (channels as usize, 2 * channels as usize);
                let halved = |size: u32| (size as usize).div_ceil(2);
                let flat = halved(height)
                    .checked_mul(halved(width))
                    .and_then(|area| area.checked_mul(second))
                    .ok_or_else(|| self.too_large(shape))?;
                vec![
                    ("conv1".into(), vec![first, depth as usize, 3, 3]),
                    ("conv2".into(), vec![second, first, 3, 3]),
                    ("output".into(), vec![classes, flat]),
                ]
            }
            Self::Synthetic { dimension } => {
                let vector = vec![("vector".into(), vec![dimension as usize])];
                return lay(vector).ok_or_else(|| self.too_large(shape));
            }
        };
        let tensors = weights.into_iter().flat_map(|(layer, dims)| {
            let bias = (format!("{layer}.bias"), vec![dims[0]]);
            [(format!("{layer}.weight"), dims), bias]
        });
        lay(tensors).ok_or_else(|| self.too_large(shape))
    }

    fn too_large(&self, shape: Shape) -> ModelError {
        ModelError::TooLarge {
            model: self.to_string(),
            shape: shape.to_string(),
            limit: MAX_DIMENSION,
        }
    }
}

/// The layout of tensors of these names and sizes; `None` above the limit.
fn lay(sizes: impl IntoIterator<Item = (String, Vec<usize>)>) -> Option<Layout> {
    let mut tensors = Vec::new();
    let mut dimension = 0_usize;
    for (name, dims) in sizes {
        let values = dims
            .iter()
            .try_fold(1_usize, |product, dim| product.checked_mul(*dim))?;
        let start = dimension;
        dimension = dimension
            .checked_add(values)
            .filter(|sum| *sum <= MAX_DIMENSION)?;
        let fan_in = if dims.len() == 1 {
            0
        } else {
            dims[1..].iter().product()
        };
        tensors.push(ParamTensor {
            name,
            dims,
            start,
            fan_in,
        });
    }
    Some(Layout { tensors, dimension })
}
