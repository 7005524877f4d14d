//! What is still to happen in a simulated swarm, in the order of time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::frame::Frame;
use crate::id::{Digest, PeerId, Round, StateId, Time};
use crate::machine::Input;
use crate::sign::Verified;

use super::scenario::{Fault, Nodes};

/// What arrives at a node.
#[derive(Debug, Clone)]
pub(super) enum Arrival {
    /// A frame, with or without the payload that its body is.
    Frame(Verified<Frame>, bool),
    /// A payload that was asked for.
    Payload(Digest, Round),
    Input(Input),
    /// A payload that is still wanted from one of these, until then.
    Again(Wish),
    /// A request for the frames of a round, to be answered to a node.
    Pull(usize, Round),
    /// A request for a vouch.
    Query(usize),
    /// A request for a manifest.
    State(usize, StateId),
    Wake,
}

/// A payload that a node asked for.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) root: Digest,
    pub(super) holders: Vec<PeerId>,
    /// When the node gives up.
    pub(super) until: Time,
}

#[derive(Debug, Clone)]
pub(super) enum Happening {
    Arrive {
        to: usize,
        session: u64,
        from: Option<(usize, u64)>,
        what: Box<Arrival>,
    },
    /// A liar says something later than it should.
    Say {
        liar: usize,
        session: u64,
        frame: Box<Verified<Frame>>,
        to: Nodes,
        payload: bool,
    },
    Fault(Fault),
    /// Connections that carried nothing for long are given up.
    Silence,
}

/// What happens at a time; of two at one time first the one that was scheduled first.
struct Due {
    at: Time,
    sequence: u64,
    happening: Happening,
}

impl Due {
    const fn order(&self) -> (Time, u64) {
        (self.at, self.sequence)
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Due {}

/// All that is due.
#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Due>>,
    sequence: u64,
}

impl Queue {
    pub(super) fn push(&mut self, at: Time, happening: Happening) {
        self.sequence += 1;
        self.heap.push(Reverse(Due {
            at,
            sequence: self.sequence,
            happening,
        }));
    }

    /// The next thing that happens, and when.
    pub(super) fn pop(&mut self) -> Option<(Time, Happening)> {
        let Reverse(due) = self.heap.pop()?;
        Some((due.at, due.happening))
    }
}
