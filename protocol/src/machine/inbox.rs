//! Where inputs land: frames in the log of their round, results in the phase that waits for them.

use crate::frame::Frame;
use crate::id::{Digest, PeerId, Round, Time};
use crate::manifest::Vouched;
use crate::message::{Contribution, Message};
use crate::offence::Offence;
use crate::sign::Verified;
use crate::spec::MAX_PEERS;

use super::agree;
use super::event::{Event, Gradient, Input, Output, Reception};
use super::log::{Payload, Put, max_notices};
use super::{Collect, MAX_KNOWN, Phase, RoundMachine};

impl RoundMachine {
    /// Puts a frame where it belongs.
    pub(super) fn put(&mut self, frame: Verified<Frame>, now: Time) -> Reception {
        let author = frame.author();
        if matches!(self.phase, Phase::Left) {
            return Reception::Stale;
        }
        // What this node said before it went back, or was started anew, still counts for the others.
        let said_now = frame.envelope().session >= self.session();
        if author == self.me && said_now {
            return Reception::Duplicate;
        }
        if self
            .state
            .as_ref()
            .is_some_and(|state| state.banned.contains(&author))
        {
            return Reception::Banned;
        }
        if !self.config.spec.membership.admits(&author) {
            return Reception::Outsider;
        }
        if matches!(frame.message(), Message::Vouch) {
            return self.hear_vouch(&frame);
        }
        if self.seals_too_late(&frame) {
            return Reception::Excess;
        }
        if let Message::Contribution(contribution) = frame.message() {
            if !self.fits(contribution) {
                self.emit(Output::Report(author, Offence::WrongShape));
                return Reception::Mismatch;
            }
            self.standing
                .vote(author, frame.round(), contribution.parent, MAX_KNOWN);
        }
        let round = frame.round();
        if self.state.is_none() || round > self.log.round.next() {
            Reception::Early
        } else if round < self.log.round {
            Reception::Stale
        } else if round == self.log.round {
            self.put_now(frame, now)
        } else {
            self.put_next(frame)
        }
    }

    /// A seal of an attempt that no run of this specification comes to.
    fn seals_too_late(&self, frame: &Frame) -> bool {
        let last = agree::attempts(self.config.spec.max_faulty, usize::from(MAX_PEERS));
        matches!(frame.message(), Message::Seal(seal) if seal.attempt > last)
    }

    fn fits(&self, contribution: &Contribution) -> bool {
        let spec = &self.config.spec;
        contribution.dimension == spec.dimension
            && contribution.encoding == spec.encoding
            && spec.encoding.length(spec.dimension) == Some(contribution.length)
    }

    fn hear_vouch(&mut self, frame: &Verified<Frame>) -> Reception {
        let said = (frame.envelope().session, frame.round());
        let author = frame.author();
        if !self.standing.is_current(author, said, MAX_KNOWN) {
            return Reception::Stale;
        }
        let Ok(Vouched { states }) = Vouched::decode(frame.body()) else {
            return Reception::Mismatch;
        };
        if let Some((round, state)) = states.last() {
            self.standing.forget(&author);
            self.standing.vote(author, *round, *state, MAX_KNOWN);
        }
        if let Some(inquiry) = &mut self.inquiry {
            inquiry.hear(author, states);
        }
        Reception::Fresh
    }

    /// Files a frame of the next round; who may speak then is not known yet.
    fn put_next(&mut self, frame: Verified<Frame>) -> Reception {
        let known = self
            .next_log
            .frames()
            .any(|known| known.author() == frame.author());
        let authors = self.next_log.seals.len() + self.next_log.entries.len();
        if !known && authors >= 4 * usize::from(MAX_PEERS) {
            return Reception::Excess;
        }
        match self.next_log.put(frame, MAX_PEERS.into()) {
            Put::New | Put::Contradicts(_) => Reception::Fresh,
            Put::Known => Reception::Duplicate,
            Put::Excess => Reception::Excess,
        }
    }

    /// Files a frame of the round under way.
    pub(super) fn put_now(&mut self, frame: Verified<Frame>, now: Time) -> Reception {
        let author = frame.author();
        let is_join = matches!(frame.message(), Message::Join(_));
        let is_member = self.roster().binary_search(&author).is_ok();
        if is_join == is_member || self.admits_nobody(&frame) {
            return Reception::Outsider;
        }
        let contribution = match frame.message() {
            Message::Contribution(contribution) => Some(*contribution),
            _ => None,
        };
        if contribution.is_some_and(|c| Some(c.parent) != self.state_id()) {
            return Reception::Mismatch;
        }
        let members = self.roster().len();
        let (digest, root) = (frame.digest(), frame.envelope().root);
        match self.log.put(frame, members) {
            Put::Known => return Reception::Duplicate,
            Put::Excess => {
                self.emit(Output::Report(author, Offence::Flood));
                return Reception::Excess;
            }
            Put::Contradicts(proof) => self.accuse(author, proof),
            Put::New => {}
        }
        if is_join {
            self.sponsor(author);
        }
        if contribution.is_none() {
            return Reception::Fresh;
        }
        self.fetch(digest, root);
        let pulls = self.pulls();
        match &self.phase {
            Phase::Collect(collect) if !pulls || collect.closed.is_none() => {
                self.arrivals.record(now.since(collect.since));
                Reception::Fresh
            }
            _ => {
                if pulls && let Some(entry) = self.log.entries.get_mut(&digest) {
                    entry.is_late = true;
                }
                Reception::Late
            }
        }
    }

    /// An admission whose joiner may not be on the roster, or is already.
    fn admits_nobody(&self, frame: &Frame) -> bool {
        if !matches!(frame.message(), Message::Admit) {
            return false;
        }
        !frame.subject().is_some_and(|peer| self.may_join(&peer))
    }

    pub(super) fn may_join(&self, peer: &PeerId) -> bool {
        let known = |s: &crate::Manifest| s.lists(peer) || s.banned.contains(peer);
        self.config.spec.membership.admits(peer) && !self.state.as_ref().is_some_and(known)
    }

    /// Keeps the proof that somebody signed two things for one place, and tells the others.
    fn accuse(&mut self, offender: PeerId, proof: Vec<u8>) {
        self.emit(Output::Report(offender, Offence::Equivocation));
        if self.proofs.len() < usize::from(MAX_PEERS) {
            self.proofs.entry(offender).or_insert(proof);
        }
        self.accuse_proven();
    }

    /// Says what is proven, in each round anew until the offender is banned: in the round in which
    /// it was found out it may have come after the seals.
    pub(super) fn accuse_proven(&mut self) {
        let Some(state) = self.state.as_ref().filter(|state| state.lists(&self.me)) else {
            return;
        };
        self.proofs.retain(|peer, _| !state.banned.contains(peer));
        let most = max_notices(state.roster.len());
        let proven: Vec<_> = self.proofs.clone().into_iter().take(most).collect();
        for (offender, proof) in proven {
            if self.accused.len() < most && self.accused.insert(offender) {
                self.say(Message::Accuse, proof.into());
            }
        }
    }

    /// Signs a message for the round, files it, and publishes it.
    pub(super) fn say(&mut self, message: Message, body: std::sync::Arc<[u8]>) -> Digest {
        let frame = self.sign(message, body);
        let digest = frame.digest();
        let members = self.roster().len();
        self.log.put(frame.clone(), members);
        self.emit(Output::Publish(frame));
        digest
    }

    /// Asks for the payload of an entry of the round.
    pub(super) fn fetch(&mut self, digest: Digest, root: Digest) {
        let Some(entry) = self.log.entries.get_mut(&digest) else {
            return;
        };
        let Some(contribution) = entry.contribution().copied() else {
            return;
        };
        if entry.payload != Payload::Wanted {
            return;
        }
        entry.payload = Payload::Fetching;
        let author = entry.frame.author();
        let sealed = |seals: &&Vec<Verified<Frame>>| {
            seals
                .iter()
                .any(|seal| seal.sealed_entries().any(|named| named == digest))
        };
        let sealers = self.log.seals.iter().filter(|(_, seals)| sealed(seals));
        let others = sealers
            .map(|(peer, _)| *peer)
            .filter(|p| *p != author && *p != self.me);
        let holders = [author].into_iter().chain(others).collect();
        self.emit(Output::Fetch {
            root,
            length: contribution.length,
            holders,
        });
    }

    /// Takes an input other than a frame.
    pub(super) fn take(&mut self, input: Input, now: Time) {
        match input {
            Input::PeerUp(peer) => self.peer_up(peer),
            Input::PeerDown(peer) => self.peer_down(&peer),
            Input::GradientReady(gradient) => self.contribute(gradient),
            Input::PayloadReady(root) => {
                if self.judge_payload(root, Payload::Held)
                    && let Phase::Collect(Collect {
                        closed: Some(closed),
                        ..
                    }) = &self.phase
                    && self.pulls()
                {
                    self.transfers.record(now.since(*closed));
                }
            }
            Input::PayloadBad(root) => drop(self.judge_payload(root, Payload::Bad)),
            Input::PayloadFailed(root) => drop(self.judge_payload(root, Payload::Wanted)),
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
        self.standing.forget(peer);
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

    /// Notes what became of a payload; whether anything waited for it.
    fn judge_payload(&mut self, root: Digest, verdict: Payload) -> bool {
        let (mut liars, mut waited) = (Vec::new(), false);
        for entry in self.log.entries.values_mut() {
            let open = matches!(entry.payload, Payload::Wanted | Payload::Fetching);
            if open && entry.contribution().is_some() && entry.frame.envelope().root == root {
                entry.payload = verdict;
                waited = true;
                if verdict == Payload::Bad {
                    liars.push(entry.frame.author());
                }
            }
        }
        for author in liars {
            self.emit(Output::Report(author, Offence::BadPayload));
        }
        waited
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
