//! Compute and Collect: taking contributions, and deciding when there are enough.

use std::collections::BTreeSet;

use crate::id::{Digest, PeerId, Time};

use super::agree;
use super::event::{Event, Output};
use super::log::Payload;
use super::{Collect, Phase, RoundMachine};

impl RoundMachine {
    pub(super) fn advance_collect(&mut self, mut collect: Collect, now: Time) -> bool {
        if collect.compute_at.is_some_and(|at| now >= at) {
            collect.compute_at = None;
            self.phase = Phase::Collect(collect);
            self.emit(Output::Compute {
                round: self.log.round,
                roster: self.roster().to_vec(),
            });
            return true;
        }
        let view = self.log.view_of_more_than(self.faulty());
        let others = self
            .sealers(view)
            .iter()
            .filter(|peer| **peer != self.me)
            .count();
        if !self.is_member() {
            let overtaken = others > self.liars().min(self.roster().len().saturating_sub(1));
            if overtaken {
                self.start_agreement(view, now);
            }
            return overtaken;
        }
        if collect.overtaken.is_none() && others > self.faulty() {
            collect.overtaken = Some(now);
            self.phase = Phase::Collect(collect.clone());
        }
        if collect.closed.is_none() && self.may_close(&collect, now) {
            self.close(collect, now);
            return true;
        }
        let (contributors, joiners) = self.present();
        let have = contributors.union(&joiners).count();
        let need = self.config.spec.quorum();
        if have < need {
            return self.wait_for_peers(collect, have, now);
        }
        let missing = |p: &&PeerId| !contributors.contains(p) && !self.has_left(p);
        let whole = !self.roster().iter().any(|peer| missing(&peer));
        if collect.closed.is_some() && (whole || now >= self.collect_end(&collect)) {
            self.begin_view(view, now);
            return true;
        }
        false
    }

    /// Whether everybody has announced a contribution; or enough have, and the patience is over.
    ///
    /// Only then is the own payload shown, and what is announced later counts no more: so nobody can craft a
    /// contribution after seeing those of others.
    fn may_close(&self, collect: &Collect, now: Time) -> bool {
        let announced = self.announced();
        let (_, joiners) = self.present();
        let enough = announced.union(&joiners).count() >= self.config.spec.quorum();
        let missing = |peer: &&PeerId| !announced.contains(peer) && !self.has_left(peer);
        let whole = !self.roster().iter().any(|peer| missing(&peer));
        enough && (whole || now >= self.collect_end(collect))
    }

    fn close(&mut self, mut collect: Collect, now: Time) {
        collect.closed = Some(now);
        collect.patience = self.transfers.patience(&self.config.spec.timing);
        self.phase = Phase::Collect(collect);
        self.emit(Output::Reveal(self.log.round));
    }

    /// Members that have announced a contribution which is not known to be bad.
    fn announced(&self) -> BTreeSet<PeerId> {
        let entries = self.log.entries.values();
        let good = entries.filter(|entry| entry.payload != Payload::Bad && !entry.is_late);
        good.filter(|entry| entry.contribution().is_some())
            .map(|entry| entry.frame.author())
            .collect()
    }

    /// What this node seals first: all that it holds.
    ///
    /// When enough others have sealed for the attempts to start, this node comes late. Then it seals
    /// only what more than the faulty ones among them have, if that is enough to go on with: so that
    /// all first seals can still be equal.
    pub(super) fn first_seal_entries(&self, view: u16) -> BTreeSet<Digest> {
        let entries = agree::sealable(&self.log);
        let mut others = self.sealers(view);
        others.remove(&self.me);
        if others.len() < self.seals_to_start() {
            return entries;
        }
        let sealers_of = self.log.sealers_of(view);
        let sealers = |digest: &Digest| sealers_of.get(digest).map_or(0, BTreeSet::len);
        let known = entries.iter().filter(|d| sealers(d) > self.faulty());
        let known: BTreeSet<Digest> = known.copied().collect();
        if agree::present(&self.log, &known).len() < self.config.spec.quorum() {
            return entries;
        }
        known
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
        self.log.takes_late = true;
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

    /// When to stop waiting, given enough are in: for headers, then for payloads.
    pub(super) fn collect_end(&self, collect: &Collect) -> Time {
        let timing = &self.config.spec.timing;
        let contributors = match collect.closed {
            Some(_) => self.present().0,
            None => self.announced(),
        };
        let mut missing = self
            .roster()
            .iter()
            .filter(|peer| !contributors.contains(peer));
        let mut patience = collect.patience;
        if missing.all(|peer| self.is_down(peer)) {
            patience = patience.min(timing.attempt());
        }
        let end = collect.closed.unwrap_or(collect.since) + patience;
        collect
            .overtaken
            .map_or(end, |at| end.min(at + timing.attempt() / 2))
    }
}
