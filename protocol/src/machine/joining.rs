//! Newcomers: asking to be on the roster, and passing on the requests of those who ask.

use crate::frame::{self, Frame};
use crate::id::{Digest, PeerId};
use crate::message::{Join, Message};
use crate::sign::Verified;

use super::event::Output;
use super::log::{Entry, RoundLog, max_notices, nonce};
use super::{MAX_KNOWN, Phase, RoundMachine};

impl RoundMachine {
    /// Asks to be on the roster, in words that gossip has not seen.
    pub(super) fn ask_to_join(&mut self) {
        self.joins_said = self.joins_said.wrapping_add(1);
        let frame = self.sign(
            Message::Join(Join {
                nonce: self.joins_said,
            }),
            [].into(),
        );
        self.emit(Output::Publish(frame));
    }

    /// Passes on the requests to join that were heard, since the round cannot end as it is.
    pub(super) fn sponsor_all(&mut self) {
        for joiner in self.log.joins.keys().copied().collect::<Vec<_>>() {
            self.sponsor(joiner);
        }
    }

    /// Passes on a request to join, if this node is one of the `f + 1` members whose turn it is: enough that one of them
    /// is honest and up, few enough to be cheap.
    pub(super) fn sponsor(&mut self, joiner: PeerId) {
        let may = match &self.phase {
            Phase::Collect(collect) => !collect.contributed || collect.waiting,
            // Members failed after they had contributed: without newcomers no view may have a quorum.
            Phase::Agree(agree) => agree.view > 0,
            _ => false,
        };
        let Some(join) = self.log.joins.get(&joiner) else {
            return;
        };
        if !may || !self.is_member() || !self.may_join(&joiner) || !self.may_sponsor(&joiner) {
            return;
        }
        let body = frame::encode_signed(join.signed());
        let is_good = || frame::admitted(&body, &self.run, self.log.round).is_some();
        if self.has_turn(&joiner) && is_good() {
            self.say(Message::Admit, body.into());
        }
    }

    /// Whether this node is one of the `f + 1` sponsors of a newcomer in this round, by lot among the members that are
    /// not known to be gone: more than f may be, where a round cannot end without newcomers.
    fn has_turn(&self, joiner: &PeerId) -> bool {
        let rank = |peer: &PeerId| {
            Digest::of(&[&joiner.0[..], &peer.0, &self.log.round.0.to_le_bytes()].concat())
        };
        let own = rank(&self.me);
        let is_before = |peer: &&PeerId| !self.is_down(peer) && rank(peer) < own;
        let before = self.roster().iter().filter(is_before).count();
        before < usize::from(self.config.spec.max_faulty) + 1
    }

    /// One admission for each joiner, and no more than the others take from one author.
    fn may_sponsor(&self, joiner: &PeerId) -> bool {
        let own = |entry: &&Entry| {
            entry.frame.author() == self.me && matches!(entry.frame.message(), Message::Admit)
        };
        let admitted: Vec<_> = self.log.entries.values().filter(own).collect();
        let names = |entry: &&Entry| entry.frame.subject() == Some(*joiner);
        admitted.len() < max_notices(self.roster().len()) && !admitted.iter().any(names)
    }

    /// An admission whose joiner may not be on the roster, or is already.
    pub(super) fn admits_nobody(&self, frame: &Frame) -> bool {
        if !matches!(frame.message(), Message::Admit) {
            return false;
        }
        !frame.subject().is_some_and(|peer| self.may_join(&peer))
    }

    pub(super) fn may_join(&self, peer: &PeerId) -> bool {
        let known = |s: &crate::Manifest| s.lists(peer) || s.banned.contains(peer);
        self.config.spec.membership.admits(peer) && !self.state.as_ref().is_some_and(known)
    }

    /// Whether a frame of an earlier round asks to join, and not too long ago. Frames take longer than rounds, where rounds
    /// are short and their author is far away.
    pub(super) fn may_still_join(&self, frame: &Frame) -> bool {
        let is_join = matches!(frame.message(), Message::Join(_));
        is_join && frame::may_admit(frame.round(), self.log.round) && !self.is_spent(frame)
    }

    /// Whether this request, or a later one of the same peer, was granted already. Its author was on the roster since,
    /// and must ask anew.
    pub(super) fn is_spent(&self, join: &Frame) -> bool {
        let spent = self.spent_joins.get(&join.author());
        spent.is_some_and(|(_, spent)| nonce(join) <= *spent)
    }

    /// Takes note of the requests that were granted in the round that is over, for as long as somebody may repeat them.
    pub(super) fn spend_joins(&mut self, joined: &[PeerId]) {
        let round = self.log.round;
        self.spent_joins
            .retain(|_, (asked, _)| frame::may_admit(*asked, round));
        for peer in joined {
            let Some(join) = self.log.joins.get(peer) else {
                continue;
            };
            let room = self.spent_joins.len() < MAX_KNOWN;
            if room || self.spent_joins.contains_key(peer) {
                self.spent_joins.insert(*peer, (join.round(), nonce(join)));
            }
        }
    }

    /// The requests of a round that were not granted, and may be yet: they are heard in the next one, too.
    pub(super) fn open_joins(&self, heard: RoundLog) -> Vec<Verified<Frame>> {
        let joins = heard.joins.into_values();
        joins
            .filter(|join| self.may_join(&join.author()) && self.may_still_join(join))
            .collect()
    }
}
