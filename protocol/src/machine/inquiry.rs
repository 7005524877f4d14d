//! Asking around: which state do the others stand behind? Used to join, to resume, and when votes
//! raise a doubt. Runs beside the round; only its result may replace the state.

use std::collections::BTreeSet;

use crate::id::{PeerId, Round, StateId, Time};
use crate::manifest::Manifest;

use super::event::{Event, Output};
use super::standing::{Vouches, choose};
use super::{MAX_KNOWN, Phase, RoundMachine};

/// Attempts that a resuming node waits for others before it goes on from its own state.
const RESUME_PATIENCE: u32 = 6;
/// Attempts between two inquiries on a mere doubt.
const DOUBT_PAUSE: u32 = 4;
/// The part of an attempt that lies at least between asking all peers and asking them again.
const ASKING_PAUSE: u32 = 8;
/// Inquiries without an answer after which a peer is not waited for.
const SILENCES: u8 = 3;
/// Attempts after which a state that is being fetched is given up.
const FETCH_PATIENCE: u32 = 60;

/// An inquiry under way.
#[derive(Debug, Clone)]
pub(super) struct Inquiry {
    began: Time,
    /// When the peers were asked last.
    asked_at: Time,
    /// When to judge what was heard, or to ask again.
    pub(super) due: Time,
    asked: BTreeSet<PeerId>,
    vouches: Vouches,
    fetching: Option<StateId>,
}

impl Inquiry {
    pub(super) fn hear(&mut self, peer: PeerId, states: Vec<(Round, StateId)>) {
        if self.vouches.contains_key(&peer) || self.vouches.len() < MAX_KNOWN {
            self.vouches.insert(peer, states);
        }
    }

    /// Notes that a peer is asked; false when it was already.
    pub(super) fn ask(&mut self, peer: PeerId) -> bool {
        self.asked.len() < MAX_KNOWN && self.asked.insert(peer)
    }

    /// Those that were asked and did not answer.
    fn unheard(&self) -> impl Iterator<Item = &PeerId> {
        let answered = |peer: &&PeerId| !self.vouches.contains_key(*peer);
        self.asked.iter().filter(answered)
    }

    fn all_answered(&self) -> bool {
        !self.asked.is_empty() && self.unheard().next().is_none()
    }
}

impl RoundMachine {
    /// Starts to ask all connected peers.
    pub(super) fn inquire(&mut self, now: Time) {
        self.notify(Event::CatchingUp);
        self.ask_all(now, now);
    }

    /// Whether a peer let several inquiries pass without an answer. It is asked once in an attempt, but not waited for: who
    /// looks for the state of a fast run would always hear of it too late.
    fn is_silent(&self, peer: &PeerId) -> bool {
        self.silent
            .get(peer)
            .is_some_and(|times| *times >= SILENCES)
    }

    /// Takes note of who did not answer in time.
    fn count_silences(&mut self) {
        let unheard = self.inquiry.iter().flat_map(Inquiry::unheard);
        for peer in unheard {
            let times = self.silent.entry(*peer).or_default();
            *times = times.saturating_add(1);
        }
    }

    fn ask_all(&mut self, began: Time, now: Time) {
        let attempt = self.config.spec.timing.attempt();
        let up = self
            .peers
            .iter()
            .filter(|(_, up)| **up)
            .map(|(peer, _)| *peer);
        let asked: BTreeSet<PeerId> = up.collect();
        // Their questions may all be waiting yet.
        let asks_silent = now >= self.silent_asked + attempt;
        if asks_silent {
            self.silent_asked = now;
        }
        let questions = asked
            .iter()
            .filter(|peer| asks_silent || !self.is_silent(peer));
        let questions: Vec<_> = questions.copied().map(Output::Query).collect();
        self.outputs.extend(questions);
        let due = now + attempt;
        let vouches = Vouches::new();
        self.inquiry = Some(Inquiry {
            began,
            asked_at: now,
            due,
            asked,
            vouches,
            fetching: None,
        });
    }

    /// All was heard and does not suffice: asks again, but not at once. Each answer would ask anew,
    /// and one that arrives twice would double them without end.
    fn ask_again(&mut self, began: Time, now: Time) {
        let pause = self.config.spec.timing.attempt() / ASKING_PAUSE;
        match &mut self.inquiry {
            Some(inquiry) if now < inquiry.asked_at + pause => {
                inquiry.due = inquiry.asked_at + pause;
            }
            _ => self.ask_all(began, now),
        }
    }

    /// A state could not be fetched: if it is the one that is wanted, asks afresh.
    pub(super) fn state_failed(&mut self, state: StateId, now: Time) {
        let wanted = self.inquiry.as_ref().and_then(|inquiry| inquiry.fetching);
        if wanted == Some(state) {
            self.inquire_again(now);
        }
    }

    fn inquire_again(&mut self, now: Time) {
        if let Some(inquiry) = &self.inquiry {
            let began = inquiry.began;
            self.ask_all(began, now);
        }
    }

    /// Judges what was heard so far; whether anything changed.
    pub(super) fn advance_inquiry(&mut self, now: Time) -> bool {
        let Some(inquiry) = &self.inquiry else {
            return false;
        };
        let due = now >= inquiry.due;
        if inquiry.fetching.is_some() {
            if due {
                self.inquire_again(now);
            }
            return due;
        }
        let awaited = inquiry.unheard().any(|peer| !self.is_silent(peer));
        if !due && (awaited || inquiry.vouches.is_empty()) {
            return false;
        }
        let began = inquiry.began;
        let complete = inquiry.all_answered();
        let waited = now >= inquiry.asked_at + self.config.spec.timing.attempt();
        let mut vouches = inquiry.vouches.clone();
        if waited {
            self.count_silences();
        }
        let resuming = matches!(self.phase, Phase::Join);
        let held_up = self.is_held_up(now);
        let own = self.standing.recent(crate::MAX_VOUCHED);
        let others = vouches.len();
        // A few may be ahead whom this node cannot believe yet; more of them will come up.
        let own_round = own.last().map(|(round, _)| *round);
        let latest = |states: &Vec<(Round, StateId)>| states.last().map(|(round, _)| *round);
        let behind = vouches
            .values()
            .filter_map(latest)
            .any(|round| Some(round) > own_round);
        if !own.is_empty() {
            vouches.insert(self.me, own.clone());
        }
        // Who takes no part in the round has nothing to lose by going forward either.
        let after = own_round.filter(|_| held_up || !self.is_member());
        let chosen = choose(&vouches, self.liars(), after).filter(|(round, state, _)| {
            own.last() == Some(&(*round, *state))
                || !self.standing.passed(*round, *state)
                || self.may_go_back(&vouches, (*round, *state))
        });
        let patience = self
            .config
            .spec
            .timing
            .after_attempts(began, RESUME_PATIENCE);
        match chosen {
            Some((round, state, holders)) if own.last() != Some(&(round, state)) => {
                let goes_back = self.standing.passed(round, state);
                if !goes_back || resuming || now >= self.stall() {
                    self.fetch_state(state, holders, now);
                } else {
                    self.end_inquiry(now);
                }
                true
            }
            chosen if resuming && self.state.is_some() => {
                let enough = chosen.is_some_and(|(_, _, holders)| holders.len() >= self.quorum());
                if enough || (complete && !behind) || now >= patience {
                    self.resume(others, now);
                    if behind {
                        self.doubt_after = now + self.config.spec.timing.attempt();
                    }
                    return true;
                }
                self.ask_again(began, now);
                false
            }
            Some(_) if !resuming => {
                self.end_inquiry(now);
                // The others stand right here, and are held up too.
                if held_up {
                    self.begin_next_view(now);
                }
                true
            }
            _ if !resuming && now >= patience => {
                self.end_inquiry(now);
                true
            }
            _ => {
                self.ask_again(began, now);
                false
            }
        }
    }

    /// Whether to give up own rounds for an earlier state: if the members stand there, or others
    /// do without this node's own voice. A newcomer that knows no better state is neither.
    fn may_go_back(&self, vouches: &Vouches, to: (Round, StateId)) -> bool {
        let chosen_by = |counts: &dyn Fn(&PeerId) -> bool| {
            let counted = vouches.iter().filter(|(peer, _)| counts(peer));
            let counted = counted.map(|(peer, states)| (*peer, states.clone()));
            choose(&counted.collect(), self.liars(), None)
                .is_some_and(|(round, state, _)| (round, state) == to)
        };
        let is_member = |peer: &PeerId| *peer == self.me || self.roster().contains(peer);
        chosen_by(&is_member) || chosen_by(&|peer| *peer != self.me)
    }

    fn quorum(&self) -> usize {
        self.config.spec.quorum()
    }

    fn fetch_state(&mut self, state: StateId, mut holders: Vec<PeerId>, now: Time) {
        holders.retain(|peer| *peer != self.me);
        let due = self.config.spec.timing.after_attempts(now, FETCH_PATIENCE);
        if let Some(inquiry) = &mut self.inquiry {
            inquiry.fetching = Some(state);
            inquiry.due = due;
        }
        self.emit(Output::FetchState { state, holders });
    }

    fn resume(&mut self, vouchers: usize, now: Time) {
        if let Some(manifest) = self.state.clone() {
            self.adopt(manifest, vouchers, now);
        }
    }

    pub(super) fn end_inquiry(&mut self, now: Time) {
        self.inquiry = None;
        self.doubt_after = self.config.spec.timing.after_attempts(now, DOUBT_PAUSE);
    }

    /// A state was fetched: go on from there, unless the node got there by itself meanwhile.
    pub(super) fn take_over(&mut self, manifest: Manifest, now: Time) {
        let wanted = self.inquiry.as_ref().and_then(|inquiry| inquiry.fetching);
        if manifest.run != self.run || wanted != Some(manifest.id()) {
            return;
        }
        let vouchers = self.inquiry.as_ref().map_or(0, |inquiry| {
            let named = (manifest.round, manifest.id());
            inquiry
                .vouches
                .values()
                .filter(|states| states.contains(&named))
                .count()
        });
        let arrived = self.standing.passed(manifest.round, manifest.id());
        if arrived && !self.is_held_up(now) {
            self.end_inquiry(now);
        } else {
            self.adopt(manifest, vouchers, now);
        }
    }
}
