//! The model as it travels and is stored: parameters and optimizer state as one blob.
//!
//! `dimension × f32 ‖ u64 updates applied ‖ optimizer state × f32`, all little-endian. The length
//! follows from the run, so a blob of another length is refused before it is read.

use bytes::Bytes;
use spirt_protocol::{Digest, blob};
use spirt_training::{Optimizer, OptimizerError};

use crate::job::Job;

/// Parameters, and what the optimizer remembers.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelState {
    /// The flat parameter vector.
    pub params: Vec<f32>,
    /// The optimizer.
    pub optimizer: Optimizer,
}

/// Why bytes are not a model of the run.
#[derive(Debug, thiserror::Error)]
pub enum ModelStateError {
    /// Another length.
    #[error("{have} bytes, a model of this run has {need}")]
    Length {
        /// Bytes received.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// A parameter is not finite.
    #[error("a parameter is not finite")]
    NotFinite,
    /// The optimizer's part makes no sense.
    #[error(transparent)]
    Optimizer(#[from] OptimizerError),
}

/// A blob with its chunk list and root, ready to be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The whole blob.
    pub bytes: Bytes,
    /// BLAKE3 hashes of its chunks.
    pub list: Bytes,
    /// BLAKE3 hash of the list.
    pub root: Digest,
}

impl Packed {
    /// Cuts and hashes a blob.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let list = Bytes::from(blob::chunk_list(&bytes));
        let root = Digest::of(&list);
        Self { bytes, list, root }
    }
}

impl ModelState {
    /// The state that the run begins with.
    pub fn first(job: &Job, params: Vec<f32>) -> Self {
        let optimizer = Optimizer::new(job.optimizer, params.len());
        Self { params, optimizer }
    }

    /// Bytes of every model state of a run.
    pub fn length(job: &Job) -> usize {
        let dimension = usize::try_from(job.spec.dimension).unwrap_or(usize::MAX);
        (dimension + job.optimizer.state_len(dimension)) * 4 + 8
    }

    /// The blob.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vector_bytes(&self.params);
        bytes.extend(self.optimizer.steps().to_le_bytes());
        bytes.extend(vector_bytes(self.optimizer.state()));
        bytes
    }

    /// Reads a blob.
    ///
    /// # Errors
    /// When the length is not that of the run's models, or a value is not finite.
    pub fn decode(job: &Job, bytes: &[u8]) -> Result<Self, ModelStateError> {
        let need = Self::length(job);
        let have = bytes.len();
        let dimension = usize::try_from(job.spec.dimension).unwrap_or(usize::MAX);
        let parts = || {
            let (params, rest) = bytes.split_at_checked(dimension.checked_mul(4)?)?;
            let (steps, state) = rest.split_first_chunk::<8>()?;
            Some((params, u64::from_le_bytes(*steps), state))
        };
        let (params, steps, state) = parts()
            .filter(|_| have == need)
            .ok_or(ModelStateError::Length { have, need })?;
        let params = vector_of(params);
        if params.iter().any(|value| !value.is_finite()) {
            return Err(ModelStateError::NotFinite);
        }
        let optimizer = Optimizer::restore(job.optimizer, dimension, steps, vector_of(state))?;
        Ok(Self { params, optimizer })
    }
}

/// A vector as little-endian binary32.
pub fn vector_bytes(vector: &[f32]) -> Vec<u8> {
    vector
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// The vector that little-endian binary32 bytes write.
pub fn vector_of(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks::<4>();
    values
        .iter()
        .map(|value| f32::from_le_bytes(*value))
        .collect()
}

/// Whether a payload writes finite values only.
pub fn is_finite(bytes: &[u8]) -> bool {
    let (values, rest) = bytes.as_chunks::<4>();
    rest.is_empty()
        && values
            .iter()
            .all(|value| f32::from_le_bytes(*value).is_finite())
}
