//! A split as bytes, for peers that lack the files: what [`Split::to_bytes`] writes, [`Split::from_bytes`] reads to the same
//! digest. A safetensors file of both parts in their order, with the number of classes beside; bytes where all features are
//! bytes divided by 255, as in pictures.

use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::safetensors::{PARTS, parts};
use super::{DataSet, Shape, Split, file};
use crate::error::DataError;

/// What the bytes are called in errors.
const NAME: &str = "data set from peers";
const CLASSES: &str = "classes";
const HINT: &str = "found the run anew: its founder wrote what this build cannot read";

impl Split {
    /// Writes the split. The length is at most that of features and labels as 32-bit words, and 1 KiB.
    ///
    /// # Errors
    /// If the result would be longer than a data file may be.
    pub fn to_bytes(&self) -> Result<Vec<u8>, DataError> {
        let both = [&self.train, &self.test];
        let dtype = if both.iter().all(|set| set.features().iter().all(is_byte)) {
            Dtype::U8
        } else {
            Dtype::F32
        };
        let mut tensors = Vec::new();
        for (set, (x, y)) in both.into_iter().zip(PARTS) {
            tensors.push((x, dtype, sizes(set), feature_bytes(set, dtype)));
            let labels = set.labels().iter().flat_map(|label| label.to_le_bytes());
            tensors.push((y, Dtype::U32, vec![set.len()], labels.collect()));
        }
        let length: usize = tensors.iter().map(|(_, _, _, bytes)| bytes.len()).sum();
        if length as u64 > file::MAX_BYTES {
            let expected = format!("at most {} bytes", file::MAX_BYTES);
            let hint = "use fewer samples, or let each node read its own files";
            return Err(file::fault(
                Path::new(NAME),
                expected,
                length.to_string(),
                hint,
            ));
        }
        let views = tensors.iter().map(|(name, dtype, sizes, bytes)| {
            let view = TensorView::new(*dtype, sizes.clone(), bytes);
            (*name, view.expect("sizes and bytes are of one set"))
        });
        let beside = (CLASSES.to_owned(), self.train.classes().to_string());
        Ok(
            safetensors::serialize(views, Some([beside].into()))
                .expect("names and sizes are valid"),
        )
    }

    /// Reads what [`Split::to_bytes`] wrote. Whoever gets the bytes from others compares [`Split::digest`].
    ///
    /// # Errors
    /// If the bytes are anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DataError> {
        let path = Path::new(NAME);
        let bad = |error: safetensors::SafeTensorError| {
            file::fault(path, "a safetensors file", error.to_string(), HINT)
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(bad)?;
        let beside = header.metadata().as_ref();
        let classes = beside.and_then(|beside| beside.get(CLASSES)?.parse().ok());
        let Some(classes) = classes else {
            return Err(file::fault(path, "a number of classes", "none", HINT));
        };
        let tensors = SafeTensors::deserialize(bytes).map_err(bad)?;
        let [train, test] = parts(path, &tensors, |_| classes)?;
        Ok(Self { train, test })
    }
}

/// Tensor sizes of the features; an image of one channel keeps it.
fn sizes(set: &DataSet) -> Vec<usize> {
    let shape = match set.shape() {
        Shape::Flat(values) => vec![values],
        Shape::Image {
            channels,
            height,
            width,
        } => vec![channels, height, width],
    };
    let shape = shape.into_iter().map(|size| size as usize);
    [set.len()].into_iter().chain(shape).collect()
}

fn feature_bytes(set: &DataSet, dtype: Dtype) -> Vec<u8> {
    let features = set.features().iter();
    match dtype {
        Dtype::U8 => features.map(|value| byte(*value)).collect(),
        _ => features.flat_map(|value| value.to_le_bytes()).collect(),
    }
}

/// The byte nearest to a feature from 0 to 1.
fn byte(value: f32) -> u8 {
    (value * 255.0).round() as u8
}

/// Whether a feature is a byte divided by 255, bit for bit.
fn is_byte(value: &f32) -> bool {
    (f32::from(byte(*value)) / 255.0).to_bits() == value.to_bits()
}
