//! [`Board`]: what this node and its peers say of payloads of which each keeps a part, and the sums that this node serves.
//!
//! Bounded: payloads of two rounds, as many as the machine asks for; words of members, one for each payload; sums of two sets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use spirt_protocol::{Digest, Holding, PeerId, Round};
use tokio::sync::Notify;

use super::{Hashed, MAX_ASKERS, SERVINGS, Serving};

/// Sets whose sums are served: that of the round, and the one before for those that are behind.
const KEPT_SETS: usize = 2;

/// Shared by the driver and the tasks that serve and ask. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Board {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    payloads: BTreeMap<Digest, Payload>,
    /// Members that cannot be asked.
    lost: BTreeSet<PeerId>,
    /// The latest last.
    sums: Vec<(Digest, Sums)>,
}

#[derive(Debug)]
struct Payload {
    round: Round,
    here: Holding,
    said: BTreeMap<PeerId, (Holding, Instant)>,
}

/// What this node aggregated of a set.
#[derive(Debug)]
struct Sums {
    chunks: BTreeMap<u32, Bytes>,
    hashes: Bytes,
    served: BTreeMap<PeerId, u64>,
}

/// Of how many payloads it is known what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Of one at least.
    Something,
    /// Of all.
    Everything,
}

/// What others say of a payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// Those that say they hold their part.
    pub held: BTreeSet<PeerId>,
    /// Those that say their part breaks the specification.
    pub bad: BTreeSet<PeerId>,
    /// Those that cannot be asked, and have said neither.
    pub lost: BTreeSet<PeerId>,
    /// When each of the first two spoke, in order.
    pub times: Vec<Instant>,
}

impl Board {
    /// A round begins: forgets all rounds but this one and the one before, and who could not be asked.
    pub fn start(&self, round: Round) {
        let mut state = self.lock();
        state
            .payloads
            .retain(|_, payload| payload.round.0 + 1 >= round.0);
        state.lost.clear();
    }

    /// What became of this node's part of a payload.
    pub fn set(&self, round: Round, root: Digest, here: Holding) {
        let mut state = self.lock();
        let payload = state.payloads.entry(root).or_insert_with(|| Payload {
            round,
            here,
            said: BTreeMap::new(),
        });
        // What is held stays so.
        if payload.here == Holding::Awaited {
            payload.here = here;
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Payloads of a round of which a peer has not said yet what became of its part.
    pub fn unsaid(&self, round: Round, peer: PeerId) -> Vec<Digest> {
        let state = self.lock();
        let of_round = state.payloads.iter().filter(|(_, p)| p.round == round);
        let unsaid = of_round.filter(|(_, payload)| !payload.said.contains_key(&peer));
        unsaid.map(|(root, _)| *root).collect()
    }

    /// Takes in what a peer says of some payloads; false if it says nothing new.
    pub fn hear(&self, peer: PeerId, said: impl IntoIterator<Item = (Digest, Holding)>) -> bool {
        let mut state = self.lock();
        let mut is_news = state.lost.remove(&peer);
        for (root, holding) in said {
            if holding != Holding::Awaited
                && let Some(payload) = state.payloads.get_mut(&root)
            {
                payload.said.insert(peer, (holding, Instant::now()));
                is_news = true;
            }
        }
        drop(state);
        if is_news {
            self.changed.notify_waiters();
        }
        is_news
    }

    /// A peer cannot be asked.
    pub fn lose(&self, peer: PeerId) {
        if self.lock().lost.insert(peer) {
            self.changed.notify_waiters();
        }
    }

    /// What others say of a payload.
    pub fn claims(&self, root: &Digest) -> Claims {
        let state = self.lock();
        let mut claims = Claims::default();
        if let Some(payload) = state.payloads.get(root) {
            for (peer, (holding, at)) in &payload.said {
                match holding {
                    Holding::Held => claims.held.insert(*peer),
                    Holding::Bad => claims.bad.insert(*peer),
                    Holding::Awaited => continue,
                };
                claims.times.push(*at);
            }
        }
        claims.times.sort_unstable();
        let spoke = |peer: &&PeerId| !claims.held.contains(peer) && !claims.bad.contains(peer);
        claims.lost = state.lost.iter().filter(spoke).copied().collect();
        claims
    }

    /// The answer to [`spirt_protocol::Request::Holds`].
    pub fn holdings(&self, roots: &[Digest]) -> Vec<u8> {
        let here = self.here(roots).into_iter();
        here.map(Holding::to_byte).collect()
    }

    fn here(&self, roots: &[Digest]) -> Vec<Holding> {
        let state = self.lock();
        let here = |root| {
            let payload = state.payloads.get(root);
            payload.map_or(Holding::Awaited, |payload| payload.here)
        };
        roots.iter().map(here).collect()
    }

    /// Ends when that answer tells something, or everything.
    pub async fn tells(&self, roots: &[Digest], how_much: Telling) {
        loop {
            let changed = self.changed();
            let mut here = self.here(roots).into_iter();
            let is_told = |holding| holding != Holding::Awaited;
            let tells = match how_much {
                Telling::Something => here.any(is_told),
                Telling::Everything => here.all(is_told),
            };
            if tells {
                return;
            }
            changed.await;
        }
    }

    /// Serves what this node aggregated of a set.
    pub fn publish(&self, set: Digest, sums: &BTreeMap<u32, Hashed>) {
        let hashes: Vec<u8> = sums.values().flat_map(|sum| sum.hash().0).collect();
        let chunks = sums
            .iter()
            .map(|(index, sum)| (*index, sum.bytes().clone()));
        let sums = Sums {
            chunks: chunks.collect(),
            hashes: hashes.into(),
            served: BTreeMap::new(),
        };
        let mut state = self.lock();
        state.sums.retain(|(name, _)| *name != set);
        if state.sums.len() >= KEPT_SETS {
            state.sums.remove(0);
        }
        state.sums.push((set, sums));
        drop(state);
        self.changed.notify_waiters();
    }

    /// Serves the sums of no set any more.
    pub fn forget_sums(&self) {
        self.lock().sums.clear();
    }

    /// The answer to [`spirt_protocol::Request::Sums`], when there is one.
    pub fn sums(&self, set: &Digest) -> Option<Bytes> {
        let state = self.lock();
        let found = state.sums.iter().find(|(name, _)| name == set);
        found.map(|(_, sums)| sums.hashes.clone())
    }

    /// The same, once there is one.
    pub async fn named(&self, set: &Digest) -> Bytes {
        loop {
            let changed = self.changed();
            match self.sums(set) {
                Some(hashes) => return hashes,
                None => changed.await,
            }
        }
    }

    /// A chunk of a set's aggregate, for a peer.
    pub(super) fn serve(&self, set: &Digest, index: u32, asker: PeerId) -> Serving {
        let mut state = self.lock();
        let found = state.sums.iter_mut().find(|(name, _)| name == set);
        let Some((_, sums)) = found else {
            return Serving::Unknown;
        };
        let Some(chunk) = sums.chunks.get(&index) else {
            return Serving::Unknown;
        };
        let all: u64 = sums.chunks.values().map(|chunk| chunk.len() as u64).sum();
        let length = chunk.len() as u64;
        let full = sums.served.len() >= MAX_ASKERS && !sums.served.contains_key(&asker);
        let so_far = sums.served.get(&asker).copied().unwrap_or_default();
        if full || so_far + length > SERVINGS * all {
            return Serving::Enough;
        }
        sums.served.insert(asker, so_far + length);
        Serving::Chunk(chunk.clone())
    }

    /// Ends when something changes after this call.
    pub fn changed(&self) -> impl Future<Output = ()> + use<> {
        Arc::clone(&self.changed).notified_owned()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
