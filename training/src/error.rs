//! Errors, one enum per operation. Each has a one-line lowercase message and a separate [`hint`](DataError::hint) that
//! says what to do. Owns no logic; reads no files.

use std::path::PathBuf;

use thiserror::Error;

/// A text form (`mlp:hidden=32`, `sgd:lr=1`, `csv:<file>`) could not be read. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot read `{text}` as {what}: {problem}")]
pub struct SpecError {
    /// What the text should have named, with its article: `a model`.
    pub what: &'static str,
    /// The text as given.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
    /// All accepted forms.
    pub accepted: &'static str,
}

impl SpecError {
    /// What to write instead.
    #[must_use]
    pub fn hint(&self) -> String {
        format!("write one of: {}", self.accepted)
    }
}

/// A model does not fit the data.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The model works on images and the samples are flat vectors.
    #[error("model `{model}` needs images, the samples have shape {shape}")]
    NeedsImages {
        /// The model's text form.
        model: String,
        /// The samples' shape.
        shape: String,
    },
    /// The parameter vector would be longer than [`crate::model::MAX_DIMENSION`].
    #[error("model `{model}` would have more than {limit} parameters on samples of shape {shape}")]
    TooLarge {
        /// The model's text form.
        model: String,
        /// The samples' shape.
        shape: String,
        /// The limit.
        limit: usize,
    },
}

impl ModelError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NeedsImages { .. } => {
                "use `softmax` or `mlp:hidden=32`, or data with a height and a width".into()
            }
            Self::TooLarge { .. } => "choose fewer hidden units or channels".into(),
        }
    }
}

/// A local computation failed. The engine's parameters are as before the call.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The model does not fit the data.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A parameter vector has the wrong length.
    #[error("expected {expected} parameters, found {found}")]
    Dimension {
        /// The model's dimension.
        expected: usize,
        /// The length given.
        found: usize,
    },
    /// The samples do not have the shape or the classes that the model was built for.
    #[error("expected samples of {expected}, found {found}")]
    Samples {
        /// What the model was built for.
        expected: String,
        /// What was given.
        found: String,
    },
    /// There is nothing to train on or to evaluate.
    #[error("there are no samples")]
    NoSamples,
    /// A setting of [`crate::LocalSteps`] is out of range.
    #[error("{name} must be {range}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range.
        range: &'static str,
    },
    /// A gradient or a loss was not a finite number.
    #[error("the gradient is not finite at local step {step}")]
    Diverged {
        /// Zero-based local step.
        step: u32,
    },
    /// The tensor library refused; a bug here.
    #[error("the tensor library failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

impl EngineError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Model(error) => error.hint(),
            Self::Dimension { .. } => {
                "the parameters belong to another model; check `model` in the run's spec".into()
            }
            Self::Samples { .. } => "load the data set that the run's spec names".into(),
            Self::NoSamples => {
                "this peer holds no block this round; use more blocks or fewer peers".into()
            }
            Self::Setting { name, range } => format!("set {name} to a value that is {range}"),
            Self::Diverged { .. } => {
                "lower the local learning rate, or scale the features to about 0..1".into()
            }
            Self::Tensor(_) => "please report this with the model and the data's shape".into(),
        }
    }
}

/// An optimizer refused its input. Neither parameters nor state changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OptimizerError {
    /// Parameters, update or state have the wrong length.
    #[error("expected {expected} values of {what}, found {found}")]
    Length {
        /// Which vector.
        what: &'static str,
        /// The length it must have.
        expected: usize,
        /// The length given.
        found: usize,
    },
    /// The vector holds a value that is not finite.
    #[error("{what} is not finite at index {index}")]
    NotFinite {
        /// Which vector.
        what: &'static str,
        /// Where, zero-based.
        index: usize,
    },
}

impl OptimizerError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Length { .. } => {
                "the vector belongs to another model or another optimizer".into()
            }
            Self::NotFinite { .. } => {
                "reject contributions that are not finite before aggregating".into()
            }
        }
    }
}

/// The contents handed to [`crate::DataSet::new`] do not make a data set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected {expected}, found {found}")]
pub struct ContentsError {
    /// What a data set needs.
    pub expected: String,
    /// What was given.
    pub found: String,
}

/// A data set could not be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system refused.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file or folder.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: expected {expected}, found {found}", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// What a good file has.
        expected: String,
        /// What this one has.
        found: String,
        /// What to do about it.
        hint: &'static str,
    },
}

impl DataError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Read { .. } => "check that the path exists and that this user may read it".into(),
            Self::Format { hint, .. } => (*hint).into(),
        }
    }
}

/// A shard could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("block {block} does not exist: there are {blocks}")]
pub struct ShardError {
    /// The block asked for.
    pub block: u32,
    /// How many there are.
    pub blocks: u32,
}

impl ShardError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        "peers disagree on the number of blocks; it belongs in the run's spec".into()
    }
}
