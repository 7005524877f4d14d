//! Which entries a round counts: the rules of Dolev and Strong (1983), with headers and seals as
//! signature chains, and the decision that follows from the agreed set.
//!
//! Pure functions over a [`RoundLog`]; when they are asked is `step.rs`'s concern.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{Digest, PeerId};
use crate::manifest::{MAX_BANNED, Manifest};
use crate::message::Message;
use crate::spec::RunSpec;

use super::event::RoundRecord;
use super::log::{self, Payload, RoundLog};

/// Attempts to agree among `n` peers of which `max_faulty` may fail: one more than can fail.
pub(super) fn attempts(max_faulty: u16, n: usize) -> u8 {
    let faulty = usize::from(max_faulty).min(n.saturating_sub(1));
    u8::try_from(faulty + 1).unwrap_or(u8::MAX)
}

/// Whether an entry by `author` is accepted when attempt `attempt` ends, given its sealers.
///
/// With the author's header, `attempt` distinct peers must have signed; and a chain must be
/// possible, in which the i-th sealer sealed in attempt i or before. Without the second rule, liars
/// could add an entry after others had agreed on equal first seals.
pub(super) fn is_supported(author: PeerId, sealers: &BTreeMap<PeerId, u8>, attempt: u8) -> bool {
    let mut when: Vec<u8> = sealers
        .iter()
        .filter(|(peer, _)| **peer != author)
        .map(|(_, attempt)| *attempt)
        .collect();
    when.sort_unstable();
    let needed = usize::from(attempt.saturating_sub(1));
    when.len() >= needed && (1..).zip(when.iter().take(needed)).all(|(i, at)| *at <= i)
}

/// The set that the first seals of the whole roster name, if all are in and equal. Peers whose
/// goodbye is itself in the set owe no seal.
pub(super) fn unanimous(
    log: &RoundLog,
    roster: &[PeerId],
    faulty: usize,
) -> Option<BTreeSet<Digest>> {
    let leaves = log
        .entries
        .values()
        .filter(|e| matches!(e.frame.message(), Message::Leave));
    if log.seals.len() + leaves.count() < roster.len() {
        return None;
    }
    let counted = log.counted_seals(faulty);
    let first_of = |peer: &PeerId| counted.get(peer).and_then(|seals| log::first(seals));
    let first = roster.iter().find_map(first_of)?;
    let set: BTreeSet<Digest> = first.sealed_entries().collect();
    let gone: BTreeSet<PeerId> = set
        .iter()
        .filter_map(|digest| log.entries.get(digest))
        .filter(|entry| matches!(entry.frame.message(), Message::Leave))
        .map(|entry| entry.frame.author())
        .collect();
    let same = |peer: &PeerId| {
        first_of(peer).is_some_and(|seal| seal.envelope().root == first.envelope().root)
    };
    roster
        .iter()
        .all(|peer| gone.contains(peer) || same(peer))
        .then_some(set)
}

/// What follows from an agreed set.
#[derive(Debug, Clone)]
pub(super) struct Decision {
    /// Author and payload root, by ascending author.
    pub(super) contributions: Vec<(PeerId, Digest)>,
    pub(super) next_roster: Vec<PeerId>,
    pub(super) next_banned: Vec<PeerId>,
    pub(super) record: RoundRecord,
}

/// Reads off the agreed set what is aggregated and who counts next. The same set gives the same
/// decision on every node.
pub(super) fn decide(
    set: &BTreeSet<Digest>,
    log: &RoundLog,
    state: &Manifest,
    spec: &RunSpec,
    attempts: u8,
) -> Decision {
    let mut headers: BTreeMap<PeerId, Vec<(u64, Digest)>> = BTreeMap::new();
    let mut joined = BTreeSet::new();
    let mut left = BTreeSet::new();
    let mut banned = BTreeSet::new();
    for entry in set.iter().filter_map(|digest| log.entries.get(digest)) {
        let (author, envelope) = (entry.frame.author(), entry.frame.envelope());
        match entry.frame.message() {
            Message::Contribution(_) => {
                headers
                    .entry(author)
                    .or_default()
                    .push((envelope.session, envelope.root));
            }
            Message::Admit => {
                joined.extend(entry.frame.subject());
            }
            Message::Leave => drop(left.insert(author)),
            Message::Accuse => {
                banned.extend(entry.frame.subject());
            }
            Message::Seal(_) | Message::Join(_) | Message::Vouch => {}
        }
    }
    let contributions: Vec<(PeerId, Digest)> = headers
        .into_iter()
        .filter(|(author, _)| !banned.contains(author))
        .filter_map(|(author, said)| Some((author, latest_unless_doubled(said)?)))
        .collect();
    let contributors: Vec<PeerId> = contributions.iter().map(|(author, _)| *author).collect();
    let next_banned = remember(&state.banned, &banned);
    let may_stay = |peer: &PeerId| !left.contains(peer) && !next_banned.contains(peer);
    let mut next: BTreeSet<PeerId> = contributors.iter().copied().filter(may_stay).collect();
    joined.retain(|peer| spec.membership.admits(peer) && may_stay(peer) && !next.contains(peer));
    let room = usize::from(spec.max_peers).saturating_sub(next.len());
    let joined: Vec<PeerId> = joined.into_iter().take(room).collect();
    next.extend(&joined);
    let absent = state
        .roster
        .iter()
        .filter(|peer| !contributors.contains(peer))
        .copied()
        .collect();
    let record = RoundRecord {
        round: state.round,
        update: contributions.len() >= usize::from(spec.min_inputs),
        attempts,
        contributors,
        absent,
        joined,
        left: left.into_iter().collect(),
        banned: banned.into_iter().collect(),
    };
    Decision {
        contributions,
        next_roster: next.into_iter().collect(),
        next_banned,
        record,
    }
}

/// Of an author's agreed headers the one of its latest start; none if that start made two.
fn latest_unless_doubled(mut said: Vec<(u64, Digest)>) -> Option<Digest> {
    said.sort_unstable();
    match said.as_slice() {
        [.., (before, _), (last, _)] if before == last => None,
        [.., (_, root)] => Some(*root),
        [] => None,
    }
}

fn remember(known: &[PeerId], new: &BTreeSet<PeerId>) -> Vec<PeerId> {
    let mut all = known.to_vec();
    all.extend(new.iter().filter(|peer| !known.contains(peer)));
    let excess = all.len().saturating_sub(MAX_BANNED);
    all.split_off(excess)
}

/// Entries that a node may seal on its own word: held and checked.
pub(super) fn sealable(log: &RoundLog) -> BTreeSet<Digest> {
    let held = log
        .entries
        .iter()
        .filter(|(_, entry)| entry.payload == Payload::Held);
    held.map(|(digest, _)| *digest).collect()
}
