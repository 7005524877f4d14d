//! How vectors are written: from values to a payload, and back, the same bits on every machine.
//!
//! Reading is a contract between peers: golden bytes hold it. A payload that breaks its encoding is its author's fault; one that
//! does not is finite throughout and has exactly the run's dimension. Writing is each author's own affair.
//! Owns the six encodings; it may not touch the network, and knows nothing of rounds.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use spirt_protocol::{Encoding, MAX_PER_MILLE};

use crate::blobs::Packed;
use crate::buffers::Buffers;

pub use decode::{DecodeError, Decoder};

/// The accepted text forms.
pub const ENCODINGS: &str = "f32, bf16, f16, int8, top-k:per-mille=10, sign";

/// Reads the name of an encoding; `None` if there is none of that name.
pub fn parse(text: &str) -> Option<Encoding> {
    Some(match text {
        "f32" => Encoding::F32,
        "bf16" => Encoding::Bf16,
        "f16" => Encoding::F16,
        "int8" => Encoding::Int8,
        "sign" => Encoding::Sign,
        "top-k" => Encoding::TopK { per_mille: 10 },
        _ => {
            let per_mille = text.strip_prefix("top-k:per-mille=")?.parse().ok()?;
            (1..=MAX_PER_MILLE)
                .contains(&per_mille)
                .then_some(Encoding::TopK { per_mille })?
        }
    })
}

/// The name of an encoding, as [`parse`] reads it.
pub fn name(encoding: Encoding) -> String {
    match encoding {
        Encoding::F32 => "f32".into(),
        Encoding::Bf16 => "bf16".into(),
        Encoding::F16 => "f16".into(),
        Encoding::Int8 => "int8".into(),
        Encoding::TopK { per_mille } => format!("top-k:per-mille={per_mille}"),
        Encoding::Sign => "sign".into(),
    }
}

/// Writes vectors, and makes up for what the encoding leaves out.
///
/// *Error feedback*: what an encoding cut off is added to the next vector, so that nothing is lost for good (Seide et al.,
/// 2014; Karimireddy et al., ICML 2019). Only encodings that drop most of a vector need it, and cost the memory.
#[derive(Debug)]
pub struct Encoder {
    encoding: Encoding,
    residual: Vec<f32>,
}

impl Encoder {
    /// With nothing left out so far.
    pub fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            residual: Vec::new(),
        }
    }

    /// Forgets what was left out: it belongs to a model that was replaced.
    pub fn reset(&mut self) {
        self.residual = Vec::new();
    }

    /// The payload of a vector of finite values.
    ///
    /// # Errors
    /// Never for vectors that an encoding can write; a bug here otherwise.
    pub fn encode(&mut self, vector: &mut [f32], buffers: &Buffers) -> Result<Packed, DecodeError> {
        let feeds_back = matches!(self.encoding, Encoding::TopK { .. } | Encoding::Sign);
        if feeds_back && self.residual.len() == vector.len() {
            for (value, left) in vector.iter_mut().zip(&self.residual) {
                *value = (*value + left).clamp(f32::MIN, f32::MAX);
            }
        }
        let packed = encode::encode(self.encoding, vector, buffers).ok_or(DecodeError::Length)?;
        if feeds_back {
            let pieces: Vec<Bytes> = packed.chunks().collect();
            self.residual.resize(vector.len(), 0.0);
            let mut decoder = Decoder::new(self.encoding, vector.len() as u64, &pieces);
            decoder.read(&mut self.residual)?;
            for (left, value) in self.residual.iter_mut().zip(vector) {
                *left = (*value - *left).clamp(f32::MIN, f32::MAX);
            }
        }
        Ok(packed)
    }
}

/// Checks that a payload of `dimension` values keeps to its encoding. Reads all of it: call it off any event loop.
///
/// # Errors
/// As [`DecodeError`] says; the author is at fault.
pub fn check(encoding: Encoding, dimension: u64, pieces: &[Bytes]) -> Result<(), DecodeError> {
    let mut decoder = Decoder::new(encoding, dimension, pieces);
    let mut values = vec![0.0; 65_536];
    let mut left = dimension;
    while left > 0 {
        let part = usize::try_from(left).map_or(values.len(), |left| left.min(values.len()));
        decoder.read(&mut values[..part])?;
        left -= part as u64;
    }
    decoder.finish()
}
