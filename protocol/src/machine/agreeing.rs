//! Agree: attempts, one after the other. What an attempt accepts is in `agree.rs`, what follows from the last one in
//! `concluding.rs`; here is when.

use std::collections::{BTreeMap, BTreeSet};

use crate::frame::MAX_SEAL_ENTRIES;
use crate::id::{Digest, PeerId, Time};
use crate::message::{Message, Seal};

use super::agree;
use super::event::Output;
use super::mutation::Mutation;
use super::step::SEAL_PATIENCE;
use super::{Agree, Collect, Phase, RoundMachine};

/// Most views that are passed over at once.
const MAX_VIEW_STEP: u16 = 64;

impl RoundMachine {
    /// Seals what this node holds, and begins to agree, for the first time or anew.
    pub(super) fn begin_view(&mut self, view: u16, now: Time) {
        if view > 0 {
            self.log.takes_late = true;
        }
        if self.is_member() {
            let body = seal_body(&self.first_seal_entries(view));
            self.say(Message::Seal(Seal { view, attempt: 1 }), body.into());
        }
        self.start_agreement(view, now);
        if view > 0 {
            // For the views after this one, in whose first seals they are named.
            self.sponsor_all();
        }
    }

    /// Gives up a view that does not end: seals were lost for good, or peers failed beyond what the
    /// run foresees, or nobody that is up holds a payload that was agreed. False while it may still end.
    pub(super) fn begin_next_view(&mut self, now: Time) -> bool {
        let timing = &self.config.spec.timing;
        let (view, over) = match &self.phase {
            Phase::Agree(agree) => {
                let end = timing.after_attempts(agree.sealed, self.attempts_with_patience());
                (agree.view, now >= end)
            }
            Phase::Aggregate(aggregate) if !aggregate.asked => {
                (aggregate.view, now >= self.stall())
            }
            _ => return false,
        };
        if over && let Some(next) = self.view_after(view) {
            self.begin_view(next, now);
            return true;
        }
        false
    }

    /// The view to begin after one that did not end: the next one, or the one in which others are by now. No more than f
    /// of them may be there, whom nobody follows at once; but they may be those who are needed for a quorum, and would
    /// always be a few views further. Liars can claim any view, so that a step is bounded: 65,536 views are enough.
    fn view_after(&self, view: u16) -> Option<u16> {
        let next = view.checked_add(1)?;
        let furthest = self.log.view_of_more_than(0);
        Some(furthest.clamp(next, next.saturating_add(MAX_VIEW_STEP)))
    }

    pub(super) fn start_agreement(&mut self, view: u16, now: Time) {
        if let Phase::Collect(Collect { closed: None, .. }) = &self.phase {
            self.emit(Output::Reveal(self.log.round));
        }
        self.pull_at = self
            .pull_at
            .min(now + self.config.spec.timing.attempt() / 3);
        self.phase = Phase::Agree(Agree {
            view,
            sealed: now,
            started: None,
            attempt: 1,
            accepted: BTreeSet::new(),
            asked: None,
        });
    }

    pub(super) fn advance_agree(&mut self, mut agree: Agree, now: Time) -> bool {
        if self.mutant.is(Mutation::BeforeAgreement) {
            let set = agree::sealable(&self.log);
            if self.is_enough(&set) {
                self.settle(&set, (agree.view, 0), now);
                return true;
            }
        }
        let unanimous = |view: &u16| agree::unanimous(&self.log, self.roster(), *view, self.mutant);
        let views = self.log.views();
        let mut sets = views.iter().filter_map(unanimous);
        if let Some(set) = sets.find(|set| self.knows_all(set) && self.is_enough(set)) {
            self.settle(&set, (agree.view, 0), now);
            return true;
        }
        let reached = self.log.view_of_more_than(self.faulty());
        if reached > agree.view {
            self.begin_view(reached, now);
            return true;
        }
        let Some(started) = agree.started else {
            let start = self.may_start(&agree, now);
            if start {
                agree.started = Some(now);
                self.phase = Phase::Agree(agree);
            }
            return start;
        };
        let end = self.attempt_end(started, agree.attempt);
        if now < end {
            return false;
        }
        let last = agree.attempt >= self.attempts();
        if last && self.is_past_concluding(end, now) {
            return self.look_for_state(now);
        }
        let new = self.newly_accepted(&agree, last);
        if last {
            agree.accepted.extend(new);
            return self.conclude(&agree, end, now);
        }
        agree.attempt += 1;
        let silent = self.mutant.is(Mutation::SilentAcceptance);
        if self.is_member() && !new.is_empty() && !silent {
            let (view, attempt) = (agree.view, agree.attempt);
            self.say(
                Message::Seal(Seal { view, attempt }),
                seal_body(&new).into(),
            );
        }
        agree.accepted.extend(new);
        self.phase = Phase::Agree(agree);
        true
    }

    /// Signatures with which a first seal is accepted at the end of an attempt.
    pub(super) fn signers_needed(&self, attempt: u8) -> usize {
        let few = self.mutant.is(Mutation::FewSigners);
        if few { 1 } else { attempt.into() }
    }

    /// Attempts that this node makes.
    pub(super) fn attempts(&self) -> u8 {
        let all = agree::attempts(self.config.spec.max_faulty, self.roster().len());
        all - u8::from(all > 1 && self.mutant.is(Mutation::NoLastAttempt))
    }

    /// More than so many must name an entry.
    pub(super) fn faulty_in_tally(&self) -> usize {
        if self.mutant.is(Mutation::OneIsEnough) {
            0
        } else {
            self.faulty()
        }
    }

    pub(super) fn knows_all(&self, set: &BTreeSet<Digest>) -> bool {
        set.iter()
            .all(|digest| self.log.entries.contains_key(digest))
    }

    /// Whether the next round has a quorum: correct peers never seal less.
    pub(super) fn is_enough(&self, set: &BTreeSet<Digest>) -> bool {
        agree::present(&self.log, set).len() >= self.config.spec.quorum()
    }

    /// Whether so many have sealed that the correct ones all know within a message's time; or, if
    /// more peers failed than the run foresees, whether enough are left after a longer wait.
    ///
    /// That more failed is certain only when all correct ones would have sealed by now: those that
    /// saw the seals of more than the faulty ones do within half an attempt, others may collect for as
    /// long as the run allows. A liar that gives its payload to a few lets just these seal early.
    fn may_start(&self, agree: &Agree, now: Time) -> bool {
        let sealers = self.sealers(agree.view);
        let n = self.roster().len();
        if n == 1 {
            // A lone member is agreed with itself; who watches it waits for its one seal.
            return false;
        }
        if sealers.len() >= self.seals_to_start() {
            return true;
        }
        let (_, joiners) = self.present();
        let enough = sealers.union(&joiners).count() >= self.config.spec.quorum();
        let timing = &self.config.spec.timing;
        let due = timing.after_attempts(agree.sealed, SEAL_PATIENCE);
        let others = sealers.iter().filter(|peer| **peer != self.me).count();
        let missing = |peer: &&PeerId| !sealers.contains(*peer);
        let gone = |peer: &PeerId| self.is_down(peer) || self.has_left(peer);
        let certain = others > self.faulty() || self.roster().iter().filter(missing).all(gone);
        enough && now >= due && (certain || now >= self.all_sealed())
    }

    /// When all correct peers that are up have sealed the round, whatever they saw.
    pub(super) fn all_sealed(&self) -> Time {
        let timing = &self.config.spec.timing;
        timing.after_attempts(self.round_started + timing.collect_max(), SEAL_PATIENCE)
    }

    /// First seals with which the attempts start: those of all correct members, and a majority.
    pub(super) fn seals_to_start(&self) -> usize {
        let n = self.roster().len();
        n.saturating_sub(self.faulty()).max(n / 2 + 1)
    }

    pub(super) fn attempt_end(&self, started: Time, attempt: u8) -> Time {
        self.config
            .spec
            .timing
            .after_attempts(started, u32::from(attempt))
    }

    /// First seals to accept at the end of the attempt; after the last one also those that enough
    /// others name, though this node never saw them.
    fn newly_accepted(&self, agree: &Agree, last: bool) -> BTreeSet<Digest> {
        let signers = self.signers_needed(agree.attempt);
        let (echoers, nobody) = (self.log.echoers_of(agree.view), BTreeSet::new());
        let accepts = |seal: &Digest, author| {
            let echoers = echoers.get(seal).unwrap_or(&nobody);
            agree::is_accepted(author, echoers, signers)
        };
        let held = self.log.first_seals(agree.view);
        let held: BTreeMap<Digest, PeerId> = held.map(|s| (s.digest(), s.author())).collect();
        // Who signed an unknown one is not known either: somebody who is not among its echoers.
        let unknown = echoers
            .keys()
            .filter(|seal| last && !held.contains_key(seal));
        let unknown = unknown.map(|seal| (*seal, self.me));
        let named = held
            .iter()
            .map(|(seal, author)| (*seal, *author))
            .chain(unknown);
        named
            .filter(|(seal, author)| !agree.accepted.contains(seal) && accepts(seal, *author))
            .map(|(seal, _)| seal)
            .collect()
    }
}

pub(super) fn seal_body<'a>(entries: impl IntoIterator<Item = &'a Digest>) -> Vec<u8> {
    entries
        .into_iter()
        .take(MAX_SEAL_ENTRIES)
        .flat_map(|digest| digest.0)
        .collect()
}
