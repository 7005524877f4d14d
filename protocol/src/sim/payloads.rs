//! How a simulated node gets payloads that do not travel inside frames.

use std::time::Duration;

use crate::frame::Frame;
use crate::id::{Digest, PeerId, Round};
use crate::machine::{Input, RoundMachine};

use super::caller::{FETCH_TIMEOUT, SOON};
use super::liar::Lie;
use super::queue::{Arrival, Wish};
use super::world::World;

/// How often a payload that nobody shows yet is looked for.
const FETCH_EVERY: Duration = Duration::from_millis(40);

impl World<'_> {
    /// Whether payloads are asked for, instead of travelling inside frames.
    pub(super) fn pulls(&self) -> bool {
        self.spec.pulls()
    }

    /// Whether the node sends the payload of a frame with it.
    pub(super) fn holds(&self, node: usize, frame: &Frame) -> bool {
        let node = &self.nodes[node];
        let withholds = matches!(node.lie, Some(Lie::Withhold | Lie::Brink));
        let gives = !withholds || frame.author() != node.identity.peer_id();
        gives && !self.pulls() && node.payloads.contains_key(&frame.envelope().root)
    }

    /// The headers' window of a round is closed: the own payload is shown, those of others are asked for.
    pub(super) fn reveal(&mut self, node: usize, round: Round) {
        let this = &mut self.nodes[node];
        this.revealed = Some(round);
        this.held_back.take_if(|(of, _)| *of == round);
        for (root, holders) in std::mem::take(&mut this.postponed) {
            self.wish(node, root, holders);
        }
    }

    /// Begins to ask for a payload, once it may be shown.
    pub(super) fn wish(&mut self, node: usize, root: Digest, holders: Vec<PeerId>) {
        let pulls = self.pulls();
        let patience = if pulls { FETCH_TIMEOUT } else { Duration::ZERO };
        let this = &mut self.nodes[node];
        let round = this.machine.as_ref().map(RoundMachine::round);
        if pulls && this.revealed != round {
            this.postponed.push((root, holders));
            return;
        }
        let wish = Wish {
            root,
            holders,
            until: self.now + patience,
        };
        self.fetch(node, wish);
    }

    /// Gets a payload from the first holder that is up and gives it.
    pub(super) fn fetch(&mut self, node: usize, wish: Wish) {
        let root = wish.root;
        if self.nodes[node].payloads.contains_key(&root) {
            self.tell(node, Arrival::Input(Input::PayloadReady(root)), SOON);
            return;
        }
        let holders = wish.holders.iter().filter_map(|peer| self.index.get(peer));
        // Who has shown nothing yet is not waited for: anybody may have got it meanwhile.
        let others = 0..if self.pulls() { self.nodes.len() } else { 0 };
        let mut from = holders.copied().chain(others);
        let round = from.find_map(|holder| self.given(holder, node, &root));
        if let Some(round) = round {
            let after = self.delay() + self.delay() + self.transfer();
            self.tell(node, Arrival::Payload(root, round), after);
        } else if self.now < wish.until {
            self.tell(node, Arrival::Again(wish), FETCH_EVERY);
        } else {
            self.tell(node, Arrival::Input(Input::PayloadFailed(root)), SOON);
        }
    }

    /// The round of a payload, if the holder gives it to a node.
    fn given(&self, holder: usize, node: usize, root: &Digest) -> Option<Round> {
        let from = &self.nodes[holder];
        if from.machine.is_none() || from.waiting.is_some() || self.is_cut(node, holder) {
            return None;
        }
        let gives = from
            .lie
            .is_none_or(|lie| self.pulls() && lie.serves(root, node));
        from.shown(root).filter(|_| gives)
    }
}
