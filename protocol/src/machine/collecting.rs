//! Compute and Collect: taking contributions, and deciding when there are enough.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{Digest, PeerId, Time};
use crate::message::{Message, Seal};

use super::agree;
use super::agreeing::seal_body;
use super::event::{Event, Output};
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
            let entries = self.first_seal_entries();
            let body = seal_body(entries.iter());
            self.say(Message::Seal(Seal { attempt: 1 }), body.into());
            // What nobody else vouches for may have reached nobody: the own entries, like those of
            // others, count only once another has sealed them.
            let others = |d: &Digest| {
                self.log
                    .entries
                    .get(d)
                    .is_some_and(|entry| entry.frame.author() != self.me)
            };
            let accepted = entries.into_iter().filter(others).collect();
            self.start_agreement(accepted, now);
            return true;
        }
        false
    }

    /// What this node seals first: all that it holds.
    ///
    /// A node that comes when the attempts have already started elsewhere is not heard in time, so
    /// its own word counts for nothing: it follows the others, and seals what more than the faulty
    /// ones among them have sealed.
    pub(super) fn first_seal_entries(&self) -> BTreeSet<Digest> {
        let mut entries = agree::sealable(&self.log);
        if self.sealers().len() >= self.seals_to_start() {
            let support = self.log.support();
            let sealers = |digest: &Digest| support.get(digest).map_or(0, BTreeMap::len);
            entries.retain(|digest| sealers(digest) > self.faulty());
        }
        entries
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
    pub(super) fn collect_end(&self, collect: &Collect) -> Time {
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
}
