//! Where frames land: in the log of their round.

use std::collections::BTreeSet;

use crate::frame::Frame;
use crate::id::{Digest, PeerId, Time};
use crate::manifest::Vouched;
use crate::message::{Contribution, Message};
use crate::offence::Offence;
use crate::sign::Verified;
use crate::spec::MAX_PEERS;

use super::agree;
use super::event::{Output, Reception};
use super::log::{Payload, Put, max_notices};
use super::{MAX_KNOWN, Phase, RoundMachine};

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
                return self.refuse(&frame);
            }
            let at = (frame.round(), contribution.parent);
            self.standing.contribution(author, at, MAX_KNOWN);
        }
        let round = frame.round();
        if self.state.is_none() || round > self.log.round.next() {
            Reception::Early
        } else if round < self.log.round && !self.may_still_join(&frame) {
            Reception::Stale
        } else if round <= self.log.round {
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

    /// Remembers a contribution whose header breaks the spec, if somebody may wait for it or seal it.
    fn refuse(&mut self, frame: &Verified<Frame>) -> Reception {
        let author = frame.author();
        let is_member = self.roster().binary_search(&author).is_ok();
        let put = match frame.round() {
            round if round == self.log.round && is_member => self.log.refuse(frame),
            round if round == self.next_log.round => self.next_log.refuse(frame),
            _ => Put::Excess,
        };
        if put == Put::Known {
            return Reception::Duplicate;
        }
        self.emit(Output::Report(author, Offence::WrongShape));
        if put == Put::New {
            Reception::Misfit
        } else {
            Reception::Mismatch
        }
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
        self.silent.remove(&author);
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
        let seal = match frame.message() {
            Message::Seal(seal) => Some(*seal),
            _ => None,
        };
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
        if seal.is_some_and(|seal| seal.attempt > 1 && self.lacks_what_is_passed_on(seal.view)) {
            self.emit(Output::Pull {
                peer: author,
                round: self.log.round,
            });
        }
        if contribution.is_none() {
            return Reception::Fresh;
        }
        self.fetch(digest, root);
        let pulls = self.pulls();
        match &self.phase {
            Phase::Collect(collect) if !pulls || collect.closed.is_none() => {
                self.arrivals.record(author, now.since(collect.since));
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

    /// Whether a first seal of the view that is not here was passed on, and by no more than the faulty ones and one:
    /// among so many is an honest one that holds it. A liar may give its seal to a single peer, which then has to
    /// hand it on with its own signature, as in Dolev and Strong; here the others ask for it.
    fn lacks_what_is_passed_on(&self, view: u16) -> bool {
        let held: BTreeSet<Digest> = self.log.first_seals(view).map(|s| s.digest()).collect();
        let few = |echoers: &BTreeSet<PeerId>| echoers.len() <= self.faulty() + 1;
        let mut passed_on = self.log.echoers_of(view).into_iter();
        passed_on.any(|(seal, echoers)| !held.contains(&seal) && few(&echoers))
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
}
