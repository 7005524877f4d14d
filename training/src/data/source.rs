//! The text form of sources and the way to their loaders. Reads no file itself.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::{Split, csv, digits, idx, safetensors};
use crate::error::{DataError, SpecError};

/// The accepted text forms of sources.
pub const SOURCES: &str = "digits, idx:<folder>, csv:<file>, safetensors:<file>";

/// Where a data set comes from, as text. The path is this machine's affair; what peers agree on is [`Split::digest`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DataSpec {
    /// The digits in the binary: 1797 images of 8x8 in 10 classes, features 0 to 1 (the default).
    #[default]
    Digits,
    /// A folder with the four files of MNIST and its kin, plain or `.gz`; features 0 to 1.
    Idx(PathBuf),
    /// A text file, one sample per line, the label (a whole number) last; a first line of names is skipped. Features as
    /// they are.
    Csv(PathBuf),
    /// Tensors `x` (n x d, n x h x w or n x c x h x w; `F32` as it is, `U8` divided by 255) and `y` (n; `U8`, `I32`, `U32` or
    /// `I64`), and, both or neither, `x_test` and `y_test`.
    Safetensors(PathBuf),
}

impl FromStr for DataSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let fault = |problem: String| SpecError {
            what: "a data source",
            text: text.to_owned(),
            problem,
            accepted: SOURCES,
        };
        let (kind, path) = text.split_once(':').unwrap_or((text, ""));
        match (kind, path) {
            ("digits", "") if !text.contains(':') => Ok(Self::Digits),
            ("digits", _) => Err(fault("`digits` takes no path".into())),
            ("idx" | "csv" | "safetensors", "") => Err(fault(format!("`{kind}` needs a path"))),
            ("idx", path) => Ok(Self::Idx(path.into())),
            ("csv", path) => Ok(Self::Csv(path.into())),
            ("safetensors", path) => Ok(Self::Safetensors(path.into())),
            _ => Err(fault(format!("there is no `{kind}`"))),
        }
    }
}

impl fmt::Display for DataSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digits => write!(f, "digits"),
            Self::Idx(path) => write!(f, "idx:{}", path.display()),
            Self::Csv(path) => write!(f, "csv:{}", path.display()),
            Self::Safetensors(path) => write!(f, "safetensors:{}", path.display()),
        }
    }
}

impl DataSpec {
    /// Reads the samples and splits them. Memory is bounded by [`super::MAX_VALUES`] and by the size of the files.
    ///
    /// # Errors
    /// If a file cannot be read or is not what it should be; the error names the file.
    pub fn load(&self) -> Result<Split, DataError> {
        match self {
            Self::Digits => Ok(Split::of(&digits::load())),
            Self::Idx(folder) => idx::load(folder),
            Self::Csv(file) => csv::load(file).map(|set| Split::of(&set)),
            Self::Safetensors(file) => safetensors::load(file),
        }
    }
}
