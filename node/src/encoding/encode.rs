//! Writing: from values to a payload. Not part of the contract between peers, but nearest is best.

use half::{bf16, f16};
use spirt_protocol::{Encoding, INT8_BLOCK, SIGN_BLOCK};

use crate::blobs::{Packed, Packer};
use crate::buffers::Buffers;

/// Values that are written at a time.
const PART: usize = 1024;

/// The payload of a vector; `None` if its length overflows.
pub(super) fn encode(encoding: Encoding, vector: &[f32], buffers: &Buffers) -> Option<Packed> {
    let length = encoding.length(vector.len() as u64)?;
    let mut packer = Packer::new(length, buffers.clone());
    match encoding {
        Encoding::F32 => packer.write_f32s(vector),
        // Rounded to even, and to the largest value rather than to infinity.
        Encoding::Bf16 => halves(&mut packer, vector, |value| {
            let (most, value) = (bf16::MAX.to_f32(), bf16::from_f32(value));
            bf16::from_f32(value.to_f32().clamp(-most, most)).to_bits()
        }),
        Encoding::F16 => halves(&mut packer, vector, |value| {
            let most = f16::MAX.to_f32();
            f16::from_f32(value.clamp(-most, most)).to_bits()
        }),
        Encoding::Int8 => int8(&mut packer, vector),
        Encoding::TopK { .. } => sparse(&mut packer, encoding, vector)?,
        Encoding::Sign => sign(&mut packer, vector),
    }
    packer.finish()
}

fn halves(packer: &mut Packer, vector: &[f32], narrow: fn(f32) -> u16) {
    let mut bytes = Vec::with_capacity(PART * 2);
    for part in vector.chunks(PART) {
        bytes.clear();
        bytes.extend(part.iter().flat_map(|value| narrow(*value).to_le_bytes()));
        packer.write(&bytes);
    }
}

fn int8(packer: &mut Packer, vector: &[f32]) {
    let mut bytes = Vec::new();
    for block in vector.chunks(block_of(INT8_BLOCK)) {
        let most = block
            .iter()
            .fold(0.0, |most: f32, value| most.max(value.abs()));
        let mut scale = most / 127.0;
        // Rounded up, the scale of the largest values would read as infinity.
        while !(scale * 127.0).is_finite() {
            scale = scale.next_down();
        }
        packer.write(&scale.to_le_bytes());
        bytes.clear();
        // Of a block of zeros, or of values too small for a scale, nothing is left.
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        bytes.extend(block.iter().map(|value| {
            let rounded = (value * inverse).round_ties_even().clamp(-127.0, 127.0);
            (rounded as i8).cast_unsigned()
        }));
        packer.write(&bytes);
    }
}

fn sign(packer: &mut Packer, vector: &[f32]) {
    let mut bytes = Vec::new();
    for block in vector.chunks(block_of(SIGN_BLOCK)) {
        let sum: f64 = block.iter().map(|value| f64::from(value.abs())).sum();
        packer.write(&((sum / block.len() as f64) as f32).to_le_bytes());
        bytes.clear();
        bytes.extend(block.chunks(8).map(|eight| {
            let bits = eight.iter().enumerate();
            bits.fold(0, |byte, (i, value)| {
                byte | u8::from(value.is_sign_negative()) << i
            })
        }));
        packer.write(&bytes);
    }
}

fn sparse(packer: &mut Packer, encoding: Encoding, vector: &[f32]) -> Option<()> {
    let kept = usize::try_from(encoding.kept(vector.len() as u64)).ok()?;
    let mut order: Vec<u32> = (0..u32::try_from(vector.len()).ok()?).collect();
    let magnitude = |index: &u32| vector[*index as usize].abs();
    let larger = |a: &u32, b: &u32| magnitude(b).total_cmp(&magnitude(a)).then(a.cmp(b));
    if kept < order.len() {
        order.select_nth_unstable_by(kept, larger);
        order.truncate(kept);
    }
    order.sort_unstable();
    for index in order {
        packer.write(&index.to_le_bytes());
        packer.write(&vector[index as usize].to_le_bytes());
    }
    Some(())
}

fn block_of(elements: u64) -> usize {
    usize::try_from(elements).expect("blocks are short")
}
