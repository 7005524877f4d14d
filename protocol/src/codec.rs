//! Bytes to types and back: bincode 2, limited and canonical.
//!
//! The encoding is pinned in `docs/wire.md`. A value has exactly one encoding: whatever decodes
//! but does not encode to the same bytes (a padded integer, trailing bytes) is refused.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::{Decode, Encode};

/// Most bytes of a signed envelope.
pub const MAX_ENVELOPE_BYTES: usize = 1024;
/// Most bytes of a run specification, a manifest or a request.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;
/// Most bytes of a response.
pub const MAX_RESPONSE_BYTES: usize = 2 * 1024 * 1024;

/// Why bytes are not a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than the type may have.
    #[error("{have} bytes, at most {most} are allowed")]
    TooLong {
        /// Bytes received.
        have: usize,
        /// Bytes allowed.
        most: usize,
    },
    /// The bytes do not follow the encoding.
    #[error("not a valid encoding")]
    Malformed,
    /// The bytes decode, but are not the one encoding of the value.
    #[error("not the canonical encoding")]
    NotCanonical,
}

const fn config<const LIMIT: usize>() -> Configuration<LittleEndian, Varint, Limit<LIMIT>> {
    bincode::config::standard().with_limit::<LIMIT>()
}

/// Encodes a value.
///
/// # Panics
/// Never for this crate's types: they hold no type that bincode refuses.
pub(crate) fn encode<T: Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, bincode::config::standard())
        .expect("wire types hold only integers, arrays, vectors and enums")
}

/// Decodes exactly one value of at most `LIMIT` bytes that is canonical.
pub(crate) fn decode<T: Decode<()> + Encode, const LIMIT: usize>(
    bytes: &[u8],
) -> Result<T, DecodeError> {
    if bytes.len() > LIMIT {
        return Err(DecodeError::TooLong {
            have: bytes.len(),
            most: LIMIT,
        });
    }
    // The limit counts what decoding claims to need, which for a vector is its elements' size in
    // memory; that may exceed the bytes on the wire by a small factor, never without bound.
    let (value, read): (T, usize) =
        bincode::decode_from_slice(bytes, config::<LIMIT>()).map_err(|_| DecodeError::Malformed)?;
    if read != bytes.len() || encode(&value) != bytes {
        return Err(DecodeError::NotCanonical);
    }
    Ok(value)
}
