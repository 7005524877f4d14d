//! Agree: attempts, one after the other, until the set is settled. What an attempt accepts is in
//! `agree.rs`; here is when.

use std::collections::BTreeSet;

use crate::frame::MAX_SEAL_ENTRIES;
use crate::id::{Digest, PeerId, Time};
use crate::message::{Message, Seal};

use super::agree;
use super::log::Payload;
use super::step::{MISSING_PATIENCE, SEAL_PATIENCE};
use super::{Agree, Phase, RoundMachine};

impl RoundMachine {
    pub(super) fn start_agreement(&mut self, accepted: BTreeSet<Digest>, now: Time) {
        self.pull_at = self
            .pull_at
            .min(now + self.config.spec.timing.attempt() / 3);
        self.phase = Phase::Agree(Agree {
            sealed: now,
            started: None,
            attempt: 2,
            accepted,
        });
    }

    pub(super) fn advance_agree(&mut self, mut agree: Agree, now: Time) -> bool {
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
            // Nobody else sealed anything: the others are gone, and there is nobody to differ from.
            if self.sealers().iter().all(|peer| *peer == self.me) {
                agree.accepted.extend(agree::sealable(&self.log));
            }
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
        if sealers.len() >= self.seals_to_start() {
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

    /// First seals with which the attempts start: those of all correct members, and a majority.
    pub(super) fn seals_to_start(&self) -> usize {
        let n = self.roster().len();
        n.saturating_sub(self.faulty()).max(n / 2 + 1)
    }

    pub(super) fn attempt_end(&self, started: Time, attempt: u8) -> Time {
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
        for (digest, mut sealers) in self.log.support() {
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
}

pub(super) fn seal_body<'a>(entries: impl Iterator<Item = &'a Digest>) -> Vec<u8> {
    entries
        .take(MAX_SEAL_ENTRIES)
        .flat_map(|digest| digest.0)
        .collect()
}
