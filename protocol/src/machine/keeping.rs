//! What a node keeps for others: payloads until nobody needs them any more, and for a while the states that it told of.

use std::collections::BTreeSet;

use crate::frame::Frame;
use crate::id::{Digest, PeerId, StateId, Time};
use crate::manifest::{MAX_VOUCHED, Manifest, Vouched};
use crate::message::Message;
use crate::sign::Verified;

use super::log::{Payload, RoundLog};
use super::{KEPT_PAYLOADS, Phase, RoundMachine};

/// Attempts for which a state is lent: time to ask for it from far away.
const LENDING: u32 = 4;

/// A state that others were told of, kept for them though newer ones came since.
#[derive(Debug, Clone)]
pub(super) struct Lent {
    pub(super) id: StateId,
    pub(super) manifest: Manifest,
    until: Time,
}

impl RoundMachine {
    /// The states that this node stands behind, signed. The latest is kept for a while for whoever hears of it.
    pub fn vouch(&mut self, now: Time) -> Verified<Frame> {
        self.lend(now);
        let states = self.standing.recent(MAX_VOUCHED);
        self.sign(Message::Vouch, Vouched { states }.encode().into())
    }

    /// Keeps the present state for whoever hears of it now. Where rounds are short, it would be forgotten before they can
    /// ask for it. One in an attempt, at most: who hears of another hears of the next one soon.
    fn lend(&mut self, now: Time) {
        self.expire_lent(now);
        let attempt = self.config.spec.timing.attempt();
        let (Some(id), Some(manifest)) = (self.state_id(), self.state.clone()) else {
            return;
        };
        let until = now + attempt * LENDING;
        let latest = self.lent.back();
        if latest.is_none_or(|latest| latest.until + attempt <= until) {
            self.lent.push_back(Lent {
                id,
                manifest,
                until,
            });
        }
    }

    /// Keeps no longer what was lent long enough.
    pub(super) fn expire_lent(&mut self, now: Time) {
        self.lent.retain(|lent| lent.until > now);
    }

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
