//! [`Packed`]: a blob of which nothing is missing; how it is written and read.

use std::sync::Arc;

use bytes::Bytes;
use spirt_protocol::{Digest, blob};

use super::Blob;
use crate::buffers::{Buffer, Buffers};

/// A whole blob, ready to be served. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Packed(Arc<Blob>);

impl PartialEq for Packed {
    fn eq(&self, other: &Self) -> bool {
        self.root() == other.root()
    }
}

impl Eq for Packed {}

impl Packed {
    /// Cuts and hashes a byte string; nothing is copied.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes: Bytes = bytes.into();
        let length = bytes.len() as u64;
        let spans = (0..).map_while(|index| blob::chunk_span(length, index));
        let chunks = spans.filter_map(|(start, length)| {
            let start = usize::try_from(start).ok()?;
            Some(bytes.slice(start..start + usize::try_from(length).ok()?))
        });
        Self(Arc::new(Blob::of_chunks(chunks.collect(), length)))
    }

    /// The blob, if nothing of it is missing.
    pub fn of(blob: Arc<Blob>) -> Option<Self> {
        blob.is_complete().then_some(Self(blob))
    }

    /// The blob.
    pub const fn blob(&self) -> &Arc<Blob> {
        &self.0
    }

    /// BLAKE3 hash of the chunk list.
    pub fn root(&self) -> Digest {
        self.0.root()
    }

    /// BLAKE3 hashes of the chunks.
    pub fn list(&self) -> &Bytes {
        self.0.list()
    }

    /// Bytes in all.
    pub fn length(&self) -> u64 {
        self.0.length()
    }

    /// The chunks, in order.
    pub fn chunks(&self) -> impl Iterator<Item = Bytes> + '_ {
        (0..self.0.count()).filter_map(|index| self.0.chunk(index))
    }
}

/// Writes a blob of known length, chunk by chunk, into buffers of a pool.
#[derive(Debug)]
pub struct Packer {
    buffers: Buffers,
    length: u64,
    written: u64,
    chunks: Vec<Bytes>,
    open: Option<(Buffer, usize)>,
}

impl Packer {
    /// For a blob of `length` bytes.
    pub fn new(length: u64, buffers: Buffers) -> Self {
        Self {
            buffers,
            length,
            written: 0,
            chunks: Vec::new(),
            open: None,
        }
    }

    /// Appends bytes. What goes beyond the length is left out.
    pub fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let Some(room) = self.room() else { return };
            let part = room.len().min(bytes.len());
            room[..part].copy_from_slice(&bytes[..part]);
            bytes = &bytes[part..];
            self.advance(part);
        }
    }

    /// Appends values as little-endian binary32.
    pub fn write_f32s(&mut self, mut values: &[f32]) {
        while !values.is_empty() {
            let Some(room) = self.room() else { return };
            let part = (room.len() / 4).min(values.len());
            if part == 0 {
                // A value across the border of two chunks; no blob of ours has one.
                self.write(&values[0].to_le_bytes());
                values = &values[1..];
                continue;
            }
            let (places, _) = room[..part * 4].as_chunks_mut::<4>();
            for (place, value) in places.iter_mut().zip(values) {
                *place = value.to_le_bytes();
            }
            values = &values[part..];
            self.advance(part * 4);
        }
    }

    /// What is left of the chunk under way; `None` when all is written.
    fn room(&mut self) -> Option<&mut [u8]> {
        if self.open.is_none() {
            let index = u32::try_from(self.chunks.len()).ok()?;
            let (_, length) = blob::chunk_span(self.length, index)?;
            self.open = Some((self.buffers.take(usize::try_from(length).ok()?), 0));
        }
        let (buffer, used) = self.open.as_mut()?;
        Some(&mut buffer[*used..])
    }

    fn advance(&mut self, part: usize) {
        self.written += part as u64;
        let full = self.open.as_mut().is_some_and(|(buffer, used)| {
            *used += part;
            *used == buffer.len()
        });
        if full && let Some((buffer, _)) = self.open.take() {
            self.chunks.push(buffer.freeze());
        }
    }

    /// The blob; `None` if fewer bytes were written than it has.
    pub fn finish(self) -> Option<Packed> {
        let whole = self.written == self.length && self.open.is_none();
        whole.then(|| Packed(Arc::new(Blob::of_chunks(self.chunks, self.length))))
    }
}

/// Reads a byte string that lies in pieces.
#[derive(Debug)]
pub struct Reader<'a> {
    pieces: std::slice::Iter<'a, Bytes>,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// From the first piece on.
    pub fn new(pieces: &'a [Bytes]) -> Self {
        Self {
            pieces: pieces.iter(),
            rest: &[],
        }
    }

    /// The next bytes, as many as lie together, at most `most`; empty at the end.
    pub fn some(&mut self, most: usize) -> &'a [u8] {
        while self.rest.is_empty() {
            match self.pieces.next() {
                Some(piece) => self.rest = piece,
                None => return &[],
            }
        }
        let (part, rest) = self.rest.split_at(most.min(self.rest.len()));
        self.rest = rest;
        part
    }

    /// Fills `out`; false when there is not so much left.
    pub fn fill(&mut self, mut out: &mut [u8]) -> bool {
        while !out.is_empty() {
            let part = self.some(out.len());
            if part.is_empty() {
                return false;
            }
            out[..part.len()].copy_from_slice(part);
            out = &mut out[part.len()..];
        }
        true
    }

    /// The next values, little-endian binary32; `None` when there are not so many left.
    pub fn f32s(&mut self, count: usize) -> Option<Vec<f32>> {
        let mut values = Vec::with_capacity(count);
        while values.len() < count {
            let part = self.some((count - values.len()) * 4);
            let (whole, cut) = part.as_chunks::<4>();
            values.extend(whole.iter().map(|bytes| f32::from_le_bytes(*bytes)));
            if part.is_empty() {
                return None;
            }
            if !cut.is_empty() {
                let mut bytes = [0; 4];
                bytes[..cut.len()].copy_from_slice(cut);
                if !self.fill(&mut bytes[cut.len()..]) {
                    return None;
                }
                values.push(f32::from_le_bytes(bytes));
            }
        }
        Some(values)
    }
}
