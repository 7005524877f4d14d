//! Transitions: what the machine does when nothing more arrives, and when time passes.
//!
//! Every condition is evaluated anew at each step, so a deadline is a time at which to look again,
//! never an event that can be lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::frame::Frame;
use crate::id::{Digest, PeerId, Time};
use crate::message::Message;
use crate::sign::Verified;

use super::agree;
use super::event::Output;
use super::log::Payload;
use super::{Aggregate, Phase, RoundMachine};

/// Attempts that a sealed node waits for enough other seals before it goes on without.
pub(super) const SEAL_PATIENCE: u32 = 2;
/// Attempts that a node waits for entries that others counted and it never saw.
pub(crate) const MISSING_PATIENCE: u32 = 4;

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
        self.watch_others(now);
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
        let doubt = idle && !alone && (waiting || self.is_left_behind(now) || self.has_doubt());
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

    /// Whether others went on to the next round, and an attempt later nobody has shown how this one ended: they may have
    /// started again from a state after it, and hold its frames no more; or they knew of members that are gone, for
    /// whose seals this node still waits.
    fn is_left_behind(&self, now: Time) -> bool {
        let waits = match &self.phase {
            Phase::Collect(collect) => collect.overtaken.is_none(),
            Phase::Agree(agree) => agree.started.is_none(),
            _ => false,
        };
        waits && self.asks_at().is_some_and(|at| now >= at)
    }

    /// Whether the votes of others speak against this node's state.
    fn has_doubt(&self) -> bool {
        let (round, liars) = (self.log.round, self.liars());
        self.standing.doubt(round, self.roster(), liars).is_some()
    }

    /// When to look where those are that went on.
    fn asks_at(&self) -> Option<Time> {
        let attempt = self.config.spec.timing.attempt();
        self.left_behind.map(|since| since + attempt)
    }

    /// When a round without result has taken longer than any that goes well.
    pub(super) fn stall(&self) -> Time {
        let timing = &self.config.spec.timing;
        // Where payloads are pulled, headers and payloads are waited for one after the other.
        let waits = if self.pulls() { 2 } else { 1 };
        let collected = self.round_started + timing.collect_max() * waits;
        timing.after_attempts(collected, self.attempts_with_patience())
    }

    /// How many attempts' time agreeing takes at most, when all goes as foreseen.
    pub(super) fn attempts_with_patience(&self) -> u32 {
        let attempts = agree::attempts(self.config.spec.max_faulty, self.roster().len());
        u32::from(attempts) + SEAL_PATIENCE + MISSING_PATIENCE
    }

    /// Peers whose contribution is held, and peers that are about to be admitted.
    pub(super) fn present(&self) -> (BTreeSet<PeerId>, BTreeSet<PeerId>) {
        let held = self.log.sealable().map(|(_, entry)| entry);
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

    /// Whether the peer said goodbye, and nothing in a later session.
    pub(super) fn has_left(&self, peer: &PeerId) -> bool {
        let entries = self.log.entries.values().map(|entry| &entry.frame);
        let of_peer = || entries.clone().filter(|frame| frame.author() == *peer);
        let session = |frame: &Verified<Frame>| frame.envelope().session;
        let goodbyes = of_peer().filter(|f| matches!(f.message(), Message::Leave));
        let seals = self.log.seals.get(peer).map_or(&[][..], Vec::as_slice);
        let latest = of_peer().chain(seals).map(session).max();
        goodbyes
            .map(session)
            .max()
            .is_some_and(|left| latest <= Some(left))
    }

    pub(super) fn is_down(&self, peer: &PeerId) -> bool {
        self.peers.get(peer) == Some(&false)
    }

    /// Members that may fail in any way in a round.
    pub(super) fn faulty(&self) -> usize {
        usize::from(agree::attempts(
            self.config.spec.max_faulty,
            self.roster().len(),
        )) - 1
    }

    /// Members whose first seal of a view was heard and counts.
    pub(super) fn sealers(&self, view: u16) -> BTreeSet<PeerId> {
        if self.log.seals.is_empty() {
            return BTreeSet::new();
        }
        let seals = self.log.seals_among(self.roster(), view);
        let counts = |peer: &&PeerId| seals.contains_key(peer) && !self.has_left(peer);
        self.roster().iter().filter(counts).copied().collect()
    }

    fn advance_aggregate(&mut self, aggregate: Aggregate, now: Time) -> bool {
        if aggregate.asked {
            return false;
        }
        let Aggregate {
            view,
            decision,
            since,
            ..
        } = aggregate;
        let round = self.log.round;
        if !decision.record.update {
            self.phase = Phase::Apply(Aggregate {
                view,
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
                view,
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
        let reached = self.log.view_of_more_than(self.faulty());
        if reached > view && now >= self.stall() {
            self.begin_view(reached, now);
            return true;
        }
        let lost = self.inquiry.is_none() && now >= since + self.payload_patience();
        if lost {
            self.phase = Phase::Aggregate(Aggregate {
                view,
                decision,
                since: now,
                asked: false,
            });
            self.inquire(now);
        }
        lost
    }

    /// How long a node looks for an agreed payload before it looks for the resulting state: not long, if it is no member,
    /// since members drop payloads that no member lacks.
    fn payload_patience(&self) -> Duration {
        let timing = &self.config.spec.timing;
        let attempts = timing.attempt() * MISSING_PATIENCE;
        if self.is_member() {
            timing.collect_max().max(attempts)
        } else {
            attempts
        }
    }

    /// The earliest time after the latest step at which something may have to be done.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        let timing = &self.config.spec.timing;
        let mut times = vec![self.inquiry.as_ref().map(|inquiry| inquiry.due)];
        match &self.phase {
            Phase::Collect(collect) => {
                let end = Some(self.collect_end(collect));
                times.extend([collect.compute_at, end, self.asks_at()]);
            }
            Phase::Agree(agree) => times.extend(agree.started.map_or_else(
                || {
                    let soon = timing.after_attempts(agree.sealed, SEAL_PATIENCE);
                    vec![Some(soon), Some(self.all_sealed()), self.asks_at()]
                },
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
