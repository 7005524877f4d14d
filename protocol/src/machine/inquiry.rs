//! Asking around: which state do the others stand behind? Used to join, to resume, and when votes
//! raise a doubt. Runs beside the round; only its result may replace the state.

use std::collections::BTreeSet;

use crate::id::{PeerId, StateId, Time};
use crate::manifest::Manifest;

use super::choice::{At, Choice, Vouches};
use super::event::{Event, Output};
use super::verdict::Verdict;
use super::{MAX_KNOWN, RoundMachine};

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
    pub(super) began: Time,
    /// When the peers were asked last.
    asked_at: Time,
    /// When to judge what was heard, or to ask again.
    pub(super) due: Time,
    asked: BTreeSet<PeerId>,
    pub(super) vouches: Vouches,
    fetching: Option<StateId>,
}

impl Inquiry {
    pub(super) fn hear(&mut self, peer: PeerId, states: Vec<At>) {
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

    pub(super) fn all_answered(&self) -> bool {
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
        let verdict = self.judge(inquiry, now);
        let (began, others) = (inquiry.began, inquiry.vouches.len());
        if now >= inquiry.asked_at + self.config.spec.timing.attempt() {
            self.count_silences();
        }
        match verdict {
            Verdict::Fetch(choice) => self.fetch_state(choice, now),
            Verdict::Resume { behind } => {
                self.resume(others, now);
                if behind {
                    self.doubt_after = now + self.config.spec.timing.attempt();
                }
            }
            Verdict::Stand { in_new_view } => {
                self.end_inquiry(now);
                if in_new_view {
                    self.begin_next_view(now);
                }
            }
            Verdict::AskAgain => {
                self.ask_again(began, now);
                return false;
            }
        }
        true
    }

    fn fetch_state(&mut self, choice: Choice, now: Time) {
        let (_, state) = choice.at;
        let mut holders = choice.holders;
        let vouches = self.inquiry.as_ref().map(|inquiry| &inquiry.vouches);
        // Not those that only contributed from it.
        let says_so = |peer: &PeerId| vouches?.get(peer).map(|states| states.contains(&choice.at));
        holders.retain(|peer| *peer != self.me && says_so(peer) == Some(true));
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
