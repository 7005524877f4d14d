//! The end of Agree: the set that follows from the attempts, and how a node gets what it lacks of it.

use std::collections::BTreeSet;

use crate::frame::Frame;
use crate::id::{Digest, PeerId, Time};
use crate::sign::Verified;

use super::agree;
use super::event::Output;
use super::step::MISSING_PATIENCE;
use super::{Agree, Phase, RoundMachine};

/// Attempts within which what is here when the patience ends may still be looked at.
const LAST_LOOK: u32 = 1;

impl RoundMachine {
    /// The attempts are over: settles on the set that follows, once it is all known.
    ///
    /// The set of correct peers has a quorum, since each of them sealed one. With less, or out of step with them,
    /// this node missed something, and finds out what from the others' state.
    pub(super) fn conclude(&mut self, agree: &Agree, end: Time, now: Time) -> bool {
        let timing = &self.config.spec.timing;
        let patience = timing.after_attempts(end, MISSING_PATIENCE);
        let quorum = self.config.spec.quorum();
        let (view, faulty) = (agree.view, self.faulty_in_tally());
        let tally = |accepted| agree::tally(&self.log, view, accepted, faulty, quorum);
        let mut set = tally(&agree.accepted);
        let in_step = tally(&self.signed_by_enough(agree)) == set;
        let missing = !self.knows_all(&set) || !self.knows_all_seals(agree);
        if missing && now < patience {
            return self.ask_for_missing(agree, &set, now);
        }
        set.retain(|digest| self.log.entries.contains_key(digest));
        if in_step && self.is_enough(&set) {
            self.settle(&set, (view, agree.attempt), now);
            return true;
        }
        self.look_for_state(now)
    }

    /// Whether nothing follows from this view any more: what is heard from now on, as from a peer that went back to this
    /// round, others heard at another time, and some of them not at all. Only a next view ends the round, or the others' state.
    pub(super) fn is_past_concluding(&self, end: Time, now: Time) -> bool {
        let timing = &self.config.spec.timing;
        now > timing.after_attempts(end, MISSING_PATIENCE + LAST_LOOK)
    }

    /// Asks around, unless that was done a moment ago.
    pub(super) fn look_for_state(&mut self, now: Time) -> bool {
        let lost = self.inquiry.is_none() && now >= self.doubt_after;
        if lost {
            self.inquire(now);
        }
        lost
    }

    /// The accepted first seals for which enough have signed in the end.
    ///
    /// Peers that make their attempts at the same time sign for all that one of them accepts. So if the others made
    /// theirs and did not sign, this node made its own at another time; often the seal is its own, and came too late.
    /// If that seal makes a difference, what this node would settle on is not what the others do.
    fn signed_by_enough(&self, agree: &Agree) -> BTreeSet<Digest> {
        let echoers = self.log.echoers_of(agree.view);
        let awake: BTreeSet<PeerId> = echoers.values().flatten().copied().collect();
        let needed = awake.len().min(self.signers_needed(self.attempts()));
        let nobody = BTreeSet::new();
        let too_few = |seal: &&Verified<Frame>| {
            let echoers = echoers.get(&seal.digest()).unwrap_or(&nobody);
            !agree::is_accepted(seal.author(), echoers, needed)
        };
        let doubtful = self.log.first_seals(agree.view).filter(too_few);
        let doubtful: BTreeSet<Digest> = doubtful.map(|seal| seal.digest()).collect();
        &agree.accepted - &doubtful
    }

    fn knows_all_seals(&self, agree: &Agree) -> bool {
        let known = self.log.first_seals(agree.view);
        let known: BTreeSet<Digest> = known.map(|seal| seal.digest()).collect();
        agree.accepted.is_subset(&known)
    }

    /// Asks for the entries of the set, and the accepted first seals, that are not here: those that sealed an entry, or signed
    /// for a seal, f + 1 of them, one of which is honest and has it. A liar that gives its contribution to f peers leaves no
    /// others who do, and asking one after the other of all members may take longer than these wait. False if they were
    /// asked less than an attempt ago.
    fn ask_for_missing(&mut self, agree: &Agree, set: &BTreeSet<Digest>, now: Time) -> bool {
        let attempt = self.config.spec.timing.attempt();
        if agree.asked.is_some_and(|at| now < at + attempt) {
            return false;
        }
        let sealers = self.log.sealers_of(agree.view);
        let echoers = self.log.echoers_of(agree.view);
        let entries = set.iter().filter(|d| !self.log.entries.contains_key(d));
        let held = self.log.first_seals(agree.view);
        let held: BTreeSet<Digest> = held.map(|seal| seal.digest()).collect();
        let of_entries = entries.filter_map(|entry| sealers.get(entry));
        let of_seals = agree.accepted.difference(&held);
        let of_seals = of_seals.filter_map(|seal| echoers.get(seal));
        let others = |holders: &BTreeSet<PeerId>| -> Vec<PeerId> {
            let others = holders.iter().filter(|peer| **peer != self.me);
            others.take(self.faulty() + 1).copied().collect()
        };
        let holders: BTreeSet<PeerId> = of_entries.chain(of_seals).flat_map(others).collect();
        let round = self.log.round;
        for peer in holders {
            self.emit(Output::Pull { peer, round });
        }
        self.phase = Phase::Agree(Agree {
            asked: Some(now),
            ..agree.clone()
        });
        true
    }
}
