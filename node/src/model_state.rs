//! The model as it travels and is stored: parameters and optimizer state as one blob.
//!
//! `dimension × f32 ‖ u64 updates applied ‖ optimizer state × f32`, all little-endian. The length
//! follows from the run, so a blob of another length is refused before it is read.

use bytes::Bytes;
use spirt_training::{Optimizer, OptimizerError};

use crate::blobs::{Packed, Packer, Reader};
use crate::buffers::Buffers;
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
    /// A value is not finite.
    #[error("a value is not finite")]
    NotFinite,
    /// The optimizer's part makes no sense.
    #[error(transparent)]
    Optimizer(#[from] OptimizerError),
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

    /// The blob, in buffers of a pool.
    pub fn pack(&self, buffers: &Buffers) -> Packed {
        let Self { params, optimizer } = self;
        Self::pack_parts(params, optimizer.steps(), optimizer.state(), buffers)
    }

    /// The same from its parts.
    pub fn pack_parts(params: &[f32], steps: u64, state: &[f32], buffers: &Buffers) -> Packed {
        let length = (params.len() + state.len()) * 4 + 8;
        let mut packer = Packer::new(length as u64, buffers.clone());
        packer.write_f32s(params);
        packer.write(&steps.to_le_bytes());
        packer.write_f32s(state);
        packer
            .finish()
            .expect("the parts have the length that was said")
    }

    /// Looks whether a blob is a model of the run. Nothing is copied: it may be larger than the memory that is left.
    ///
    /// # Errors
    /// As [`ModelState::unpack`] says.
    pub fn check(job: &Job, packed: &Packed) -> Result<(), ModelStateError> {
        let need = Self::length(job);
        let have = usize::try_from(packed.length()).unwrap_or(usize::MAX);
        if have != need {
            return Err(ModelStateError::Length { have, need });
        }
        let chunks: Vec<Bytes> = packed.chunks().collect();
        let mut reader = Reader::new(&chunks);
        let params = usize::try_from(job.spec.dimension).unwrap_or(usize::MAX) * 4;
        let mut steps = [0; 8];
        let good = are_finite(&mut reader, params)
            && reader.fill(&mut steps)
            && are_finite(&mut reader, need - params - steps.len());
        if good {
            Ok(())
        } else {
            Err(ModelStateError::NotFinite)
        }
    }

    /// Reads a blob.
    ///
    /// # Errors
    /// When the length is not that of the run's models, or a value is not finite.
    pub fn unpack(job: &Job, packed: &Packed) -> Result<Self, ModelStateError> {
        let need = Self::length(job);
        let have = usize::try_from(packed.length()).unwrap_or(usize::MAX);
        let dimension = usize::try_from(job.spec.dimension).unwrap_or(usize::MAX);
        let chunks: Vec<Bytes> = packed.chunks().collect();
        let parts = || {
            let mut reader = Reader::new(&chunks);
            let params = reader.f32s(dimension)?;
            let mut steps = [0; 8];
            let whole = reader.fill(&mut steps);
            let state = reader.f32s(job.optimizer.state_len(dimension))?;
            whole.then(|| (params, u64::from_le_bytes(steps), state))
        };
        let wrong = ModelStateError::Length { have, need };
        if have != need {
            return Err(wrong);
        }
        let (params, steps, state) = parts().ok_or(wrong)?;
        if params.iter().any(|value| !value.is_finite()) {
            return Err(ModelStateError::NotFinite);
        }
        let optimizer = Optimizer::restore(job.optimizer, dimension, steps, state)?;
        Ok(Self { params, optimizer })
    }
}

/// Whether the next `length` bytes are there and write finite values only. Chunks are cut between values.
fn are_finite(reader: &mut Reader<'_>, mut length: usize) -> bool {
    while length > 0 {
        let part = reader.some(length);
        if part.is_empty() || !is_finite(part) {
            return false;
        }
        length -= part.len();
    }
    true
}

/// Whether a payload writes finite values only. Looks at whole blocks, which vectorises.
pub fn is_finite(bytes: &[u8]) -> bool {
    const BLOCK: usize = 1024;
    let (values, rest) = bytes.as_chunks::<4>();
    let all_finite = |block: &[[u8; 4]]| {
        block.iter().fold(true, |ok, value| {
            ok & f32::from_le_bytes(*value).is_finite()
        })
    };
    rest.is_empty() && values.chunks(BLOCK).all(all_finite)
}
