//! Data sets: samples in memory, their digest, and where they come from.
//! Owns [`DataSet`]; the loaders below are the only files of this crate that read files.

use std::fmt;

use crate::error::ContentsError;

mod csv;
mod digits;
mod file;
mod idx;
mod portable;
mod safetensors;
mod source;
mod split;
#[cfg(test)]
mod tests;

pub use source::{DataSpec, SOURCES};
pub use split::Split;

/// Most feature values of one data set: 2^28, 1 GiB of `f32`.
pub const MAX_VALUES: usize = 1 << 28;

/// Most classes.
pub const MAX_CLASSES: u32 = 65_536;

const DIGEST_CONTEXT: &str = "spirt-training 2026 data set v1";

/// The shape of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A vector of that many values.
    Flat(u32),
    /// An image, channels first, then rows.
    Image {
        /// Colours; 1 for grey.
        channels: u32,
        /// Pixels down.
        height: u32,
        /// Pixels across.
        width: u32,
    },
}

impl Shape {
    /// Values per sample; saturates instead of overflowing.
    #[must_use]
    pub fn values(&self) -> usize {
        match *self {
            Self::Flat(values) => values as usize,
            Self::Image {
                channels,
                height,
                width,
            } => (channels as usize)
                .saturating_mul(height as usize)
                .saturating_mul(width as usize),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flat(values) => write!(f, "{values}"),
            Self::Image {
                channels,
                height,
                width,
            } => write!(f, "{channels}x{height}x{width}"),
        }
    }
}

/// Labelled samples, checked once: every feature finite, every label below `classes`, at least one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSet {
    shape: Shape,
    classes: u32,
    features: Vec<f32>,
    labels: Vec<u32>,
}

impl DataSet {
    /// Takes `features` (samples x [`Shape::values`], row-major) and one label per sample.
    ///
    /// # Errors
    /// If lengths do not fit, there is no sample, a feature is not finite, a label is not below `classes`, `classes` is
    /// not 2 to [`MAX_CLASSES`], or there are more than [`MAX_VALUES`] features.
    pub fn new(
        shape: Shape,
        classes: u32,
        mut features: Vec<f32>,
        labels: Vec<u32>,
    ) -> Result<Self, ContentsError> {
        let fault = |expected: String, found: String| Err(ContentsError { expected, found });
        let width = shape.values();
        if width == 0 || labels.is_empty() {
            return fault(
                "at least one sample of at least one feature".into(),
                "none".into(),
            );
        }
        if !(2..=MAX_CLASSES).contains(&classes) {
            return fault(format!("2 to {MAX_CLASSES} classes"), classes.to_string());
        }
        if features.len() > MAX_VALUES || u32::try_from(labels.len()).is_err() {
            let found = format!("{} in {} samples", features.len(), labels.len());
            return fault(format!("at most {MAX_VALUES} features"), found);
        }
        if width.checked_mul(labels.len()) != Some(features.len()) {
            let expected = format!("{width} features for each of {} labels", labels.len());
            return fault(expected, format!("{} features", features.len()));
        }
        if let Some(at) = features.iter().position(|value| !value.is_finite()) {
            let found = format!(
                "{} in sample {}, feature {}",
                features[at],
                at / width,
                at % width
            );
            return fault("finite features".into(), found);
        }
        if let Some(at) = labels.iter().position(|label| *label >= classes) {
            let found = format!("{} in sample {at}", labels[at]);
            return fault(format!("labels below {classes}"), found);
        }
        for value in &mut features {
            *value += 0.0; // turns -0.0 into 0.0, so that equal sets have equal digests
        }
        Ok(Self {
            shape,
            classes,
            features,
            labels,
        })
    }

    /// The shape of one sample.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of classes; labels are below it.
    #[must_use]
    pub fn classes(&self) -> u32 {
        self.classes
    }

    /// Number of samples; at least 1.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Never true; here for completeness.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// All features, samples x [`Shape::values`], row-major.
    #[must_use]
    pub fn features(&self) -> &[f32] {
        &self.features
    }

    /// One label per sample.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The features of one sample. `row` must be below [`DataSet::len`].
    #[must_use]
    pub fn sample(&self, row: usize) -> &[f32] {
        let width = self.shape.values();
        &self.features[row * width..(row + 1) * width]
    }

    /// The same samples with other labels, for label-flipping experiments.
    ///
    /// # Errors
    /// If `relabel` returns a label that is not below [`DataSet::classes`].
    pub fn relabelled(&self, relabel: impl Fn(u32) -> u32) -> Result<Self, ContentsError> {
        let labels = self.labels.iter().map(|label| relabel(*label)).collect();
        Self::new(self.shape, self.classes, self.features.clone(), labels)
    }

    /// BLAKE3 of the canonical encoding, the same on every machine: shape kind (0 flat, 1 image) and its sizes, classes, number
    /// of samples (`u64`), labels, features by their bits. All little-endian, `u32` unless said otherwise.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(DIGEST_CONTEXT);
        let header = match self.shape {
            Shape::Flat(values) => [0, values, 0, 0],
            Shape::Image {
                channels,
                height,
                width,
            } => [1, channels, height, width],
        };
        for value in header.into_iter().chain([self.classes]) {
            hasher.update(&value.to_le_bytes());
        }
        hasher.update(&(self.labels.len() as u64).to_le_bytes());
        let mut buffer = Vec::with_capacity(1 << 16);
        let bits = self.features.iter().map(|value| value.to_bits());
        for word in self.labels.iter().copied().chain(bits) {
            buffer.extend_from_slice(&word.to_le_bytes());
            if buffer.len() == 1 << 16 {
                hasher.update(&buffer);
                buffer.clear();
            }
        }
        hasher.update(&buffer);
        *hasher.finalize().as_bytes()
    }

    /// The samples at `rows`, in that order, copied. `rows` must not be empty and all below [`DataSet::len`].
    fn pick(&self, rows: &[u32]) -> Self {
        let mut features = Vec::with_capacity(rows.len() * self.shape.values());
        for row in rows {
            features.extend_from_slice(self.sample(*row as usize));
        }
        let labels = rows.iter().map(|row| self.labels[*row as usize]).collect();
        Self {
            shape: self.shape,
            classes: self.classes,
            features,
            labels,
        }
    }
}
