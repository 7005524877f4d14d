//! Compute and Collect: taking contributions, and deciding when there are enough.

use std::collections::BTreeSet;

use crate::id::{Digest, PeerId, Time};

use super::agree;
use super::event::{Event, Output};
use super::log::Payload;
use super::{Collect, Phase, RoundMachine};

/// How many times as long a round is waited for that would lose its update otherwise, and with it all that its members
/// computed.
const PATIENCE_TO_SAVE: u32 = 2;

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
        if !self.is_member() && others > self.liars().min(self.roster().len().saturating_sub(1)) {
            self.start_agreement(view, now);
            return true;
        }
        if collect.overtaken.is_none() && others > self.faulty() {
            collect.overtaken = Some(now);
            self.phase = Phase::Collect(collect.clone());
        }
        // Who only watches gets the payloads when members do, to be no later than they in the next round.
        if collect.closed.is_none() && self.may_close(&collect, now) {
            self.close(collect, now);
            return true;
        }
        if !self.is_member() {
            return false;
        }
        let (contributors, joiners) = self.present();
        let have = contributors.union(&joiners).count();
        let need = self.config.spec.quorum();
        if have < need {
            return self.wait_for_peers(collect, have, now);
        }
        let whole = self.nobody_is_missing(&contributors);
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
        let whole = self.nobody_is_missing(&announced);
        enough && (whole || now >= self.collect_end(collect))
    }

    /// Whether all members are among these, or will not be.
    fn nobody_is_missing(&self, contributors: &BTreeSet<PeerId>) -> bool {
        let roster = self.roster().iter();
        let mut missing = roster.filter(|peer| !contributors.contains(peer));
        !missing.any(|peer| self.may_contribute(peer))
    }

    /// Whether a member may contribute yet: it has not said goodbye, and what it announced does not break the spec.
    fn may_contribute(&self, peer: &PeerId) -> bool {
        !self.has_left(peer) && !self.log.is_spoilt(peer)
    }

    fn close(&mut self, mut collect: Collect, now: Time) {
        collect.closed = Some(now);
        self.shown_at = Some(now);
        collect.patience = self.transfers.patience(&self.config.spec.timing);
        self.phase = Phase::Collect(collect);
        self.emit(Output::Reveal(self.log.round));
    }

    /// Members that have announced a contribution which is not known to be bad.
    fn announced(&self) -> BTreeSet<PeerId> {
        let contributions = self.log.contributions();
        contributions
            .filter(|entry| entry.payload != Payload::Bad && !entry.is_late)
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
        let is_able = |peer: &&PeerId| !self.is_down(peer) && !self.log.is_spoilt(peer);
        let able = self.roster().iter().filter(is_able).count();
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
        self.sponsor_all();
        true
    }

    /// From when on a member is not waited for longer than one that is gone: its connection is lost, or the rest of its
    /// payload could not be had from anybody, and not in half an attempt since either.
    fn gone_since(&self, peer: &PeerId) -> Option<Time> {
        if self.is_down(peer) {
            return Some(Time::default());
        }
        let of_peer = self.log.contributions_of(peer);
        let failed = of_peer.map(|entry| entry.failed_at);
        let failed: Vec<Time> = failed.collect::<Option<_>>()?;
        let first = failed.into_iter().min()?;
        Some(first + self.config.spec.timing.attempt() / 2)
    }

    /// Whether what these contribute makes no update, and does with what members may contribute that are only late.
    fn may_be_saved(&self, contributors: &BTreeSet<PeerId>) -> bool {
        let least = usize::from(self.config.spec.min_inputs);
        let is_late = |peer: &PeerId| self.may_contribute(peer) && self.gone_since(peer).is_none();
        let may_count = |peer: &&PeerId| contributors.contains(peer) || is_late(peer);
        contributors.len() < least && self.roster().iter().filter(may_count).count() >= least
    }

    /// When to stop waiting, given enough are in: for headers, then for payloads.
    pub(super) fn collect_end(&self, collect: &Collect) -> Time {
        let timing = &self.config.spec.timing;
        let contributors = match collect.closed {
            Some(_) => self.present().0,
            None => self.announced(),
        };
        let roster = self.roster().iter();
        let missing: Vec<&PeerId> = roster.filter(|peer| !contributors.contains(peer)).collect();
        let mut patience = collect.patience.with(missing.iter().copied());
        if self.may_be_saved(&contributors) {
            patience = (patience * PATIENCE_TO_SAVE).min(timing.collect_max());
        }
        let since = collect.closed.unwrap_or(collect.since);
        let gone = missing.iter().map(|peer| self.gone_since(peer));
        let end = match gone.collect::<Option<Vec<Time>>>() {
            Some(gone) => {
                let soon = since + patience.min(timing.attempt());
                gone.into_iter().fold(soon, Time::max).min(since + patience)
            }
            None => since + patience,
        };
        collect
            .overtaken
            .map_or(end, |at| end.min(at + timing.attempt() / 2))
    }
}
