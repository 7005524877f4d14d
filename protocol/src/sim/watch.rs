//! The judge: looks at all nodes after every event, and grades a run.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::id::{Round, StateId, Time};
use crate::manifest::Manifest;
use crate::spec::MAX_PEERS;

/// Longest time that two running nodes may hold states of which neither follows from the other.
///
/// A lone node finds out by the next headers (a round), asks around (two attempts), fetches the
/// state, and may have to do so again if a message is lost. `docs/rounds.md` states it.
pub(super) const DIVERGENCE_BOUND: Duration = Duration::from_secs(20);

/// What a run was worth.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Grade {
    /// Rounds that the furthest node got through.
    pub rounds: u64,
    /// Rounds without an update though enough peers were on the roster.
    pub rounds_lost: u64,
    /// Virtual time of the whole run.
    pub virtual_time: Duration,
    /// Bytes that were delivered.
    pub bytes: u64,
    /// Rounds that different nodes ended differently.
    pub divergences: u64,
    /// Longest time until such nodes were together again.
    pub longest_divergence: Duration,
    /// Contributions that were aggregated, of those that the rosters promised.
    pub kept: f64,
    /// Liars that sign two things for one place.
    pub equivocators: u64,
    /// How many of these the last state bans.
    pub banned: u64,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq)]
pub enum Violation {
    /// Some node did not get through the rounds that it had time for, or did not contribute again beside all others.
    Stuck {
        /// When the judge gave up.
        at: Time,
        /// Each node's round and phase.
        nodes: Vec<String>,
    },
    /// Two nodes were apart for longer than the bound.
    Diverged {
        /// When the bound was reached.
        at: Time,
        /// Each node's round and state.
        nodes: Vec<String>,
    },
    /// Honest nodes ended a round differently, though no more failed than the run foresees.
    Forked {
        /// When.
        at: Time,
        /// Each node's round and state.
        nodes: Vec<String>,
    },
    /// A frame with a changed bit was taken for genuine.
    Forged {
        /// When.
        at: Time,
    },
    /// More happened than a swarm of this size has reason for: some nodes answer each other without
    /// end.
    Endless {
        /// When the judge gave up.
        at: Time,
        /// Each node's round and phase.
        nodes: Vec<String>,
    },
    /// A node keeps more of one round than its bounds say.
    Hoards {
        /// The node.
        node: usize,
        /// How many frames.
        frames: usize,
    },
    /// `poll_timeout` did not move on.
    Busy {
        /// The node.
        node: usize,
        /// When.
        at: Time,
    },
    /// A next roster names a peer twice, or one that is banned, or more than the spec allows.
    Roster(Box<Manifest>),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stuck { at, nodes } => {
                write!(f, "stuck at {:?}:\n  {}", at.0, nodes.join("\n  "))
            }
            Self::Diverged { at, nodes } => {
                write!(f, "diverged until {:?}:\n  {}", at.0, nodes.join("\n  "))
            }
            Self::Forked { at, nodes } => {
                write!(f, "forked at {:?}:\n  {}", at.0, nodes.join("\n  "))
            }
            Self::Endless { at, nodes } => {
                write!(f, "endless at {:?}:\n  {}", at.0, nodes.join("\n  "))
            }
            Self::Forged { at } => write!(f, "took a changed frame at {:?}", at.0),
            Self::Hoards { node, frames } => {
                write!(f, "node {node} keeps {frames} frames of one round")
            }
            Self::Busy { node, at } => write!(f, "node {node} spins at {:?}", at.0),
            Self::Roster(manifest) => write!(f, "bad roster: {manifest:?}"),
        }
    }
}

/// Remembers which state followed from which.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    parents: BTreeMap<StateId, StateId>,
    children: BTreeMap<StateId, StateId>,
    pub(super) divergences: u64,
}

impl Lineage {
    pub(super) fn follow(&mut self, parent: StateId, child: StateId) {
        self.parents.insert(child, parent);
        match self.children.insert(parent, child) {
            Some(other) if other != child => self.divergences += 1,
            _ => {}
        }
    }

    /// Whether all states lie on one line.
    pub(super) fn agree(&self, states: &[(Round, StateId)]) -> bool {
        let mut sorted = states.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        sorted.windows(2).all(|pair| {
            let [(early, ancestor), (late, descendant)] = pair else {
                return true;
            };
            self.ancestor(*descendant, late.since(*early)) == Some(*ancestor)
        })
    }

    fn ancestor(&self, mut state: StateId, generations: u64) -> Option<StateId> {
        for _ in 0..generations {
            state = *self.parents.get(&state)?;
        }
        Some(state)
    }
}

/// Checks a roster as any honest node would have made it.
pub(super) fn check_roster(manifest: &Manifest, most: usize) -> Result<(), Violation> {
    let sane = manifest.roster.is_sorted_by(|a, b| a < b)
        && manifest.roster.len() <= most
        && !manifest
            .roster
            .iter()
            .any(|peer| manifest.banned.contains(peer));
    if sane {
        Ok(())
    } else {
        Err(Violation::Roster(Box::new(manifest.clone())))
    }
}

/// Frames of one round that a node may keep with so many members: see "What is bounded" in
/// `docs/rounds.md`.
pub(super) fn most_frames(members: usize, max_faulty: u16) -> usize {
    let attempts = usize::from(max_faulty) + 1;
    let notices = 2 * (usize::from(MAX_PEERS) / members.max(1) + 4);
    let views = 4;
    let of_author = 2 * 8 * (1 + views * attempts) + notices + 4;
    members * of_author + usize::from(MAX_PEERS)
}
