//! Which entries a round counts. The peers agree on each other's first seals by the rules of Dolev
//! and Strong (1983); from these follows the set, and from the set the decision.
//!
//! Pure functions over a [`RoundLog`]; when they are asked is `step.rs`'s concern.

use std::collections::{BTreeMap, BTreeSet};

use crate::frame::Frame;
use crate::id::{Digest, PeerId};
use crate::manifest::{MAX_BANNED, Manifest};
use crate::message::Message;
use crate::sign::Verified;
use crate::spec::RunSpec;

use super::event::RoundRecord;
use super::log::{Entry, RoundLog};
use super::mutation::{Mutant, Mutation};

/// Attempts to agree among `n` peers of which `max_faulty` may fail: one more than can fail.
pub(super) fn attempts(max_faulty: u16, n: usize) -> u8 {
    let faulty = usize::from(max_faulty).min(n.saturating_sub(1));
    u8::try_from(faulty + 1).unwrap_or(u8::MAX)
}

/// Whether the first seal of `author` is accepted, given who passed it on: with the author, so many distinct
/// peers must have signed, one more in each attempt.
pub(super) fn is_accepted(author: PeerId, echoers: &BTreeSet<PeerId>, signers: usize) -> bool {
    let others = echoers.iter().filter(|peer| **peer != author).count();
    others + 1 >= signers
}

/// The set that the first seals of the whole roster name, if all those of a view are in and equal but for what breaks the
/// spec, which its author may name itself. Peers whose goodbye is itself in the set owe no seal; but of a lone member it
/// is the only one there is: it may have come back, and hear what it said before.
pub(super) fn unanimous(
    log: &RoundLog,
    roster: &[PeerId],
    view: u16,
    mutant: Mutant,
) -> Option<BTreeSet<Digest>> {
    let leavers = leavers(log.entries.values());
    if log.seals.len() + leavers.len() < roster.len() {
        return None;
    }
    let seals = log.seals_among(roster, view);
    let stays = |peer: &&PeerId| roster.len() == 1 || !leavers.contains(peer);
    let first = roster.iter().filter(stays).find_map(|p| seals.get(p))?;
    let good = |seal: &Verified<Frame>| -> BTreeSet<Digest> {
        let entries = seal.sealed_entries();
        entries.filter(|digest| !log.is_bad(digest)).collect()
    };
    let set = good(first);
    let gone = self::leavers(named(log, &set));
    let same = |peer: &PeerId| {
        seals.get(peer).is_some_and(|seal| {
            let equal = seal.envelope().root == first.envelope().root || good(seal) == set;
            equal || mutant.is(Mutation::UnequalSeals)
        })
    };
    roster
        .iter()
        .all(|peer| gone.contains(peer) || same(peer))
        .then_some(set)
}

/// The set that follows from the first seals of a view that were accepted: what more than `faulty` of them
/// name, or most of them if there are few. Peers whose goodbye is in the set have no say.
///
/// So a liar adds nothing alone; and if all correct peers sealed the same, that is the set,
/// whatever else was accepted. If it leaves fewer than `quorum` peers, what fewer name counts too.
///
/// The set may name entries that the log does not hold.
pub(super) fn tally(
    log: &RoundLog,
    view: u16,
    accepted: &BTreeSet<Digest>,
    faulty: usize,
    quorum: usize,
) -> BTreeSet<Digest> {
    let mut seals = log.single_seals(view, |seal| accepted.contains(&seal.digest()));
    let gone = leavers(named(log, &named_by_enough(log, &seals, faulty, quorum)));
    seals.retain(|peer, _| !gone.contains(peer));
    named_by_enough(log, &seals, faulty, quorum)
}

fn named_by_enough(
    log: &RoundLog,
    seals: &BTreeMap<PeerId, &Verified<Frame>>,
    faulty: usize,
    quorum: usize,
) -> BTreeSet<Digest> {
    let mut named: BTreeMap<Digest, usize> = BTreeMap::new();
    for digest in seals.values().flat_map(|seal| seal.sealed_entries()) {
        *named.entry(digest).or_default() += 1;
    }
    let most = (faulty + 1).min(seals.len() / 2 + 1);
    let by = |needed: usize| -> BTreeSet<Digest> {
        let enough = named.iter().filter(|(_, by)| **by >= needed);
        enough.map(|(digest, _)| *digest).collect()
    };
    let suffices = |set: &BTreeSet<Digest>| present(log, set).len() >= quorum;
    let mut sets = (1..=most).rev().map(by);
    sets.find(suffices).unwrap_or_else(|| by(most))
}

/// The peers that a set brings into the next round: its contributors, and those it admits.
pub(super) fn present(log: &RoundLog, set: &BTreeSet<Digest>) -> BTreeSet<PeerId> {
    let peer = |entry: &Entry| match entry.frame.message() {
        Message::Contribution(_) => Some(entry.frame.author()),
        Message::Admit => entry.frame.subject(),
        _ => None,
    };
    named(log, set).filter_map(peer).collect()
}

/// The entries of a set that the log holds.
fn named<'a>(
    log: &'a RoundLog,
    set: &'a BTreeSet<Digest>,
) -> impl Iterator<Item = &'a Entry> + Clone {
    set.iter().filter_map(|digest| log.entries.get(digest))
}

/// The authors of the goodbyes among these entries, unless they came back: contributed in a later
/// session.
fn leavers<'a>(entries: impl Iterator<Item = &'a Entry> + Clone) -> BTreeSet<PeerId> {
    let is_goodbye = |entry: &Entry| matches!(entry.frame.message(), Message::Leave);
    if !entries.clone().any(is_goodbye) {
        return BTreeSet::new();
    }
    let mut left: BTreeMap<PeerId, u64> = BTreeMap::new();
    let mut back: BTreeMap<PeerId, u64> = BTreeMap::new();
    for entry in entries {
        let sessions = match entry.frame.message() {
            Message::Leave => &mut left,
            Message::Contribution(_) => &mut back,
            _ => continue,
        };
        let latest = sessions.entry(entry.frame.author()).or_default();
        *latest = entry.frame.envelope().session.max(*latest);
    }
    let stayed_away = |(peer, session): &(PeerId, u64)| back.get(peer).is_none_or(|b| b <= session);
    left.into_iter()
        .filter(stayed_away)
        .map(|(peer, _)| peer)
        .collect()
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
    let left = leavers(named(log, set));
    let mut banned = BTreeSet::new();
    for entry in named(log, set) {
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
            Message::Accuse => {
                banned.extend(entry.frame.subject());
            }
            Message::Leave | Message::Seal(_) | Message::Join(_) | Message::Vouch => {}
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
    if next.is_empty() {
        // Nobody could ever add to an empty roster: the seats stay with those who may come back.
        let back = state.roster.iter().filter(|p| !next_banned.contains(p));
        next.extend(back);
    }
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
    log.sealable().map(|(digest, _)| *digest).collect()
}
