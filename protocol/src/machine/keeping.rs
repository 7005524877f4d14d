//! What a node keeps for others: payloads until nobody needs them any more.

use std::collections::BTreeSet;

use crate::id::{Digest, PeerId};

use super::log::{Payload, RoundLog};
use super::{KEPT_PAYLOADS, Phase, RoundMachine};

impl RoundMachine {
    /// The roots of all payloads that this node or others may still ask for.
    ///
    /// Once this node has aggregated a round, a payload is needed only by those who follow the round and did not say that
    /// they hold it, by a seal that names it or by a frame of a later round. Those are the members, the admitted, and
    /// whoever else is connected: a newcomer takes over the state before a round without a word. Those whose connection
    /// is gone come back for the state, not for payloads. Nobody waits for longer than two rounds.
    ///
    /// A node that went back to a round keeps what it holds of it until it has ended that round again.
    pub fn kept_payloads(&self) -> BTreeSet<Digest> {
        let mut kept = BTreeSet::new();
        let past = self.past_logs.iter().rev().take(KEPT_PAYLOADS);
        for log in past.chain([&self.log, &self.next_log]) {
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
        for log in &self.given_up {
            let held = log
                .entries
                .values()
                .filter(|entry| entry.payload == Payload::Held);
            kept.extend(held.map(|entry| entry.frame.envelope().root));
        }
        kept
    }

    /// The peers that may still need payloads of a round; `None` while this node does so itself.
    fn waiting_for_payloads(&self, log: &RoundLog) -> Option<BTreeSet<PeerId>> {
        let aggregated = matches!(self.phase, Phase::Apply(_) | Phase::Done | Phase::Left);
        if log.round > self.log.round || (log.round == self.log.round && !aggregated) {
            return None;
        }
        let states = self.manifests.iter().map(|(_, manifest)| manifest);
        let state = states.rev().find(|state| state.round == log.round)?;
        let logs = self.past_logs.iter().chain([&self.log, &self.next_log]);
        // A request to join waits in later logs, too: its own round counts.
        let later = logs
            .flat_map(RoundLog::frames)
            .filter(|frame| frame.round() > log.round);
        let gone_on: BTreeSet<PeerId> = later.map(|frame| frame.author()).collect();
        let admitted = log
            .entries
            .values()
            .filter_map(|entry| entry.frame.subject());
        let connected = self.peers.iter().filter(|(_, up)| **up);
        let followers = state.roster.iter().copied().chain(admitted);
        let followers = followers.chain(connected.map(|(peer, _)| *peer));
        let waiting = followers.filter(|peer| *peer != self.me && !self.is_down(peer));
        Some(waiting.filter(|peer| !gone_on.contains(peer)).collect())
    }
}

/// Whether a peer signed that it holds an entry.
fn has_sealed(log: &RoundLog, peer: &PeerId, digest: &Digest) -> bool {
    let seals = log.seals.get(peer).into_iter().flatten();
    seals
        .flat_map(|seal| seal.sealed_entries())
        .any(|named| named == *digest)
}
