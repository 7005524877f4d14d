//! Safetensors files: tensors `x` and `y`, and optionally `x_test` and `y_test`. Owns the mapping from tensors to samples; the
//! header is checked by the `safetensors` crate against the bytes that are there.

use std::io::Read;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::{DataSet, MAX_VALUES, Shape, Split, file};
use crate::error::DataError;

const X: &str = "x";
const Y: &str = "y";
const X_TEST: &str = "x_test";
const Y_TEST: &str = "y_test";
/// The tensors of features and labels, to train on and held out.
pub(super) const PARTS: [(&str, &str); 2] = [(X, Y), (X_TEST, Y_TEST)];

const HINT: &str = "save `x` as F32 or U8 (n x d, n x h x w or n x c x h x w) and `y` as U8, I32, U32 or I64 (n), and both or \
                    neither of `x_test` and `y_test`";

pub(super) fn load(path: &Path) -> Result<Split, DataError> {
    let (mut opened, length) = file::open(path)?;
    let mut bytes = Vec::new();
    opened
        .by_ref()
        .take(length)
        .read_to_end(&mut bytes)
        .map_err(|error| file::read(path, error))?;
    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(|error| file::fault(path, "a safetensors file", error.to_string(), HINT))?;
    let names = tensors.names();
    if names.iter().any(|name| [X_TEST, Y_TEST].contains(name)) {
        let [train, test] = parts(path, &tensors, |labels| file::classes(labels))?;
        return Ok(Split::with_test(&train, test));
    }
    let (shape, features, labels) = part(path, &tensors, X, Y)?;
    let classes = file::classes(&labels);
    let set = file::contents(path, DataSet::new(shape, classes, features, labels))?;
    Ok(Split::of(&set))
}

/// The two parts of a file that has both, of one shape. `classes` says how many there are, from all labels.
pub(super) fn parts(
    path: &Path,
    tensors: &SafeTensors<'_>,
    classes: impl Fn(&[u32]) -> u32,
) -> Result<[DataSet; 2], DataError> {
    let [(x, y), (x_test, y_test)] = PARTS;
    let (shape, features, labels) = part(path, tensors, x, y)?;
    let (test_shape, test_features, test_labels) = part(path, tensors, x_test, y_test)?;
    if shape != test_shape {
        let expected = format!("samples of {shape} in `{x_test}`");
        return Err(file::fault(path, expected, test_shape.to_string(), HINT));
    }
    let classes = classes(&[&labels[..], &test_labels].concat());
    let set =
        |features, labels| file::contents(path, DataSet::new(shape, classes, features, labels));
    Ok([set(features, labels)?, set(test_features, test_labels)?])
}

type Part = (Shape, Vec<f32>, Vec<u32>);

fn part(path: &Path, tensors: &SafeTensors<'_>, x: &str, y: &str) -> Result<Part, DataError> {
    let find = |name: &str| {
        tensors.tensor(name).map_err(|_| {
            let found = format!("{} others", tensors.len());
            file::fault(path, format!("a tensor `{name}`"), found, HINT)
        })
    };
    let (x_view, y_view) = (find(x)?, find(y)?);
    let shape = shape(x_view.shape()).ok_or_else(|| {
        let expected = format!("2 to 4 dimensions in `{x}`, none of them 0");
        file::fault(path, expected, format!("{:?}", x_view.shape()), HINT)
    })?;
    if y_view.shape() != &x_view.shape()[..1] {
        let expected = format!("`{y}` of shape {:?}", &x_view.shape()[..1]);
        return Err(file::fault(
            path,
            expected,
            format!("{:?}", y_view.shape()),
            HINT,
        ));
    }
    Ok((
        shape,
        features(path, x, &x_view)?,
        labels(path, y, &y_view)?,
    ))
}

fn shape(sizes: &[usize]) -> Option<Shape> {
    if sizes.contains(&0) {
        return None;
    }
    let size = |at: usize| u32::try_from(sizes[at]).ok();
    match sizes.len() {
        2 => Some(Shape::Flat(size(1)?)),
        3 => Some(Shape::Image {
            channels: 1,
            height: size(1)?,
            width: size(2)?,
        }),
        4 => Some(Shape::Image {
            channels: size(1)?,
            height: size(2)?,
            width: size(3)?,
        }),
        _ => None,
    }
}

fn features(path: &Path, name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, DataError> {
    let bytes = view.data();
    let values = bytes.len() * 8 / view.dtype().bitsize().max(1);
    if values > MAX_VALUES {
        let expected = format!("at most {MAX_VALUES} values in `{name}`");
        return Err(file::fault(
            path,
            expected,
            values.to_string(),
            "use fewer samples",
        ));
    }
    match view.dtype() {
        Dtype::F32 => Ok(words(bytes).map(f32::from_le_bytes).collect()),
        Dtype::U8 => Ok(bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect()),
        other => {
            let expected = format!("`{name}` as F32 or U8");
            Err(file::fault(path, expected, format!("{other:?}"), HINT))
        }
    }
}

fn labels(path: &Path, name: &str, view: &TensorView<'_>) -> Result<Vec<u32>, DataError> {
    let bytes = view.data();
    let checked = |label: i64| {
        u32::try_from(label).map_err(|_| {
            let expected = format!("labels from 0 to {} in `{name}`", u32::MAX);
            file::fault(path, expected, label.to_string(), HINT)
        })
    };
    match view.dtype() {
        Dtype::U8 => Ok(bytes.iter().map(|byte| u32::from(*byte)).collect()),
        Dtype::U32 => Ok(words(bytes).map(u32::from_le_bytes).collect()),
        Dtype::I32 => words(bytes)
            .map(|word| checked(i32::from_le_bytes(word).into()))
            .collect(),
        Dtype::I64 => words(bytes)
            .map(|word| checked(i64::from_le_bytes(word)))
            .collect(),
        other => {
            let expected = format!("`{name}` as U8, I32, U32 or I64");
            Err(file::fault(path, expected, format!("{other:?}"), HINT))
        }
    }
}

/// Little-endian words; the crate has checked that the length fits.
fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes
        .chunks_exact(N)
        .map(|chunk| chunk.try_into().expect("chunks have that length"))
}
