//! What the seals of a round say, and who signed what.

use std::collections::{BTreeMap, BTreeSet};

use crate::evidence::Slot;
use crate::frame::{Frame, MAX_SEAL_ENTRIES};
use crate::id::{Digest, PeerId};
use crate::message::Message;
use crate::sign::Verified;

use super::RoundLog;

impl RoundLog {
    /// The views that anybody sealed in, ascending.
    pub(in crate::machine) fn views(&self) -> BTreeSet<u16> {
        self.seals.values().flatten().filter_map(view).collect()
    }

    /// The latest view that more than `faulty` peers have come to.
    pub(in crate::machine) fn view_of_more_than(&self, faulty: usize) -> u16 {
        let latest = |seals: &Vec<Verified<Frame>>| seals.iter().filter_map(view).max();
        let mut latest: Vec<u16> = self.seals.values().filter_map(latest).collect();
        latest.sort_unstable_by(|a, b| b.cmp(a));
        latest.get(faulty).copied().unwrap_or_default()
    }

    /// First seals of a view, by author in order of arrival.
    pub(in crate::machine) fn first_seals(
        &self,
        view: u16,
    ) -> impl Iterator<Item = &Verified<Frame>> {
        let first = Some(Slot::Seal(view, 1));
        let seals = self.seals.values().flatten();
        seals.filter(move |seal| Slot::of(seal.message()) == first)
    }

    /// Of those first seals of a view that `count`, the one of each peer: none of a peer that has
    /// two, since nobody knows who heard which, be it by a lie or by a start without memory.
    pub(in crate::machine) fn single_seals(
        &self,
        view: u16,
        count: impl Fn(&Verified<Frame>) -> bool,
    ) -> BTreeMap<PeerId, &Verified<Frame>> {
        let mut single: BTreeMap<PeerId, Option<&Verified<Frame>>> = BTreeMap::new();
        for seal in self.first_seals(view).filter(|seal| count(seal)) {
            let known = single.contains_key(&seal.author());
            single.insert(seal.author(), Some(seal).filter(|_| !known));
        }
        let seals = single.into_iter();
        seals
            .filter_map(|(peer, seal)| Some((peer, seal?)))
            .collect()
    }

    /// The same among the members of a round. Of a lone one its latest start counts: what it said in earlier ones is
    /// known to others, who have nobody else to follow, but not to itself.
    pub(in crate::machine) fn seals_among(
        &self,
        roster: &[PeerId],
        view: u16,
    ) -> BTreeMap<PeerId, &Verified<Frame>> {
        let session = |seal: &Verified<Frame>| seal.envelope().session;
        let lone = match roster {
            [lone] => self.seals.get(lone),
            _ => None,
        };
        let latest = lone.into_iter().flatten().map(session).max();
        self.single_seals(view, |seal| latest.is_none_or(|at| session(seal) == at))
    }

    /// For each entry the peers that sealed it first of all in a view.
    pub(in crate::machine) fn sealers_of(&self, view: u16) -> BTreeMap<Digest, BTreeSet<PeerId>> {
        signers(self.first_seals(view))
    }

    /// For each first seal of a view the peers that passed it on in later attempts.
    ///
    /// Every signature counts here, that of a liar too: it cannot be taken back, so whoever relied
    /// on it and whoever sees it later conclude the same.
    pub(in crate::machine) fn echoers_of(&self, view: u16) -> BTreeMap<Digest, BTreeSet<PeerId>> {
        let later = |seal: &&Verified<Frame>| matches!(Slot::of(seal.message()), Some(Slot::Seal(of, attempt)) if of == view && attempt > 1);
        signers(self.seals.values().flatten().filter(later))
    }
}

/// The view of a seal.
pub(super) fn view(seal: &Verified<Frame>) -> Option<u16> {
    match seal.message() {
        Message::Seal(seal) => Some(seal.view),
        _ => None,
    }
}

/// For each digest that these seals name, who signed them.
fn signers<'a>(
    seals: impl Iterator<Item = &'a Verified<Frame>>,
) -> BTreeMap<Digest, BTreeSet<PeerId>> {
    let mut signers: BTreeMap<Digest, BTreeSet<PeerId>> = BTreeMap::new();
    for seal in seals {
        for digest in seal.sealed_entries().take(MAX_SEAL_ENTRIES) {
            signers.entry(digest).or_default().insert(seal.author());
        }
    }
    signers
}
