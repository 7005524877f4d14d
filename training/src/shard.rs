//! Which peer trains on which samples. Owns blocks and their spread over the roster; it knows no network, and peers only
//! as 32-byte keys.
//!
//! The training part is cut into equal runs of samples, the blocks. Each block belongs to the peer with the highest hash of
//! (salt, block, peer): rendezvous hashing (Thaler and Ravishankar, 1998). When a peer leaves, only its blocks move;
//! when one comes, blocks move only to it. Nobody has to agree on anything but the roster.

use crate::data::DataSet;
use crate::error::ShardError;

#[cfg(test)]
mod tests;

/// Blocks of a data set unless the spec says otherwise; fewer samples mean fewer blocks ([`blocks_for`]).
///
/// More blocks spread more evenly over peers (the share of one of n peers varies by about sqrt(n / blocks) of itself)
/// and cost one hash per block and peer for each change of the roster.
pub const DEFAULT_BLOCKS: u32 = 256;

const SALT_CONTEXT: &str = "spirt-training 2026 rendezvous v1";

/// One block, `0..blocks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId(pub u32);

/// [`DEFAULT_BLOCKS`], or the number of samples if that is smaller.
#[must_use]
pub fn blocks_for(samples: usize) -> u32 {
    u32::try_from(samples)
        .unwrap_or(u32::MAX)
        .min(DEFAULT_BLOCKS)
}

/// The blocks of `me`, ascending. The order of the roster does not matter, nor do repeated keys. Empty if `me` is not in it.
/// `salt` is agreed by all peers of a run (its id), or changes with the round if shards shall wander.
///
/// Costs one BLAKE3 of 36 bytes per block and peer.
#[must_use]
pub fn shard(salt: &[u8; 32], blocks: u32, roster: &[[u8; 32]], me: &[u8; 32]) -> Vec<BlockId> {
    if !roster.contains(me) {
        return Vec::new();
    }
    let key = blake3::derive_key(SALT_CONTEXT, salt);
    (0..blocks)
        .map(BlockId)
        .filter(|block| owner_with(&key, *block, roster) == Some(me))
        .collect()
}

/// The peer that `block` belongs to; `None` only for an empty roster.
#[must_use]
pub fn owner<'a>(salt: &[u8; 32], block: BlockId, roster: &'a [[u8; 32]]) -> Option<&'a [u8; 32]> {
    owner_with(&blake3::derive_key(SALT_CONTEXT, salt), block, roster)
}

fn owner_with<'a>(key: &[u8; 32], block: BlockId, roster: &'a [[u8; 32]]) -> Option<&'a [u8; 32]> {
    roster.iter().max_by_key(|peer| {
        let mut message = [0; 36];
        message[..4].copy_from_slice(&block.0.to_le_bytes());
        message[4..].copy_from_slice(*peer);
        (*blake3::keyed_hash(key, &message).as_bytes(), **peer)
    })
}

/// Samples of a data set by row number: a view, nothing is copied.
#[derive(Debug, Clone)]
pub struct Shard<'a> {
    set: &'a DataSet,
    rows: Vec<u32>,
}

impl<'a> Shard<'a> {
    /// All samples.
    #[must_use]
    pub fn whole(set: &'a DataSet) -> Self {
        let samples = u32::try_from(set.len()).expect("a data set holds at most u32::MAX samples");
        Self {
            set,
            rows: (0..samples).collect(),
        }
    }

    /// The samples of some blocks out of `blocks`. Block b holds the rows `b*n/blocks .. (b+1)*n/blocks`.
    ///
    /// # Errors
    /// If an id is not below `blocks`.
    pub fn of_blocks(set: &'a DataSet, blocks: u32, ids: &[BlockId]) -> Result<Self, ShardError> {
        let bound = |block: u32| {
            let row = set.len() as u64 * u64::from(block) / u64::from(blocks);
            u32::try_from(row).expect("a data set holds at most u32::MAX samples")
        };
        let mut rows = Vec::new();
        for &BlockId(block) in ids {
            if block >= blocks {
                return Err(ShardError { block, blocks });
            }
            rows.extend(bound(block)..bound(block + 1));
        }
        Ok(Self { set, rows })
    }

    /// The data set that it is a part of.
    #[must_use]
    pub fn set(&self) -> &'a DataSet {
        self.set
    }

    /// The row numbers in the data set.
    #[must_use]
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// How many samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
