//! Memory for chunks, used again and again: what a round brings fits into what the one before left.
//!
//! A buffer goes back to the pool when its last reader is done with it, wherever that is. The pool never holds more than
//! was once in use at a time.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// A pool of byte buffers. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Buffers {
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// A buffer that goes back to its pool when it is dropped.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    pool: Buffers,
}

impl Buffers {
    /// A buffer of `length` bytes, with whatever contents.
    pub fn take(&self, length: usize) -> Buffer {
        let mut free = self.free();
        // The shortest that fits: a blob's last chunk must not take the place of a whole one.
        let capacities = free.iter().map(Vec::capacity).enumerate();
        let fitting = capacities.filter(|(_, capacity)| *capacity >= length);
        let shortest = fitting.min_by_key(|(_, capacity)| *capacity);
        let found = shortest.map(|(at, _)| free.swap_remove(at));
        drop(free);
        let mut bytes = found.unwrap_or_default();
        bytes.resize(length, 0);
        Buffer {
            bytes,
            pool: self.clone(),
        }
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    /// The contents, shared from now on.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.pool.free().push(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_with_the_last_reader_and_is_used_again() {
        let pool = Buffers::default();
        let mut buffer = pool.take(1000);
        buffer.fill(7);
        let address = buffer.as_ptr();
        let shared = buffer.freeze();
        let part = shared.slice(10..20);
        drop(shared);
        assert!(pool.free().is_empty(), "a reader is left");
        assert_eq!(*part, [7; 10]);
        drop(part);
        let again = pool.take(500);
        assert_eq!((again.as_ptr(), again.len()), (address, 500));
        assert!(pool.free().is_empty());
        let shorter = pool.take(100);
        drop((again, shorter));
        assert_eq!(
            pool.take(50).bytes.capacity(),
            100,
            "the shortest that fits"
        );
    }

    #[test]
    fn a_longer_buffer_than_any_free_one_is_new() {
        let pool = Buffers::default();
        drop(pool.take(10));
        let long = pool.take(1 << 20);
        assert_eq!(long.len(), 1 << 20);
        assert_eq!(pool.free().len(), 1);
    }
}
