//! What the nodes say on stdout, as far as the demo listens to it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One line of a node.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(super) enum NodeEvent {
    /// It listens.
    Ready {
        /// Its peer id.
        peer: String,
        /// The address to join it at.
        join: Option<String>,
    },
    /// It took over the state of the run.
    Joined {
        /// Peers on the roster.
        roster: u64,
    },
    /// A round is over.
    Round(RoundEvent),
    /// It has left the run.
    Left(LeftEvent),
    /// Nothing for the demo.
    #[serde(other)]
    Other,
}

/// A round, as one node saw it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(super) struct RoundEvent {
    pub(super) round: u64,
    pub(super) applied: bool,
    pub(super) loss: Option<f64>,
    pub(super) accuracy: Option<f64>,
    pub(super) roster: u64,
    /// By peer id.
    pub(super) verdicts: BTreeMap<String, String>,
    pub(super) model: Option<String>,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
}

/// The last word of a node.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(super) struct LeftEvent {
    pub(super) reason: String,
    pub(super) rounds_lost: u64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
}

impl NodeEvent {
    /// Reads a line; one of an unknown kind is [`NodeEvent::Other`].
    pub(super) fn parse(line: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line)
    }
}
