//! Rows in and vectors out, as safetensors files.

use std::fs;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use spirt_aggregation::{bf16, f16};

use crate::exit::{Exit, Failure};

/// The tensor that is taken if none is named.
const ROWS: &str = "x";
/// The tensor that is written.
const AGGREGATE: &str = "aggregate";

/// n rows of one length.
#[derive(Debug, PartialEq)]
pub(super) struct Rows {
    /// The shape of one row.
    shape: Vec<usize>,
    length: usize,
    values: Vec<f32>,
}

impl Rows {
    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.length)
    }
}

/// Reads the rows of a tensor: its first dimension counts them.
pub(super) fn read(path: &Path, tensor: Option<&str>) -> Result<Rows, Failure> {
    let shown = path.display();
    let bytes = fs::read(path).map_err(|error| {
        Failure::of(Exit::Setup, &error).hint(format!("check that {shown} exists and can be read"))
    })?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| {
        Failure::of(Exit::Setup, &error).hint(format!("{shown} must be a safetensors file"))
    })?;
    let name = choose(&tensors, tensor, path)?;
    let view = tensors
        .tensor(&name)
        .map_err(|error| Failure::of(Exit::Setup, &error))?;
    let fault = |what: String| {
        Failure::new(Exit::Setup, format!("tensor `{name}` of {shown} {what}"))
            .hint("it must have n rows: shape n x d, F32, F16 or BF16")
    };
    let (rows, shape) = match view.shape() {
        [rows, shape @ ..] if !shape.is_empty() => (*rows, shape.to_vec()),
        shape => return Err(fault(format!("has shape {shape:?}"))),
    };
    let length: usize = shape.iter().product();
    if rows == 0 || length == 0 {
        return Err(fault("is empty".into()));
    }
    let values = values(&view).ok_or_else(|| fault(format!("holds {:?}", view.dtype())))?;
    Ok(Rows {
        shape,
        length,
        values,
    })
}

/// The tensor that is named; else `x`, or the only one.
fn choose(tensors: &SafeTensors<'_>, tensor: Option<&str>, path: &Path) -> Result<String, Failure> {
    let mut names: Vec<String> = tensors.names().into_iter().map(String::from).collect();
    names.sort_unstable();
    let wanted = tensor.unwrap_or(ROWS);
    match names.as_slice() {
        names if names.iter().any(|name| name == wanted) => Ok(wanted.to_owned()),
        [only] if tensor.is_none() => Ok(only.clone()),
        names => {
            let message = format!("no tensor `{wanted}` in {}", path.display());
            let some = names
                .iter()
                .take(10)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ");
            Err(Failure::new(Exit::Setup, message).hint(format!("name one with --tensor: {some}")))
        }
    }
}

fn values(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let data = view.data();
    Some(match view.dtype() {
        Dtype::F32 => data
            .as_chunks()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect(),
        Dtype::F16 => data
            .as_chunks()
            .0
            .iter()
            .map(|b| f16::from_le_bytes(*b).to_f32())
            .collect(),
        Dtype::BF16 => data
            .as_chunks()
            .0
            .iter()
            .map(|b| bf16::from_le_bytes(*b).to_f32())
            .collect(),
        _ => return None,
    })
}

/// Writes the aggregate beside the place where it goes, then renames it: whole or not at all.
pub(super) fn write(path: &Path, shape: &[usize], vector: &[f32]) -> Result<(), Failure> {
    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, shape.to_vec(), &bytes)
        .map_err(|error| Failure::of(Exit::Unexpected, &error))?;
    let file = safetensors::serialize([(AGGREGATE, view)], None)
        .map_err(|error| Failure::of(Exit::Unexpected, &error))?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let beside = Path::new(&beside);
    let done = fs::write(beside, file).and_then(|()| fs::rename(beside, path));
    done.map_err(|error| {
        drop(fs::remove_file(beside));
        Failure::of(Exit::Setup, &error)
            .hint(format!("check that {} can be written", path.display()))
    })
}
