//! Aggregating in parts: what a node does where the members of a round share the work of the rule.
//!
//! [`spirt_protocol::Parts`] says who keeps which chunk. A payload counts as held when the chunks of it that this node keeps are
//! here, and all keepers of each other chunk say that they have it: one of them is honest (`payload`). When the set is agreed,
//! this node aggregates the chunks that it keeps, and takes the others' sums where all keepers of a chunk name the same one
//! (`gather`). What cannot be had so, because a keeper is gone, slow or lies, it computes itself from the contributions: then
//! it costs more bytes, and nothing else.
//!
//! Knows the machine's outputs only: which payloads are asked for, and which set was agreed.

mod gather;
mod patience;
mod payload;
mod poll;

use std::sync::Arc;
use std::time::Duration;

use spirt_protocol::{Parts, PeerId, Round};

use crate::blobs::{Blob, Blobs};
use crate::job::Job;
use crate::transfer::{Holder, Transfers};

pub(crate) use gather::{Gathered, gather};
pub(crate) use payload::fetch;
pub(crate) use poll::{Polls, poll};

/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(50);

/// The work of one round, shared. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    /// Who keeps what.
    parts: Arc<Parts>,
    round: Round,
    me: PeerId,
    transfers: Transfers,
    blobs: Blobs,
}

impl Share {
    /// How the members of a roster share the work of a round; `None` if each of them does all of it.
    pub(crate) fn of(
        job: &Job,
        round: Round,
        roster: &[PeerId],
        me: PeerId,
        transfers: Transfers,
        blobs: Blobs,
    ) -> Option<Self> {
        let parts = Parts::of(&job.spec, roster).filter(|_| job.is_shared);
        Some(Self {
            parts: Arc::new(parts?),
            round,
            me,
            transfers,
            blobs,
        })
    }

    /// The round.
    pub(crate) const fn round(&self) -> Round {
        self.round
    }

    /// Keepers of each chunk.
    pub(crate) fn copies(&self) -> u64 {
        self.parts.copies() as u64
    }

    /// The members but this node.
    fn others(&self) -> impl Iterator<Item = PeerId> + '_ {
        let members = self.parts.members().iter();
        members.filter(|peer| **peer != self.me).copied()
    }

    /// Chunks that this node keeps.
    fn mine(&self) -> Vec<u32> {
        self.parts.kept_by(&self.me)
    }

    /// Who may have these chunks of a payload: its author first, then the others, those first that keep most of them. Who
    /// keeps none may still have them, where a keeper was not given them.
    fn holders(&self, author: PeerId, others: &[PeerId], chunks: &[u32]) -> Vec<Holder> {
        let bits: Vec<u64> = chunks
            .iter()
            .map(|chunk| self.parts.keeper_bits(*chunk))
            .collect();
        let keeps = |peer: &PeerId| {
            let bit = self.parts.bits([peer]);
            bits.iter().filter(|bits| *bits & bit != 0).count()
        };
        let mut rest: Vec<PeerId> = self.others().chain(others.iter().copied()).collect();
        rest.sort_by_cached_key(|peer| std::cmp::Reverse(keeps(peer)));
        [author].into_iter().chain(rest).map(Holder::from).collect()
    }

    /// The members but this node, each with what it aggregates.
    fn keepers(&self) -> Vec<Holder> {
        let keeper = |peer| Holder {
            peer,
            chunks: Some(Arc::new(self.parts.kept_by(&peer).into_iter().collect())),
        };
        self.others().map(keeper).collect()
    }

    /// Whether a member cannot be asked.
    fn is_gone(&self, peer: &PeerId) -> bool {
        crate::peer::to_libp2p(*peer).is_none_or(|peer| !self.transfers.swarm().is_connected(&peer))
    }

    /// Chunks of a payload that are neither here nor, by what these members say, elsewhere: some keeper is not among them.
    fn open(&self, blob: &Blob, held: u64) -> Vec<u32> {
        let is_elsewhere = |chunk: u32| self.parts.keeper_bits(chunk) & !held == 0;
        let chunks = 0..self.parts.chunks();
        chunks
            .filter(|chunk| !blob.has(*chunk) && !is_elsewhere(*chunk))
            .collect()
    }
}
