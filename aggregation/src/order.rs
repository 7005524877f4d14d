//! A total order on floats, and the columns of the input sorted in that order, tile by tile.
//!
//! A coordinate rule depends only on the sorted values of each column, so its result is bitwise
//! the same for any order of the rows. Floats are compared by an integer key that has the order of
//! [`f32::total_cmp`] (-0.0 before +0.0). A tile of columns is copied as keys and sorted by one
//! sorting network, in which every compare-exchange is an integer minimum and maximum over a whole
//! tile: no branch depends on the data, and the compiler vectorises the loop.

use crate::source::Source;
use crate::tile::{BLOCK, block_range};

/// Columns sorted together. 256 keys are 1 KiB per row, so that a tile of up to 32 rows stays in a
/// 32 KiB first-level cache.
const TILE: usize = 256;

/// An integer with the order of `f32::total_cmp`. Its own inverse on the bits.
fn key(x: f32) -> i32 {
    flip(x.to_bits().cast_signed())
}

fn value(key: i32) -> f32 {
    f32::from_bits(flip(key).cast_unsigned())
}

/// Reverses the order of the negative half: sign and magnitude to two's complement.
fn flip(bits: i32) -> i32 {
    bits ^ (((bits >> 31).cast_unsigned()) >> 1).cast_signed()
}

/// The compare-exchanges of Batcher's merge exchange for any number of wires (Knuth, The Art of
/// Computer Programming 3, section 5.2.2, algorithm M). O(n log^2 n) pairs `(low, high)`, low < high.
fn network(wires: usize) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    if wires < 2 {
        return pairs;
    }
    let top = wires.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut distance) = (top, 0, p);
        while distance > 0 {
            pairs.extend(
                (0..wires.saturating_sub(distance))
                    .filter(|low| low & p == r)
                    .map(|low| (low, low + distance)),
            );
            distance = q - p;
            q /= 2;
            r = p;
        }
        p /= 2;
    }
    pairs
}

/// A run of columns of the input, each sorted.
pub(crate) struct SortedTile<'a> {
    /// Number of columns, 1 to 256.
    pub(crate) width: usize,
    /// The columns as they were, row by row.
    pub(crate) rows: Vec<&'a [f32]>,
    keys: &'a [i32],
}

impl SortedTile<'_> {
    /// The k-th smallest value of each column, k from 0 to n - 1.
    pub(crate) fn rank(&self, k: usize) -> impl Iterator<Item = f32> {
        self.keys[k * TILE..][..self.width]
            .iter()
            .map(|&k| value(k))
    }
}

/// Tiles that a sample has at most: 65 536 columns, the same for everybody.
const SAMPLED_TILES: usize = 256;

/// Calls `visit` with those tiles of a block that are in the sample, left to right: they are evenly spread over d columns, and all
/// of these if there are few. The first block of the source is block `offset` of all. Memory: n * 256 integers.
pub(crate) fn for_each_sampled_tile(
    source: &Source<'_>,
    (block, offset): (usize, usize),
    d: usize,
    mut visit: impl FnMut(&SortedTile<'_>),
) {
    let n = source.n();
    let columns = block_range(block, d);
    let stride = TILE * d.div_ceil(TILE).div_ceil(SAMPLED_TILES).max(1);
    let first = columns.start.next_multiple_of(stride);
    if first >= columns.end {
        return;
    }
    let pairs = network(n);
    let mut keys = vec![0; n * TILE];
    for start in (first..columns.end).step_by(stride) {
        let width = TILE.min(d - start);
        let rows = source.columns(start - offset * BLOCK, width);
        for (wire, row) in keys.chunks_exact_mut(TILE).zip(&rows) {
            for (key_of, &x) in wire.iter_mut().zip(*row) {
                *key_of = key(x);
            }
        }
        for &(low, high) in &pairs {
            compare_exchange(&mut keys, low, high);
        }
        visit(&SortedTile {
            width,
            rows,
            keys: &keys,
        });
    }
}

/// Puts the smaller keys of two wires on `low`. Columns beyond the width hold old keys: sorting
/// them is harmless, and a fixed length is faster than a variable one.
fn compare_exchange(keys: &mut [i32], low: usize, high: usize) {
    let (front, back) = keys.split_at_mut(high * TILE);
    let smaller = &mut front[low * TILE..][..TILE];
    let larger = &mut back[..TILE];
    for (a, b) in smaller.iter_mut().zip(larger) {
        (*a, *b) = ((*a).min(*b), (*a).max(*b));
    }
}

#[cfg(test)]
mod tests;
