//! What a node keeps for others: payloads until nobody needs them any more.

use std::collections::BTreeSet;

use crate::id::{Digest, PeerId};

use super::log::RoundLog;
use super::{Phase, RoundMachine};

impl RoundMachine {
    /// The roots of all payloads that this node or others may still ask for.
    ///
    /// Once this node has aggregated a round, a payload is needed only by members, and by those admitted in the round, that
    /// did not say that they hold it: by a seal that names it, or by going on to the next round. Those whose connection is gone come back for the
    /// state, not for payloads.
    pub fn kept_payloads(&self) -> BTreeSet<Digest> {
        let mut kept = BTreeSet::new();
        for log in self.past_logs.iter().chain([&self.log, &self.next_log]) {
            let waiting = self.waiting_for_payloads(log);
            let contributions = log
                .entries
                .iter()
                .filter(|(_, entry)| entry.contribution().is_some());
            let needed = contributions.filter(|(digest, _)| match &waiting {
                Some(waiting) => waiting.iter().any(|peer| !has_sealed(log, peer, digest)),
                None => true,
            });
            kept.extend(needed.map(|(_, entry)| entry.frame.envelope().root));
        }
        kept
    }

    /// The members that may still need payloads of a round; `None` while this node does so itself.
    fn waiting_for_payloads(&self, log: &RoundLog) -> Option<Vec<PeerId>> {
        let aggregated = matches!(self.phase, Phase::Apply(_) | Phase::Done | Phase::Left);
        if log.round > self.log.round || (log.round == self.log.round && !aggregated) {
            return None;
        }
        let states = self.manifests.iter().map(|(_, manifest)| manifest);
        let state = states.rev().find(|state| state.round == log.round)?;
        let later = |peer: &PeerId| {
            let logs = self.past_logs.iter().chain([&self.log, &self.next_log]);
            logs.filter(|other| other.round > log.round)
                .flat_map(RoundLog::frames)
                .any(|frame| frame.author() == *peer)
        };
        // Whoever is admitted in the round follows it from here on.
        let admitted = log
            .entries
            .values()
            .filter_map(|entry| entry.frame.subject());
        let followers = state.roster.iter().copied().chain(admitted);
        let waiting = followers.filter(|peer| *peer != self.me && !self.is_down(peer));
        Some(waiting.filter(|peer| !later(peer)).collect())
    }
}

/// Whether a peer signed that it holds an entry.
fn has_sealed(log: &RoundLog, peer: &PeerId, digest: &Digest) -> bool {
    let seals = log.seals.get(peer).into_iter().flatten();
    seals
        .flat_map(|seal| seal.sealed_entries())
        .any(|named| named == *digest)
}
