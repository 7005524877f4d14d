//! Asking for frames and payloads that were lost on the way, or were sent before this node was in the round.

use crate::id::{PeerId, Time};

use super::log::Payload;
use super::{Output, Phase, RoundMachine};

/// The part of an attempt after which who is behind asks again. Each answer brings it a round further, so that it catches
/// up with rounds that take longer than this.
const CATCHING_UP: u32 = 8;

impl RoundMachine {
    /// Asks again for what may have been lost on the way.
    pub(super) fn tick(&mut self, now: Time) {
        if now < self.pull_at {
            return;
        }
        let attempt = self.config.spec.timing.attempt();
        self.pull_at = now
            + match &self.phase {
                Phase::Collect(_) if self.left_behind.is_some() => attempt / CATCHING_UP,
                // What is missing in an attempt must be there before it ends; and who waits for an agreed
                // payload holds up nobody but itself, until it is late for the next round.
                Phase::Agree(_) | Phase::Aggregate(_) => attempt / 3,
                _ => attempt,
            };
        if matches!(self.phase, Phase::Join | Phase::Done | Phase::Left) {
            return;
        }
        self.pull();
        let may_ask = matches!(self.phase, Phase::Collect(_)) || self.is_held_up(now);
        if !self.is_member() && may_ask {
            self.ask_to_join();
        }
        self.fetch_wanted();
    }

    /// Asks for the frames of the round at once, since they are known to be out; not again where it was just done.
    pub(super) fn pull_now(&mut self, now: Time) {
        let next = now + self.config.spec.timing.attempt() / CATCHING_UP;
        if self.pull_at > next {
            self.pull_at = next;
            self.pull();
        }
    }

    /// Asks the next one in turn for the frames of the round: of those that are known to be in it or beyond, else of the
    /// members, else of all.
    fn pull(&mut self) {
        let round = self.log.round;
        let is_up = |peer: &PeerId| self.peers.get(peer) == Some(&true);
        let there: Vec<PeerId> = self.standing.heard_from(round).filter(is_up).collect();
        let up = || self.peers.keys().filter(|peer| is_up(peer)).copied();
        let members = || up().filter(|peer| self.roster().contains(peer)).collect();
        // As few as may lie could give nothing, whenever they are asked.
        let mut able = if there.len() > self.liars() {
            there
        } else {
            members()
        };
        if able.is_empty() {
            able = up().collect();
        }
        if !able.is_empty() {
            self.pulls = self.pulls.wrapping_add(1);
            let peer = able[self.pulls % able.len()];
            self.emit(Output::Pull { peer, round });
        }
    }

    /// Takes note when more peers than may lie went on to a later round. Who still collects asks for what ended this one.
    pub(super) fn watch_others(&mut self, now: Time) {
        let beyond = self.standing.heard_from(self.log.round.next());
        if self.left_behind.is_none() && beyond.count() > self.liars() {
            self.left_behind = Some(now);
            if matches!(self.phase, Phase::Collect(_)) {
                self.pull_now(now);
            }
        }
    }

    /// Whether more peers than may lie are in the round or beyond it, and what they contributed to it is not here: this
    /// node was not near enough to keep it.
    pub(super) fn came_late(&self) -> bool {
        let contributions = self.log.contributions();
        let heard: Vec<PeerId> = contributions.map(|entry| entry.frame.author()).collect();
        let there = self.standing.heard_from(self.log.round);
        let missed = there.filter(|peer| *peer != self.me && !heard.contains(peer));
        missed.count() > self.liars()
    }

    /// Asks again for all payloads that nobody gave, of whoever is known to hold them by now.
    pub(super) fn fetch_wanted(&mut self) {
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
}
