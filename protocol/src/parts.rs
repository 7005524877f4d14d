//! [`Parts`]: which member computes what of a round's aggregate, where members share the work.
//!
//! A rule that takes each element apart can be run chunk by chunk. Each chunk has f + 1 keepers among the members, f those that
//! may fail in a round: they get that chunk of each contribution, and aggregate it. The others take the result when all
//! keepers name the same one: one of them is honest, and the rule is deterministic. So a node takes
//! (f + 1)(n - 1)/n vectors of contributions and the rest of the aggregate, instead of n - 1 vectors.
//! (After Gorbunov et al., *Secure distributed training at scale*, ICML 2022, who let one peer aggregate each part, and check by
//! chance.)
//!
//! Owns who keeps what; who holds what, and what becomes of it, is the caller's affair.

use crate::blob;
use crate::id::{Digest, PeerId, Round};
use crate::message::Encoding;
use crate::spec::RunSpec;

/// Chunks of a payload, at least: what sharing saves of fewer takes less time than the messages that it costs.
const LEAST_CHUNKS: u64 = 16;
/// The part of the bytes of a whole exchange that sharing may take at most, in tenths, for whoever takes most.
const WORTH_TENTHS: u64 = 6;
/// Roots in one [`crate::Request::Holds`], at most.
pub const MAX_ASKED: usize = 24;

/// Who keeps which chunk, in one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    members: Vec<PeerId>,
    /// Keepers of each chunk, f + 1.
    copies: usize,
    chunks: u32,
}

/// What a peer says of its part of a payload, in one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// Not here, or not heard of.
    Awaited,
    /// Here, checked, and served.
    Held,
    /// Here, and it breaks the run's specification.
    Bad,
}

impl Holding {
    /// Its byte.
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Awaited => 0,
            Self::Held => 1,
            Self::Bad => 2,
        }
    }

    /// Reads a byte.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Awaited),
            1 => Some(Self::Held),
            2 => Some(Self::Bad),
            _ => None,
        }
    }
}

impl Parts {
    /// How the members of a roster, ascending, share the work where the rule lets them; `None` if each of them does all of it.
    pub fn of(spec: &RunSpec, roster: &[PeerId]) -> Option<Self> {
        if spec.encoding != Encoding::F32 || !spec.pulls() {
            return None;
        }
        let chunks = blob::chunk_count(spec.encoding.length(spec.dimension)?);
        let (n, copies) = (roster.len() as u64, u64::from(spec.max_faulty) + 1);
        Self::pays(n, copies, chunks).then_some(Self {
            members: roster.to_vec(),
            copies: usize::from(spec.max_faulty) + 1,
            chunks: u32::try_from(chunks).unwrap_or(u32::MAX),
        })
    }

    /// Whether sharing saves much, with so many members, keepers of each chunk, and chunks.
    pub const fn pays(members: u64, copies: u64, chunks: u64) -> bool {
        if copies >= members || chunks < LEAST_CHUNKS {
            return false;
        }
        // Of one contribution, or of the aggregate. Those that keep one chunk more than others do so round after round.
        let (rounds, rest) = (chunks / members, chunks % members);
        let extra = if copies < rest { copies } else { rest };
        let most = rounds * copies + extra;
        let shared = most * (members - 1) + (chunks - most);
        10 * shared <= WORTH_TENTHS * chunks * (members - 1)
    }

    /// All who keep something, ascending.
    pub fn members(&self) -> &[PeerId] {
        &self.members
    }

    /// Keepers of each chunk.
    pub const fn copies(&self) -> usize {
        self.copies
    }

    /// Members that may fail in the round: one fewer.
    pub const fn faulty(&self) -> usize {
        self.copies - 1
    }

    /// Chunks of a payload.
    pub const fn chunks(&self) -> u32 {
        self.chunks
    }

    /// Who keeps a chunk.
    pub fn keepers(&self, chunk: u32) -> impl Iterator<Item = PeerId> + '_ {
        let first = usize::try_from(chunk).unwrap_or(0) % self.members.len();
        let from_there = self.members.iter().cycle().skip(first);
        from_there.take(self.copies).copied()
    }

    /// The members among these peers, as a set of bits: of the lowest for the first member.
    pub fn bits<'a>(&self, peers: impl IntoIterator<Item = &'a PeerId>) -> u64 {
        let bit = |peer: &PeerId| self.members.binary_search(peer).map_or(0, |at| 1 << at);
        peers.into_iter().fold(0, |bits, peer| bits | bit(peer))
    }

    /// The keepers of a chunk, as such a set.
    pub fn keeper_bits(&self, chunk: u32) -> u64 {
        let n = self.members.len();
        let first = usize::try_from(chunk).unwrap_or(0) % n;
        (0..self.copies).fold(0, |bits, copy| bits | 1 << ((first + copy) % n))
    }

    /// The chunks that a peer keeps, ascending; none if it is no member.
    pub fn kept_by(&self, peer: &PeerId) -> Vec<u32> {
        let Ok(at) = self.members.binary_search(peer) else {
            return Vec::new();
        };
        let keeps = |chunk: &u32| self.keeper_bits(*chunk) >> at & 1 == 1;
        (0..self.chunks).filter(keeps).collect()
    }
}

/// The name of a set of contributions to a round, each by author and root, by ascending author.
pub fn set_name(round: Round, contributions: &[(PeerId, Digest)]) -> Digest {
    let mut hasher = blake3::Hasher::new_derive_key("spirt 1 set");
    hasher.update(&round.0.to_le_bytes());
    for (author, root) in contributions {
        hasher.update(&author.0);
        hasher.update(&root.0);
    }
    Digest(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::agree::spec as any_spec;
    use proptest::prelude::*;

    fn spec(dimension: u64, max_faulty: u16) -> RunSpec {
        RunSpec {
            encoding: Encoding::F32,
            dimension,
            max_faulty,
            inline_max: 1024,
            ..any_spec(1, 64)
        }
    }

    fn roster(n: usize) -> Vec<PeerId> {
        let name = |i: usize| PeerId([u8::try_from(i).unwrap(); 32]);
        (0..n).map(name).collect()
    }

    proptest! {
        #[test]
        fn each_chunk_has_f_plus_one_keepers_and_the_work_is_shared_evenly(
            n in 5_usize..=64,
            faulty in 1_u16..=20,
            dimension in 1_000_000_u64..=40_000_000,
        ) {
            let roster = roster(n);
            let Some(parts) = Parts::of(&spec(dimension, faulty), &roster) else {
                return Ok(());
            };
            let kept: Vec<Vec<u32>> = roster.iter().map(|peer| parts.kept_by(peer)).collect();
            for chunk in 0..parts.chunks() {
                let keepers: Vec<PeerId> = parts.keepers(chunk).collect();
                prop_assert_eq!(parts.bits(&keepers), parts.keeper_bits(chunk));
                prop_assert_eq!(keepers.len(), usize::from(faulty) + 1);
                for (peer, kept) in roster.iter().zip(&kept) {
                    prop_assert_eq!(keepers.contains(peer), kept.contains(&chunk));
                }
            }
            let most = kept.iter().map(Vec::len).max().unwrap();
            let least = kept.iter().map(Vec::len).min().unwrap();
            prop_assert!(most - least <= parts.copies(), "{} to {}", least, most);
            let chunks = parts.chunks() as usize;
            let taken = most * (n - 1) + (chunks - most);
            prop_assert!(10 * taken <= 6 * chunks * (n - 1), "{} of {} chunks", taken, chunks);
        }
    }

    #[test]
    fn work_is_shared_where_that_saves_bytes() {
        let is_shared =
            |n, dimension, faulty| Parts::of(&spec(dimension, faulty), &roster(n)).is_some();
        assert!(
            !is_shared(2, 10_000_000, 1),
            "there is nobody to share with"
        );
        assert!(!is_shared(4, 10_000_000, 1), "it would save a third");
        assert!(is_shared(5, 10_000_000, 1));
        assert!(is_shared(8, 10_000_000, 2) && is_shared(16, 10_000_000, 5));
        assert!(!is_shared(16, 10_000_000, 10), "too many may fail");
        assert!(is_shared(8, 1 << 20, 2) && is_shared(16, 1 << 20, 5));
        assert!(!is_shared(8, 900_000, 2), "too few chunks");
        assert!(!is_shared(12, 1 << 20, 5), "some would keep ten of 16");
        let narrow = RunSpec {
            encoding: Encoding::Bf16,
            ..spec(20_000_000, 2)
        };
        assert_eq!(Parts::of(&narrow, &roster(8)), None);
    }

    #[test]
    fn a_stranger_keeps_nothing_and_a_set_is_named_by_all_that_is_in_it() {
        let parts = Parts::of(&spec(10_000_000, 2), &roster(8)).unwrap();
        assert!(parts.kept_by(&PeerId([99; 32])).is_empty());
        let (a, b) = (
            (PeerId([1; 32]), Digest([2; 32])),
            (PeerId([3; 32]), Digest([4; 32])),
        );
        let name = set_name(Round(7), &[a, b]);
        assert_eq!(name, set_name(Round(7), &[a, b]));
        for other in [
            set_name(Round(8), &[a, b]),
            set_name(Round(7), &[a]),
            set_name(Round(7), &[b, a]),
        ] {
            assert_ne!(name, other);
        }
    }
}
