//! [`Hashed`]: bytes and what was seen of them as they came, while they lay in the processor's cache.

use bytes::Bytes;
use spirt_protocol::Digest;

use crate::buffers::Buffer;
use crate::model_state::is_finite;

/// Bytes with their hash. There is no other way to make one than to hash the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashed {
    bytes: Bytes,
    hash: Digest,
    is_finite: bool,
}

impl Hashed {
    /// Hashes bytes that are here: call it off any event loop, if they are many.
    pub fn of(bytes: Bytes) -> Self {
        Self {
            hash: Digest::of(&bytes),
            is_finite: is_finite(&bytes),
            bytes,
        }
    }

    /// The bytes.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Their BLAKE3 hash.
    pub const fn hash(&self) -> Digest {
        self.hash
    }

    /// Whether they write finite binary32 values only.
    pub const fn is_finite(&self) -> bool {
        self.is_finite
    }
}

/// Bytes that are hashed at a time: whole subtrees of BLAKE3, wide enough for the widest registers. What is left over waits for the
/// next bytes, in the cache.
const STEP: usize = 32 * 1024;

/// A buffer that is filled from its start to its end, and hashed on the way.
#[derive(Debug)]
pub struct Filling {
    buffer: Buffer,
    filled: usize,
    hashed: usize,
    hasher: blake3::Hasher,
    is_finite: bool,
}

impl Filling {
    /// Of a buffer whose contents do not matter.
    pub fn new(buffer: Buffer) -> Self {
        Self {
            buffer,
            filled: 0,
            hashed: 0,
            hasher: blake3::Hasher::new(),
            is_finite: true,
        }
    }

    /// Where the next bytes go, at most so many; empty when it is full.
    pub fn room(&mut self, most: usize) -> &mut [u8] {
        let end = self.buffer.len().min(self.filled + most);
        &mut self.buffer[self.filled..end]
    }

    /// The next `count` bytes are there.
    pub fn advance(&mut self, count: usize) {
        self.filled = self.buffer.len().min(self.filled + count);
        let is_whole = self.filled == self.buffer.len();
        let end = if is_whole {
            self.filled
        } else {
            self.filled / STEP * STEP
        };
        let part = &self.buffer[self.hashed..end];
        self.hasher.update(part);
        self.is_finite &= is_finite(part);
        self.hashed = end;
    }

    /// The bytes; `None` if some are missing.
    pub fn finish(self) -> Option<Hashed> {
        (self.filled == self.buffer.len()).then(|| Hashed {
            hash: Digest(*self.hasher.finalize().as_bytes()),
            is_finite: self.is_finite,
            bytes: self.buffer.freeze(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffers::Buffers;

    fn fill(bytes: &[u8], piece: usize) -> Option<Hashed> {
        let mut filling = Filling::new(Buffers::default().take(bytes.len()));
        for part in bytes.chunks(piece) {
            filling.room(piece).copy_from_slice(part);
            filling.advance(part.len());
        }
        assert!(filling.room(piece).is_empty());
        filling.finish()
    }

    #[test]
    fn bytes_that_come_in_pieces_have_the_hash_of_the_whole() {
        let values: Vec<u8> = (0..70_000).flat_map(|i| (i as f32).to_le_bytes()).collect();
        for piece in [4, 1024, 65_536, 65_524, values.len()] {
            let hashed = fill(&values, piece).unwrap();
            assert_eq!(hashed.hash(), Digest::of(&values), "{piece}");
            assert_eq!(hashed.bytes(), &values);
            assert!(hashed.is_finite());
        }
    }

    #[test]
    fn a_value_that_is_not_finite_is_seen_and_missing_bytes_are_too() {
        let mut bytes = vec![0; 8192];
        bytes[4096..4100].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(!fill(&bytes, 1024).unwrap().is_finite());
        let mut filling = Filling::new(Buffers::default().take(10));
        filling.advance(9);
        assert_eq!(filling.finish(), None);
    }
}
