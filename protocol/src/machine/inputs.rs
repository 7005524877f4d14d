//! Where inputs other than frames land: connections, the own contribution, payloads, results.

use crate::id::{Digest, PeerId, Round, Time};
use crate::message::{Contribution, Message};
use crate::offence::Offence;

use super::event::{Event, Gradient, Input, Output};
use super::log::Payload;
use super::{MAX_KNOWN, Phase, RoundMachine};

impl RoundMachine {
    /// Takes an input other than a frame.
    pub(super) fn take(&mut self, input: Input, now: Time) {
        match input {
            Input::PeerUp(peer) => self.peer_up(peer),
            Input::PeerDown(peer) => self.peer_down(&peer),
            Input::GradientReady(gradient) => self.contribute(gradient),
            Input::PayloadReady(root) => {
                let authors = self.judge_payload(root, Payload::Held);
                // One that comes too late counts as well: who learned only from those in time would never wait longer.
                if let Some(shown) = self.shown_at {
                    for author in authors {
                        self.transfers.record(author, now.since(shown));
                    }
                }
            }
            Input::PayloadBad(root) => drop(self.judge_payload(root, Payload::Bad)),
            Input::PayloadFailed(root) => self.payload_failed(root, now),
            Input::Aggregated(round) => self.aggregated(round),
            Input::Applied {
                round,
                model,
                length,
            } => self.applied(round, model, length, now),
            Input::StateReady(manifest) => self.take_over(manifest, now),
            Input::StateFailed(state) => self.state_failed(state, now),
            Input::Leave => self.leave(),
        }
    }

    fn peer_up(&mut self, peer: PeerId) {
        let known = self.peers.contains_key(&peer);
        if known || self.peers.len() < MAX_KNOWN {
            self.peers.insert(peer, true);
        }
        if let Some(inquiry) = &mut self.inquiry
            && inquiry.ask(peer)
        {
            self.emit(Output::Query(peer));
        }
    }

    fn peer_down(&mut self, peer: &PeerId) {
        self.standing.lose(peer);
        self.silent.remove(peer);
        if self.roster().binary_search(peer).is_ok() {
            self.peers.insert(*peer, false);
        } else {
            self.peers.remove(peer);
        }
    }

    fn contribute(&mut self, gradient: Gradient) {
        let Some(parent) = self.state_id() else {
            return;
        };
        let current: Round = self.log.round;
        let Phase::Collect(collect) = &mut self.phase else {
            return;
        };
        if gradient.round != current || collect.contributed {
            return;
        }
        collect.contributed = true;
        let spec = &self.config.spec;
        let contribution = Contribution {
            parent,
            length: spec.encoding.length(spec.dimension).unwrap_or(u64::MAX),
            encoding: spec.encoding,
            dimension: spec.dimension,
            samples: gradient.samples,
            loss: gradient.loss,
        };
        let digest = self.say(Message::Contribution(contribution), gradient.body);
        if let Some(entry) = self.log.entries.get_mut(&digest) {
            entry.payload = Payload::Held;
        }
    }

    /// Notes what became of a payload, and returns whose it is, if anything waited for it.
    fn judge_payload(&mut self, root: Digest, verdict: Payload) -> Vec<PeerId> {
        let mut authors = Vec::new();
        for entry in self.log.awaiting(root) {
            entry.payload = verdict;
            authors.push(entry.frame.author());
        }
        if verdict == Payload::Bad {
            for author in &authors {
                self.emit(Output::Report(*author, Offence::BadPayload));
            }
        }
        authors
    }

    /// Nobody had a payload, or the rest of it. The first time it is asked for again at once, then with what is lost.
    fn payload_failed(&mut self, root: Digest, now: Time) {
        let mut again = Vec::new();
        for entry in self.log.awaiting(root) {
            entry.payload = Payload::Wanted;
            if entry.failed_at.is_none() {
                entry.failed_at = Some(now);
                again.push(entry.frame.digest());
            }
        }
        for digest in again {
            self.fetch(digest, root);
        }
    }

    fn leave(&mut self) {
        if matches!(self.phase, Phase::Left) {
            return;
        }
        if self.is_member() && !matches!(self.phase, Phase::Done) {
            self.say(Message::Leave, [].into());
        }
        self.phase = Phase::Left;
        self.inquiry = None;
        self.notify(Event::Left);
    }
}
