//! What the caller may read of a machine: where it is, and what it keeps for others.

use std::sync::Arc;

use crate::frame::Frame;
use crate::id::{Digest, PeerId, Round, RunId, StateId};
use crate::manifest::Manifest;
use crate::sign::Verified;
use crate::spec::RunSpec;

use super::log::RoundLog;
use super::{Phase, PhaseName, RoundMachine};

impl RoundMachine {
    /// The run.
    pub const fn run(&self) -> RunId {
        self.run
    }

    /// This node.
    pub const fn me(&self) -> PeerId {
        self.me
    }

    /// What the peers of the run agreed on.
    pub fn spec(&self) -> &RunSpec {
        &self.config.spec
    }

    /// The round under way.
    pub const fn round(&self) -> Round {
        self.log.round
    }

    /// The phase of the round.
    pub const fn phase(&self) -> PhaseName {
        self.phase.name()
    }

    /// The state before the round under way.
    pub const fn state(&self) -> Option<&Manifest> {
        self.state.as_ref()
    }

    /// The name of that state. The standing remembers it, so that it is hashed once.
    pub fn state_id(&self) -> Option<StateId> {
        self.state
            .as_ref()
            .and_then(|state| self.standing.at(state.round))
    }

    /// Whether this node counts in the round under way.
    pub fn is_member(&self) -> bool {
        self.state
            .as_ref()
            .is_some_and(|state| state.lists(&self.me))
    }

    /// Whether the node is looking for a state.
    pub const fn is_catching_up(&self) -> bool {
        matches!(self.phase, Phase::Join) || self.inquiry.is_some()
    }

    /// A manifest for a joiner, if it is still kept.
    pub fn manifest(&self, state: &StateId) -> Option<&Manifest> {
        let lent = self.lent.iter().map(|lent| (&lent.id, &lent.manifest));
        let kept = self.manifests.iter().map(|(id, manifest)| (id, manifest));
        let mut all = kept.chain(lent);
        all.find(|(id, _)| *id == state)
            .map(|(_, manifest)| manifest)
    }

    /// The roots of all models that kept manifests name, oldest first.
    pub fn kept_models(&self) -> impl Iterator<Item = Digest> + '_ {
        self.manifests.iter().map(|(_, manifest)| manifest.model)
    }

    /// The roots of the models of states that others were told of, and may ask for though newer ones came since: of at
    /// most five.
    pub fn lent_models(&self) -> impl Iterator<Item = Digest> + '_ {
        self.lent.iter().map(|lent| lent.manifest.model)
    }

    /// The body that travelled with a contribution: the payload if it is inline, else its chunk list.
    pub fn body(&self, root: &Digest) -> Option<Arc<[u8]>> {
        let logs = [&self.log, &self.next_log]
            .into_iter()
            .chain(&self.past_logs)
            .chain(&self.given_up);
        let mut frames = logs
            .flat_map(|log| log.entries.values())
            .map(|entry| &entry.frame);
        frames
            .find(|frame| frame.envelope().root == *root)
            .map(|frame| frame.body().clone())
    }

    /// The frames of a round, for a peer that asks for them.
    pub fn frames(&self, round: Round) -> impl Iterator<Item = &Verified<Frame>> {
        let logs = self.past_logs.iter().chain([&self.log, &self.next_log]);
        logs.filter(move |log| log.round == round)
            .flat_map(RoundLog::frames)
    }
}
