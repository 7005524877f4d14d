//! The phases of a round, and what a node remembers in each of them.

use std::collections::BTreeSet;

use crate::id::{Digest, Time};

use super::agree::Decision;
use super::arrivals::Patience;

/// A phase of a round, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseName {
    /// Looking for the run's state.
    Join,
    /// Computing the own contribution, and already taking those of others.
    Compute,
    /// Taking contributions.
    Collect,
    /// Settling on the set.
    Agree,
    /// Waiting for the last payloads and the rule.
    Aggregate,
    /// Updating the model.
    Apply,
    /// The run is over.
    Done,
    /// This node said goodbye.
    Left,
}

#[derive(Debug, Clone)]
pub(super) enum Phase {
    /// No state yet.
    Join,
    /// Compute and Collect overlap: the own contribution is one of those that are collected.
    Collect(Collect),
    Agree(Agree),
    Aggregate(Aggregate),
    Apply(Aggregate),
    Done,
    Left,
}

#[derive(Debug, Clone)]
pub(super) struct Collect {
    /// When the own computation may begin; `None` once asked for.
    pub(super) compute_at: Option<Time>,
    /// Whether the own contribution is out. Always true for a node that is not on the roster.
    pub(super) contributed: bool,
    /// When the round began to wait for contributions.
    pub(super) since: Time,
    /// How long headers are waited for, as learned before the round; and with them the payloads that travel inline.
    pub(super) patience: Patience,
    /// When enough had announced what they contribute, and payloads were shown. From the start where they travel inline.
    pub(super) closed: Option<Time>,
    /// When enough seals of others were first seen.
    pub(super) overtaken: Option<Time>,
    /// Whether [`Event::Waiting`](super::Event::Waiting) was said.
    pub(super) waiting: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Agree {
    /// How often this node, or more than the faulty ones, began anew.
    pub(super) view: u16,
    /// When this node sealed, or would have.
    pub(super) sealed: Time,
    /// When enough others had sealed, which starts the attempts on all nodes at about one time.
    pub(super) started: Option<Time>,
    /// The attempt that is under way, from 1.
    pub(super) attempt: u8,
    /// First seals, by digest, on whose being made the peers agree.
    pub(super) accepted: BTreeSet<Digest>,
    /// When those were last asked who have what was agreed on and is not here.
    pub(super) asked: Option<Time>,
}

#[derive(Debug, Clone)]
pub(super) struct Aggregate {
    /// The view in which the set was agreed.
    pub(super) view: u16,
    pub(super) decision: Decision,
    pub(super) since: Time,
    /// Whether the caller was asked to run the rule.
    pub(super) asked: bool,
}

impl Phase {
    pub(super) const fn name(&self) -> PhaseName {
        match self {
            Self::Join => PhaseName::Join,
            Self::Collect(collect) if collect.contributed => PhaseName::Collect,
            Self::Collect(_) => PhaseName::Compute,
            Self::Agree(_) => PhaseName::Agree,
            Self::Aggregate(_) => PhaseName::Aggregate,
            Self::Apply(_) => PhaseName::Apply,
            Self::Done => PhaseName::Done,
            Self::Left => PhaseName::Left,
        }
    }
}
