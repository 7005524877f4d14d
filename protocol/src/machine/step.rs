//! Transitions: what the machine does when nothing more arrives, and when time passes.
//!
//! Every condition is evaluated anew at each step, so a deadline is a time at which to look again,
//! never an event that can be lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::frame::MAX_SEAL_ENTRIES;
use crate::id::{Digest, PeerId, Time};
use crate::message::{Message, Seal};

use super::agree;
use super::event::{Event, Output};
use super::log::{self, Payload};
use super::{Aggregate, Agree, Collect, Phase, RoundMachine};

/// Attempts that a sealed node waits for enough other seals before it goes on without.
const SEAL_PATIENCE: u32 = 2;
/// Attempts that a node waits for entries that others counted and it never saw.
const MISSING_PATIENCE: u32 = 4;

impl RoundMachine {
    /// Goes on as far as it can.
    pub(super) fn step(&mut self, now: Time) {
        self.seen = now;
        while self.advance(now) {}
    }

    fn advance(&mut self, now: Time) -> bool {
        if self.advance_inquiry(now) {
            return true;
        }
        let advanced = match &self.phase {
            Phase::Collect(collect) => self.advance_collect(collect.clone(), now),
            Phase::Agree(agree) => self.advance_agree(agree.clone(), now),
            Phase::Aggregate(aggregate) => self.advance_aggregate(aggregate.clone(), now),
            Phase::Join | Phase::Apply(_) | Phase::Done | Phase::Left => return false,
        };
        advanced || self.advance_doubt(now)
    }

    fn advance_doubt(&mut self, now: Time) -> bool {
        let idle = self.inquiry.is_none() && now >= self.doubt_after;
        let waiting = self.is_held_up(now);
        let alone = !self.peers.values().any(|up| *up);
        let doubt = idle
            && !alone
            && (waiting || self.standing.doubt(self.log.round, self.liars()).is_some());
        if doubt {
            self.inquire(now);
        }
        doubt
    }

    /// Whether the round cannot end as things are: too few peers, or nothing happened for long.
    pub(super) fn is_held_up(&self, now: Time) -> bool {
        match &self.phase {
            Phase::Join => true,
            Phase::Collect(collect) if collect.waiting => true,
            Phase::Collect(_) | Phase::Agree(_) | Phase::Aggregate(_) => now >= self.stall(),
            Phase::Apply(_) | Phase::Done | Phase::Left => false,
        }
    }

    /// When a round without result has taken longer than any that goes well.
    fn stall(&self) -> Time {
        let timing = &self.config.spec.timing;
        let attempts = agree::attempts(self.config.spec.max_faulty, self.roster().len());
        let margin = u32::from(attempts) + SEAL_PATIENCE + MISSING_PATIENCE;
        timing.after_attempts(self.round_started + timing.collect_max(), margin)
    }

    /// Asks again for what may have been lost on the way.
    pub(super) fn tick(&mut self, now: Time) {
        if now < self.pull_at {
            return;
        }
        self.pull_at = now + self.config.spec.timing.attempt();
        if matches!(self.phase, Phase::Join | Phase::Done | Phase::Left) {
            return;
        }
        let up: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|(_, up)| **up)
            .map(|(p, _)| *p)
            .collect();
        if !up.is_empty() {
            self.pulls = self.pulls.wrapping_add(1);
            let peer = up[self.pulls % up.len()];
            self.emit(Output::Pull {
                peer,
                round: self.log.round,
            });
        }
        if !self.is_member() && matches!(self.phase, Phase::Collect(_)) {
            self.ask_to_join();
        }
        let wanted = self
            .log
            .entries
            .iter()
            .filter(|(_, e)| e.payload == Payload::Wanted);
        let wanted: Vec<_> = wanted.map(|(d, e)| (*d, e.frame.envelope().root)).collect();
        for (digest, root) in wanted {
            self.fetch(digest, root);
        }
    }

    /// Peers whose contribution is held, and peers that are about to be admitted.
    fn present(&self) -> (BTreeSet<PeerId>, BTreeSet<PeerId>) {
        let held = self
            .log
            .entries
            .values()
            .filter(|entry| entry.payload == Payload::Held);
        let mut contributors = BTreeSet::new();
        let mut joiners = BTreeSet::new();
        for entry in held {
            match entry.frame.message() {
                Message::Contribution(_) => drop(contributors.insert(entry.frame.author())),
                Message::Admit => joiners.extend(entry.frame.subject()),
                _ => {}
            }
        }
        (contributors, joiners)
    }

    fn has_left(&self, peer: &PeerId) -> bool {
        let goodbye = |m: &Message| matches!(m, Message::Leave);
        self.log
            .entries
            .values()
            .any(|e| e.frame.author() == *peer && goodbye(e.frame.message()))
    }

    fn is_down(&self, peer: &PeerId) -> bool {
        self.peers.get(peer) == Some(&false)
    }

    /// Members that may fail in any way in a round.
    fn faulty(&self) -> usize {
        usize::from(agree::attempts(
            self.config.spec.max_faulty,
            self.roster().len(),
        )) - 1
    }

    /// Members whose first seal was heard and counts.
    fn sealers(&self) -> BTreeSet<PeerId> {
        let counted = self.log.counted_seals(self.faulty());
        let sealed = |p: &&PeerId| {
            counted
                .get(p)
                .is_some_and(|seals| log::first(seals).is_some())
        };
        self.roster().iter().filter(sealed).copied().collect()
    }

    fn advance_collect(&mut self, mut collect: Collect, now: Time) -> bool {
        if collect.compute_at.is_some_and(|at| now >= at) {
            collect.compute_at = None;
            self.phase = Phase::Collect(collect);
            self.emit(Output::Compute {
                round: self.log.round,
                roster: self.roster().to_vec(),
            });
            return true;
        }
        let others = self
            .sealers()
            .iter()
            .filter(|peer| **peer != self.me)
            .count();
        if !self.is_member() {
            let overtaken = others > self.liars().min(self.roster().len().saturating_sub(1));
            if overtaken {
                self.start_agreement(BTreeSet::new(), now);
            }
            return overtaken;
        }
        if collect.overtaken.is_none() && others > self.faulty() {
            collect.overtaken = Some(now);
            self.phase = Phase::Collect(collect.clone());
        }
        let (contributors, joiners) = self.present();
        let have = contributors.union(&joiners).count();
        let need = self.config.spec.quorum();
        if have < need {
            return self.wait_for_peers(collect, have, now);
        }
        let missing = |p: &&PeerId| !contributors.contains(p) && !self.has_left(p);
        let whole = !self.roster().iter().any(|peer| missing(&peer));
        if whole || now >= self.collect_end(&collect) {
            let entries = agree::sealable(&self.log);
            let body = seal_body(entries.iter());
            self.say(Message::Seal(Seal { attempt: 1 }), body.into());
            self.start_agreement(entries, now);
            return true;
        }
        false
    }

    /// Too few peers are in. Once the roster cannot change that, newcomers are admitted at once.
    fn wait_for_peers(&mut self, mut collect: Collect, have: usize, now: Time) -> bool {
        let need = self.config.spec.quorum();
        let able = self
            .roster()
            .iter()
            .filter(|peer| !self.is_down(peer))
            .count();
        let hopeless = able < need || now >= self.collect_end(&collect);
        if collect.waiting || !collect.contributed || !hopeless {
            return false;
        }
        collect.waiting = true;
        self.phase = Phase::Collect(collect);
        self.notify(Event::Waiting {
            round: self.log.round,
            have,
            need,
        });
        for joiner in self.log.joins.keys().copied().collect::<Vec<_>>() {
            self.sponsor(joiner);
        }
        true
    }

    /// When to stop waiting for contributions, given enough are in.
    fn collect_end(&self, collect: &Collect) -> Time {
        let timing = &self.config.spec.timing;
        let (contributors, _) = self.present();
        let mut missing = self
            .roster()
            .iter()
            .filter(|peer| !contributors.contains(peer));
        let mut patience = collect.patience;
        if missing.all(|peer| self.is_down(peer)) {
            patience = patience.min(timing.attempt());
        }
        let end = collect.since + patience;
        collect
            .overtaken
            .map_or(end, |at| end.min(at + timing.attempt() / 2))
    }

    fn start_agreement(&mut self, accepted: BTreeSet<Digest>, now: Time) {
        self.phase = Phase::Agree(Agree {
            sealed: now,
            started: None,
            attempt: 2,
            accepted,
        });
    }

    fn advance_agree(&mut self, mut agree: Agree, now: Time) -> bool {
        if let Some(set) = agree::unanimous(&self.log, self.roster(), self.faulty())
            && set
                .iter()
                .all(|digest| self.log.entries.contains_key(digest))
        {
            self.settle(&set, 0, now);
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
        let attempt = agree.attempt;
        let end = self.attempt_end(started, attempt);
        if now < end {
            return false;
        }
        let last = attempt >= agree::attempts(self.config.spec.max_faulty, self.roster().len());
        let (new, unknown) = self.newly_supported(&agree, last);
        if last {
            let patience = self
                .config
                .spec
                .timing
                .after_attempts(end, MISSING_PATIENCE);
            if unknown && now < patience {
                return false;
            }
            agree.accepted.extend(new);
            return self.settle_if_enough(&agree.accepted, attempt, now);
        }
        let held = new.iter().filter(|digest| {
            self.log
                .entries
                .get(digest)
                .is_some_and(|entry| entry.payload == Payload::Held)
        });
        let body = seal_body(held);
        if self.is_member() && !body.is_empty() {
            self.say(Message::Seal(Seal { attempt }), body.into());
        }
        agree.accepted.extend(new);
        agree.attempt += 1;
        self.phase = Phase::Agree(agree);
        true
    }

    /// Settles on a set that can be what correct peers agreed on: they never seal less than a
    /// quorum. With less, this node missed something, and finds out what from the others' state.
    fn settle_if_enough(&mut self, set: &BTreeSet<Digest>, attempts: u8, now: Time) -> bool {
        let present = |digest: &Digest| match self.log.entries.get(digest)?.frame.message() {
            Message::Contribution(_) => Some(self.log.entries.get(digest)?.frame.author()),
            Message::Admit => self.log.entries.get(digest)?.frame.subject(),
            _ => None,
        };
        let peers: BTreeSet<PeerId> = set.iter().filter_map(present).collect();
        if peers.len() >= self.config.spec.quorum() {
            self.settle(set, attempts, now);
            return true;
        }
        let lost = self.inquiry.is_none() && now >= self.doubt_after;
        if lost {
            self.inquire(now);
        }
        lost
    }

    /// Whether so many have sealed that the correct ones all know within a message's time; or, if
    /// more peers failed than the run foresees, whether enough are left after a longer wait.
    fn may_start(&self, agree: &Agree, now: Time) -> bool {
        let sealers = self.sealers();
        let n = self.roster().len();
        if n == 1 {
            // A lone member is agreed with itself; who watches it waits for its one seal.
            return false;
        }
        if sealers.len() >= n.saturating_sub(self.faulty()).max(n / 2 + 1) {
            return true;
        }
        let (_, joiners) = self.present();
        let enough = sealers.union(&joiners).count() >= self.config.spec.quorum();
        enough
            && now
                >= self
                    .config
                    .spec
                    .timing
                    .after_attempts(agree.sealed, SEAL_PATIENCE)
    }

    fn attempt_end(&self, started: Time, attempt: u8) -> Time {
        self.config
            .spec
            .timing
            .after_attempts(started, u32::from(attempt).saturating_sub(1))
    }

    /// Entries to accept at the end of the attempt; and whether others count entries that this
    /// node never saw.
    fn newly_supported(&self, agree: &Agree, last: bool) -> (BTreeSet<Digest>, bool) {
        let mut new = BTreeSet::new();
        let mut unknown = false;
        for (digest, mut sealers) in self.log.support(self.faulty()) {
            sealers.retain(|peer, _| self.roster().binary_search(peer).is_ok());
            if agree.accepted.contains(&digest) {
                continue;
            }
            let Some(entry) = self.log.entries.get(&digest) else {
                // Its author is not known: assume one that is not among the sealers.
                unknown |= agree::is_supported(self.me, &sealers, agree.attempt);
                continue;
            };
            let certain = last || sealers.len() > self.faulty() || entry.payload == Payload::Held;
            if certain && agree::is_supported(entry.frame.author(), &sealers, agree.attempt) {
                new.insert(digest);
            }
        }
        (new, unknown)
    }

    fn advance_aggregate(&mut self, aggregate: Aggregate, now: Time) -> bool {
        if aggregate.asked {
            return false;
        }
        let Aggregate {
            decision, since, ..
        } = aggregate;
        let round = self.log.round;
        if !decision.record.update {
            self.phase = Phase::Apply(Aggregate {
                decision,
                since,
                asked: true,
            });
            self.emit(Output::Apply {
                round,
                update: false,
            });
            return true;
        }
        let held: BTreeMap<Digest, Payload> = self
            .log
            .entries
            .values()
            .map(|e| (e.frame.envelope().root, e.payload))
            .collect();
        let ready = |(_, root): &(PeerId, Digest)| held.get(root) == Some(&Payload::Held);
        if decision.contributions.iter().all(ready) {
            let contributions = decision.contributions.clone();
            self.phase = Phase::Aggregate(Aggregate {
                decision,
                since,
                asked: true,
            });
            self.emit(Output::Aggregate {
                round,
                contributions,
            });
            return true;
        }
        let lost = self.inquiry.is_none() && now >= since + self.payload_patience();
        if lost {
            self.phase = Phase::Aggregate(Aggregate {
                decision,
                since: now,
                asked: false,
            });
            self.inquire(now);
        }
        lost
    }

    /// How long a node looks for an agreed payload before it looks for the resulting state.
    fn payload_patience(&self) -> Duration {
        let timing = &self.config.spec.timing;
        timing
            .collect_max()
            .max(timing.attempt() * MISSING_PATIENCE)
    }

    /// The earliest time after the latest step at which something may have to be done.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        let timing = &self.config.spec.timing;
        let mut times = vec![self.inquiry.as_ref().map(|inquiry| inquiry.due)];
        match &self.phase {
            Phase::Collect(collect) => {
                times.extend([collect.compute_at, Some(self.collect_end(collect))]);
            }
            Phase::Agree(agree) => times.extend(agree.started.map_or_else(
                || vec![Some(timing.after_attempts(agree.sealed, SEAL_PATIENCE))],
                |started| {
                    let end = self.attempt_end(started, agree.attempt);
                    vec![
                        Some(end),
                        Some(timing.after_attempts(end, MISSING_PATIENCE)),
                    ]
                },
            )),
            Phase::Aggregate(aggregate) => {
                times.push(Some(aggregate.since + self.payload_patience()));
            }
            Phase::Join | Phase::Apply(_) | Phase::Done | Phase::Left => {}
        }
        if matches!(
            self.phase,
            Phase::Collect(_) | Phase::Agree(_) | Phase::Aggregate(_)
        ) {
            times.extend([
                Some(self.pull_at),
                Some(self.doubt_after),
                Some(self.stall()),
            ]);
        }
        times
            .into_iter()
            .flatten()
            .filter(|time| *time > self.seen)
            .min()
    }
}

fn seal_body<'a>(entries: impl Iterator<Item = &'a Digest>) -> Vec<u8> {
    entries
        .take(MAX_SEAL_ENTRIES)
        .flat_map(|digest| digest.0)
        .collect()
}
