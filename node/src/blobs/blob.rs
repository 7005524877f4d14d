//! [`Blob`]: a byte string in chunks, each of them checked before it is in.

use std::sync::OnceLock;

use bytes::Bytes;
use spirt_protocol::{Digest, blob};

use super::Hashed;

/// A byte string whose chunks come in any order. A chunk that is here is right: there is no way to put another in.
#[derive(Debug)]
pub struct Blob {
    root: Digest,
    length: u64,
    list: Bytes,
    chunks: Box<[OnceLock<Bytes>]>,
}

/// A chunk is not the one that the list names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the chunk is not the one that the list names")]
pub struct WrongChunk;

impl Blob {
    /// A blob without chunks yet; `None` if `list` is not the chunk list behind `root` of a blob of `length` bytes.
    pub fn awaited(root: Digest, length: u64, list: Bytes) -> Option<Self> {
        if !blob::is_chunk_list(&list, root, length) {
            return None;
        }
        Self::named(root, length, list)
    }

    /// A blob without chunks yet whose list was had otherwise; peers know it by `name`. `None` if the list is not as long as
    /// that of a blob of `length` bytes.
    pub fn named(name: Digest, length: u64, list: Bytes) -> Option<Self> {
        let count = usize::try_from(blob::chunk_count(length)).ok()?;
        (list.len() == count.checked_mul(32)?).then(|| Self {
            root: name,
            length,
            list,
            chunks: (0..count).map(|_| OnceLock::new()).collect(),
        })
    }

    /// A blob of these chunks, which are hashed here.
    pub(super) fn of_chunks(chunks: Vec<Bytes>, length: u64) -> Self {
        let hashes = chunks.iter().flat_map(|chunk| Digest::of(chunk).0);
        let list: Bytes = hashes.collect::<Vec<u8>>().into();
        Self {
            root: Digest::of(&list),
            length,
            list,
            chunks: chunks.into_iter().map(OnceLock::from).collect(),
        }
    }

    /// What peers know it by: the BLAKE3 hash of the chunk list, if it was not [`Blob::named`] otherwise.
    pub const fn root(&self) -> Digest {
        self.root
    }

    /// Bytes in all.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// BLAKE3 hashes of the chunks.
    pub const fn list(&self) -> &Bytes {
        &self.list
    }

    /// Number of chunks.
    pub fn count(&self) -> u32 {
        u32::try_from(self.chunks.len()).unwrap_or(u32::MAX)
    }

    /// Bytes of the chunks that are here.
    pub fn bytes_here(&self) -> u64 {
        let here = self.chunks.iter().filter_map(OnceLock::get);
        here.map(|chunk| chunk.len() as u64).sum()
    }

    /// A chunk that is here.
    pub fn chunk(&self, index: u32) -> Option<Bytes> {
        self.slot(index)?.get().cloned()
    }

    /// Whether a chunk is here.
    pub fn has(&self, index: u32) -> bool {
        self.slot(index).is_some_and(|slot| slot.get().is_some())
    }

    /// Bytes of a chunk, here or not; `None` beyond the end.
    pub fn chunk_length(&self, index: u32) -> Option<usize> {
        let (_, length) = blob::chunk_span(self.length, index)?;
        usize::try_from(length).ok()
    }

    /// Puts a chunk in, if it is the right one.
    ///
    /// # Errors
    /// When it is another one; nothing has changed then.
    pub fn put(&self, index: u32, chunk: &Hashed) -> Result<(), WrongChunk> {
        let (hashes, _) = self.list.as_chunks::<32>();
        let at = usize::try_from(index).map_err(|_| WrongChunk)?;
        let is_named = hashes.get(at) == Some(&chunk.hash().0);
        let slot = self.slot(index).filter(|_| is_named);
        let slot = slot.filter(|_| self.chunk_length(index) == Some(chunk.bytes().len()));
        // An equal one was there already: it stays.
        let _ = slot.ok_or(WrongChunk)?.set(chunk.bytes().clone());
        Ok(())
    }

    /// Whether all chunks are here.
    pub fn is_complete(&self) -> bool {
        self.chunks.iter().all(|slot| slot.get().is_some())
    }

    fn slot(&self, index: u32) -> Option<&OnceLock<Bytes>> {
        self.chunks.get(usize::try_from(index).ok()?)
    }
}
