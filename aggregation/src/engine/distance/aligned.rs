//! The rows of a panel, copied to where each vector is a cache line.
//!
//! A vector that straddles two lines takes two loads, and the squares load each row once for every four others. An
//! allocator puts long rows anywhere at a multiple of sixteen bytes. Who reads a row first copies it ([`OwnProducts`](super::products::OwnProducts)).

use super::tile::{Block, Row, SIDE};
use crate::engine::run::LINES;
use crate::engine::simd::{LANES, Lanes, Simd, arrays};

/// From one copy to the next: one line more than a row has, so that they do not meet in one cache set.
const STRIDE: usize = LINES + 1;

/// Room for copies of one block.
pub(super) const ROOM: usize = SIDE * STRIDE;

/// Takes room for copies of the rows of a panel where they pay, and else none.
pub(super) fn make_room<S: Simd>(rows: &[Row<'_>], room: &mut Vec<Lanes<f32>>) {
    let is_aligned = |row: &Row<'_>| row.as_ptr().cast::<Lanes<f32>>().is_aligned();
    let pays = rows.len() >= S::COPIES_PAY_FROM && !rows.iter().all(is_aligned);
    let blocks = if pays { rows.len().div_ceil(SIDE) } else { 0 };
    room.resize(blocks * ROOM, Lanes([0.0; LANES]));
}

/// Where the rows of a block are copied to, if there is room.
#[inline(always)]
pub(super) fn copies(room: &mut [Lanes<f32>]) -> Option<[&mut [Lanes<f32>; LINES]; SIDE]> {
    let mut rows = room.chunks_exact_mut(STRIDE);
    let mut next = || rows.next()?.first_chunk_mut();
    Some([next()?, next()?, next()?, next()?])
}

/// The rows of a block that was copied, if there was room.
#[inline(always)]
pub(super) fn copied<'a>(room: &'a [Lanes<f32>], rows: Block<'a>) -> Block<'a> {
    std::array::from_fn(|k| {
        let (row, at) = (rows[k], k * STRIDE);
        room.get(at..at + row.len()).map_or(row, arrays)
    })
}
