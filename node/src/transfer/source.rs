//! What a transfer knows of each peer that may have the blob.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use spirt_protocol::PeerId;

/// A peer that may have chunks.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) peer: PeerId,
    pub(super) standing: Standing,
    /// Chunks asked of it and not here yet.
    pub(super) owes: BTreeSet<u32>,
    /// Chunks that it did not have when it was asked.
    pub(super) lacks: BTreeSet<u32>,
    /// Whether it brought any.
    pub(super) served: bool,
    /// When it last brought something, or was first asked since.
    pub(super) progress: Instant,
}

/// What is expected of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not asked as long as others do.
    Reserve,
    /// Asked.
    Active,
    /// Brought nothing for too long. What it still brings is taken.
    Slow,
    /// Not asked any more: unreachable, or it sent what is wrong.
    Out,
}

impl Source {
    pub(super) fn new(peer: PeerId, now: Instant) -> Self {
        Self {
            peer,
            standing: Standing::Reserve,
            owes: BTreeSet::new(),
            lacks: BTreeSet::new(),
            served: false,
            progress: now,
        }
    }

    /// Whether to ask it for a chunk now, given how many it may owe.
    pub(super) fn may_be_asked(&self, index: u32, window: usize) -> bool {
        self.standing == Standing::Active
            && self.owes.len() < window
            && !self.owes.contains(&index)
            && !self.lacks.contains(&index)
    }

    /// Notes a request.
    pub(super) fn asked(&mut self, index: u32, now: Instant) {
        if self.owes.is_empty() {
            self.progress = now;
        }
        self.owes.insert(index);
    }

    /// When it will have brought nothing for too long; `None` if nothing is expected.
    pub(super) fn stalls_at(&self, patience: Duration) -> Option<Instant> {
        let expected = self.standing == Standing::Active && !self.owes.is_empty();
        expected.then(|| self.progress + patience)
    }
}
