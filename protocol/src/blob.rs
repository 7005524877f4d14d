//! How a byte string too long for a message is cut, named and checked.
//!
//! A blob's *root* is the BLAKE3 hash of its chunk list: the BLAKE3 hashes of its chunks, 32 bytes
//! each. A reader checks the list against the root and each chunk against the list, so that a
//! wrong byte is found within one chunk and laid to the peer that sent it.

use crate::id::Digest;

/// Bytes of the shortest chunks.
pub const MIN_CHUNK_BYTES: u64 = 256 * 1024;
/// Bytes of the longest chunks.
pub const MAX_CHUNK_BYTES: u64 = 1024 * 1024;

/// Bytes of each chunk but the last of a blob of `length` bytes: about 128 chunks, within bounds.
pub const fn chunk_bytes(length: u64) -> u64 {
    let wanted = length.div_ceil(128).next_power_of_two();
    if wanted < MIN_CHUNK_BYTES {
        MIN_CHUNK_BYTES
    } else if wanted > MAX_CHUNK_BYTES {
        MAX_CHUNK_BYTES
    } else {
        wanted
    }
}

/// Number of chunks of a blob of `length` bytes.
pub const fn chunk_count(length: u64) -> u64 {
    length.div_ceil(chunk_bytes(length))
}

/// Where chunk `index` of a blob of `length` bytes begins and how long it is; `None` beyond the
/// end.
pub fn chunk_span(length: u64, index: u32) -> Option<(u64, u64)> {
    let start = u64::from(index).checked_mul(chunk_bytes(length))?;
    (start < length).then(|| (start, chunk_bytes(length).min(length - start)))
}

/// The chunk list of a blob.
pub fn chunk_list(blob: &[u8]) -> Vec<u8> {
    let size = usize::try_from(chunk_bytes(blob.len() as u64)).expect("a chunk fits in memory");
    blob.chunks(size)
        .flat_map(|chunk| Digest::of(chunk).0)
        .collect()
}

/// Whether `list` is the chunk list behind `root` of a blob of `length` bytes.
pub fn is_chunk_list(list: &[u8], root: Digest, length: u64) -> bool {
    list.len() as u64 == chunk_count(length).saturating_mul(32) && Digest::of(list) == root
}

/// Whether `chunk` is chunk `index` of the blob with this (already checked) list and length.
pub fn is_chunk(chunk: &[u8], list: &[u8], length: u64, index: u32) -> bool {
    let (hashes, _) = list.as_chunks::<32>();
    let named = usize::try_from(index)
        .ok()
        .and_then(|index| hashes.get(index));
    let long = chunk_span(length, index).is_some_and(|(_, bytes)| bytes == chunk.len() as u64);
    long && named.is_some_and(|hash| *hash == Digest::of(chunk).0)
}
