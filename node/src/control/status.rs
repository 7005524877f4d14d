//! What a node says about itself: the answer to `spirt-node status --json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Version of [`Status`] as JSON. Fields may be added without a new version.
pub const STATUS_SCHEMA_VERSION: u32 = 1;

/// What a node is up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// Looks for the run and its state.
    Joining,
    /// Takes part in rounds.
    Training,
    /// Has the state, but too few peers for a round.
    Waiting,
    /// Has fallen behind and fetches the state.
    CatchingUp,
    /// Leaves after this round.
    Stopping,
    /// Has done its rounds.
    Done,
}

impl NodeState {
    /// Its name, as in the JSON form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Training => "training",
            Self::Waiting => "waiting",
            Self::CatchingUp => "catching-up",
            Self::Stopping => "stopping",
            Self::Done => "done",
        }
    }
}

/// What a node says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// [`STATUS_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What it is up to.
    pub state: NodeState,
    /// Its peer id.
    pub peer: String,
    /// The run, once it is known: 64 hexadecimal digits.
    pub run: Option<String>,
    /// The round in progress.
    pub round: u64,
    /// Its phase: `join`, `compute`, `collect`, `agree`, `aggregate` or `apply`.
    pub phase: String,
    /// Peers on the roster, this one included.
    pub roster: u64,
    /// Peers connected to.
    pub peers_connected: u64,
    /// Training loss of the last round.
    pub loss: Option<f64>,
    /// Share of the test samples that the model gets right, 0 to 1.
    pub accuracy: Option<f64>,
    /// Digest of the model, in hexadecimal; equal on peers with the same model.
    pub model: Option<String>,
    /// Rounds whose update this process applied.
    pub rounds_applied: u64,
    /// Rounds that ended without an update.
    pub rounds_lost: u64,
    /// Bytes sent over the network.
    pub bytes_sent: u64,
    /// Bytes received from the network.
    pub bytes_received: u64,
    /// Addresses listened on.
    pub listen: Vec<String>,
    /// What others type to join.
    pub join: Option<String>,
    /// What became of each peer's contribution in the last round: `kept`, `dropped`, `late`, ...
    pub last_round: BTreeMap<String, String>,
    /// Time since the start.
    pub uptime_seconds: f64,
    /// Resident memory.
    pub rss_bytes: Option<u64>,
}

impl Status {
    /// The status of a node that has only just started.
    pub fn starting(peer: impl ToString) -> Self {
        Self {
            schema_version: STATUS_SCHEMA_VERSION,
            state: NodeState::Joining,
            peer: peer.to_string(),
            run: None,
            round: 0,
            phase: "join".into(),
            roster: 0,
            peers_connected: 0,
            loss: None,
            accuracy: None,
            model: None,
            rounds_applied: 0,
            rounds_lost: 0,
            bytes_sent: 0,
            bytes_received: 0,
            listen: Vec::new(),
            join: None,
            last_round: BTreeMap::new(),
            uptime_seconds: 0.0,
            rss_bytes: None,
        }
    }

    /// Whether the node has the run's state: it trains, or waits for more peers.
    pub fn is_ready(&self) -> bool {
        match self.state {
            NodeState::Training => true,
            NodeState::Waiting => self.model.is_some(),
            NodeState::Joining | NodeState::CatchingUp | NodeState::Stopping | NodeState::Done => {
                false
            }
        }
    }
}

/// What the node is to be joined by: `spirt-node --bootstrap <addr>`.
pub fn join_command(addr: &libp2p::Multiaddr) -> String {
    format!("spirt-node --bootstrap {addr}")
}
