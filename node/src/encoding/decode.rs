//! Reading: from a payload in pieces to values, left to right, and every rule that a payload can break.

use bytes::Bytes;
use half::{bf16, f16};
use spirt_protocol::{Encoding, INT8_BLOCK, SIGN_BLOCK};

use crate::blobs::Reader;

/// Why bytes are no payload of the encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer or more bytes than the dimension takes.
    #[error("the payload has another length than the encoding gives the dimension")]
    Length,
    /// A value, a scale or a magnitude is NaN or infinite.
    #[error("a value is not finite")]
    NotFinite,
    /// A scale or magnitude is negative, a byte is -128, or a bit beyond the last element is set.
    #[error("a block is not in the encoding's one form")]
    NotCanonical,
    /// Indices do not ascend, or point beyond the dimension.
    #[error("an index is out of order or out of range")]
    Index,
}

/// Reads the values of one payload in order.
#[derive(Debug)]
pub struct Decoder<'a> {
    encoding: Encoding,
    dimension: u64,
    reader: Reader<'a>,
    /// Elements read.
    at: u64,
    /// Of the block under way.
    scale: f32,
    /// The byte of signs under way.
    signs: u8,
    /// Of the sparse encoding: entries not read, and the next.
    left: u64,
    next: Option<(u64, f32)>,
    /// The least index that it may have.
    floor: u64,
}

impl<'a> Decoder<'a> {
    /// From the first element of a payload of `dimension` values on.
    pub fn new(encoding: Encoding, dimension: u64, pieces: &'a [Bytes]) -> Self {
        Self {
            encoding,
            dimension,
            reader: Reader::new(pieces),
            at: 0,
            scale: 0.0,
            signs: 0,
            left: encoding.kept(dimension),
            next: None,
            floor: 0,
        }
    }

    /// The next values, as many as `out` takes.
    ///
    /// # Errors
    /// As [`DecodeError`] says; `out` holds anything then.
    pub fn read(&mut self, out: &mut [f32]) -> Result<(), DecodeError> {
        if out.len() as u64 > self.dimension - self.at {
            return Err(DecodeError::Length);
        }
        match self.encoding {
            Encoding::F32 => self.wide(out),
            Encoding::Bf16 => self.narrow(out, |bits| bf16::from_bits(bits).to_f32()),
            Encoding::F16 => self.narrow(out, |bits| f16::from_bits(bits).to_f32()),
            Encoding::Int8 => self.int8(out),
            Encoding::TopK { .. } => self.sparse(out),
            Encoding::Sign => self.sign(out),
        }?;
        self.at += out.len() as u64;
        Ok(())
    }

    /// Ends reading: nothing may be left.
    ///
    /// # Errors
    /// [`DecodeError::Length`] when something is, or elements were not read.
    pub fn finish(mut self) -> Result<(), DecodeError> {
        let unread = self.at < self.dimension || self.left_sparse() || self.next.is_some();
        if unread || !self.reader.some(1).is_empty() {
            return Err(DecodeError::Length);
        }
        Ok(())
    }

    fn left_sparse(&self) -> bool {
        matches!(self.encoding, Encoding::TopK { .. }) && self.left > 0
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut bytes = [0; N];
        if self.reader.fill(&mut bytes) {
            Ok(bytes)
        } else {
            Err(DecodeError::Length)
        }
    }

    fn value(&mut self) -> Result<f32, DecodeError> {
        finite(f32::from_le_bytes(self.bytes()?))
    }

    fn wide(&mut self, out: &mut [f32]) -> Result<(), DecodeError> {
        let values = self.reader.f32s(out.len()).ok_or(DecodeError::Length)?;
        for (out, value) in out.iter_mut().zip(values) {
            *out = finite(value)?;
        }
        Ok(())
    }

    fn narrow(&mut self, out: &mut [f32], widen: fn(u16) -> f32) -> Result<(), DecodeError> {
        let mut scratch = [0; 2048];
        for part in out.chunks_mut(scratch.len() / 2) {
            let bytes = &mut scratch[..part.len() * 2];
            if !self.reader.fill(bytes) {
                return Err(DecodeError::Length);
            }
            let (halves, _) = bytes.as_chunks::<2>();
            for (out, half) in part.iter_mut().zip(halves) {
                *out = finite(widen(u16::from_le_bytes(*half)))?;
            }
        }
        Ok(())
    }

    /// The scale of a block: finite, not negative, and no negative zero.
    fn read_scale(&mut self) -> Result<(), DecodeError> {
        let scale = self.value()?;
        if scale.is_sign_negative() {
            return Err(DecodeError::NotCanonical);
        }
        self.scale = scale;
        Ok(())
    }

    fn int8(&mut self, out: &mut [f32]) -> Result<(), DecodeError> {
        for (at, out) in (self.at..).zip(out) {
            if at.is_multiple_of(INT8_BLOCK) {
                self.read_scale()?;
            }
            let [byte] = self.bytes()?;
            if byte == 0x80 {
                return Err(DecodeError::NotCanonical);
            }
            *out = finite(self.scale * f32::from(byte.cast_signed()))?;
        }
        Ok(())
    }

    fn sign(&mut self, out: &mut [f32]) -> Result<(), DecodeError> {
        for (at, out) in (self.at..).zip(out) {
            if at.is_multiple_of(SIGN_BLOCK) {
                self.read_scale()?;
            }
            if at.is_multiple_of(8) {
                [self.signs] = self.bytes()?;
                let beyond = self.dimension - at;
                if beyond < 8 && self.signs >> beyond != 0 {
                    return Err(DecodeError::NotCanonical);
                }
            }
            let minus = self.signs >> (at % 8) & 1 == 1;
            *out = if minus { -self.scale } else { self.scale };
        }
        Ok(())
    }

    fn sparse(&mut self, out: &mut [f32]) -> Result<(), DecodeError> {
        out.fill(0.0);
        let end = self.at + out.len() as u64;
        loop {
            let (index, value) = match self.next.take() {
                Some(entry) => entry,
                None if self.left == 0 => return Ok(()),
                None => self.entry()?,
            };
            if index >= end {
                self.next = Some((index, value));
                return Ok(());
            }
            let place = usize::try_from(index - self.at).map_err(|_| DecodeError::Index)?;
            out[place] = value;
        }
    }

    /// The next entry of the sparse encoding, which lies further right than the one before.
    fn entry(&mut self) -> Result<(u64, f32), DecodeError> {
        let index = u64::from(u32::from_le_bytes(self.bytes()?));
        let value = self.value()?;
        if index < self.floor || index >= self.dimension {
            return Err(DecodeError::Index);
        }
        self.floor = index + 1;
        self.left -= 1;
        Ok((index, value))
    }
}

fn finite(value: f32) -> Result<f32, DecodeError> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(DecodeError::NotFinite)
    }
}
