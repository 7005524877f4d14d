//! Rendezvous hashing: partition, minimal movement, order, balance; and block borders.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;
use crate::data::Shape;

fn roster() -> impl Strategy<Value = Vec<[u8; 32]>> {
    btree_set(any::<[u8; 32]>(), 1..12).prop_map(|peers| peers.into_iter().collect())
}

proptest! {
    #[test]
    fn each_block_has_exactly_one_peer(
        peers in roster(), salt: [u8; 32], blocks in 0_u32..300,
    ) {
        let mut seen = vec![0; blocks as usize];
        for peer in &peers {
            for BlockId(block) in shard(&salt, blocks, &peers, peer) {
                prop_assert_eq!(owner(&salt, BlockId(block), &peers), Some(peer));
                seen[block as usize] += 1;
            }
        }
        prop_assert!(seen.iter().all(|count| *count == 1));
    }

    #[test]
    fn only_the_blocks_of_a_peer_that_leaves_move(
        peers in roster(), salt: [u8; 32], gone: prop::sample::Index,
    ) {
        let mut left = peers.clone();
        let gone = left.remove(gone.index(peers.len()));
        for block in (0..200).map(BlockId) {
            let before = owner(&salt, block, &peers);
            if before != Some(&gone) {
                prop_assert_eq!(before, owner(&salt, block, &left));
            }
        }
    }

    #[test]
    fn order_and_repeats_of_the_roster_do_not_matter(
        peers in roster().prop_shuffle(), salt: [u8; 32], again in vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut other: Vec<_> = again.iter().map(|at| peers[at.index(peers.len())]).collect();
        other.extend(peers.iter().rev());
        for peer in &peers {
            prop_assert_eq!(shard(&salt, 100, &peers, peer), shard(&salt, 100, &other, peer));
        }
    }

    #[test]
    fn shares_are_near_even(peers in btree_set(any::<[u8; 32]>(), 4..=4), salt: [u8; 32]) {
        let peers: Vec<_> = peers.into_iter().collect();
        for peer in &peers {
            // Binomial(1024, 1/4): mean 256, standard deviation 13.9; eight of them on either side.
            let share = shard(&salt, 1024, &peers, peer).len();
            prop_assert!((145..=367).contains(&share), "{share}");
        }
    }

    #[test]
    fn blocks_cut_the_rows_without_gaps(samples in 1_usize..200, blocks in 1_u32..300) {
        let set = DataSet::new(Shape::Flat(1), 2, vec![0.0; samples], vec![0; samples]).unwrap();
        let ids: Vec<_> = (0..blocks).map(BlockId).collect();
        let all = Shard::of_blocks(&set, blocks, &ids).unwrap();
        let whole = Shard::whole(&set);
        prop_assert_eq!(all.rows(), whole.rows());
        let sizes: BTreeSet<usize> =
            ids.iter().map(|id| Shard::of_blocks(&set, blocks, &[*id]).unwrap().len()).collect();
        prop_assert!(sizes.last().unwrap() - sizes.first().unwrap() <= 1);
    }
}

#[test]
fn owners_are_pinned_so_that_versions_agree() {
    let peers = [[1; 32], [2; 32], [3; 32]];
    let owners: Vec<u8> = (0..16)
        .map(|block| owner(&[9; 32], BlockId(block), &peers).unwrap()[0])
        .collect();
    assert_eq!(
        format!("{owners:?}"),
        "[1, 2, 1, 2, 2, 1, 3, 3, 1, 1, 1, 2, 3, 2, 3, 3]"
    );
}

#[test]
fn a_stranger_has_no_blocks_and_a_strange_block_is_refused() {
    assert!(shard(&[0; 32], 8, &[[1; 32]], &[2; 32]).is_empty());
    assert_eq!(owner(&[0; 32], BlockId(0), &[]), None);
    let set = DataSet::new(Shape::Flat(1), 2, vec![0.0; 4], vec![0; 4]).unwrap();
    let error = Shard::of_blocks(&set, 2, &[BlockId(2)]).unwrap_err();
    assert_eq!(error.to_string(), "block 2 does not exist: there are 2");
    assert!(!error.hint().is_empty());
}
