//! What a running node tells: the events that people read as lines and programs as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use libp2p::{Multiaddr, PeerId};
use serde::{Serialize, Serializer};

/// The node listens.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ready {
    /// Its peer id.
    #[serde(serialize_with = "text")]
    pub peer: PeerId,
    /// The addresses it listens on, with the ports it got; the line for people has the first.
    pub listen: Vec<Multiaddr>,
    /// The address that others should dial, with the peer id.
    pub join: Option<Multiaddr>,
    /// The run, when it is known: 64 hexadecimal digits.
    pub run: Option<String>,
}

/// The first event of a stream says which version the stream has.
#[derive(Serialize)]
pub(super) struct Versioned<'a, T> {
    schema_version: u32,
    #[serde(flatten)]
    event: &'a T,
}

impl<'a, T> Versioned<'a, T> {
    /// Version 1: fields and events may be added to it.
    pub(super) fn new(event: &'a T) -> Self {
        Self {
            schema_version: 1,
            event,
        }
    }
}

/// The node has the state of a run that others train.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Joined {
    /// The run: 64 hexadecimal digits.
    pub run: String,
    /// The round of the state.
    pub round: u64,
    /// Peers on the roster.
    pub roster: u64,
    /// Digest of the model, in hexadecimal.
    pub model: Option<String>,
    /// How the state came; nothing if the node had it already.
    pub fetched: Option<StateFetched>,
}

/// How a state came from other peers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StateFetched {
    /// Bytes of the model, all of them checked.
    pub bytes: u64,
    /// Chunks that they came in.
    pub chunks: u64,
    /// Bytes that had to be asked for once more, because a peer died, stalled, or sent something else.
    pub again: u64,
    /// Bytes that each peer brought.
    pub sources: BTreeMap<String, u64>,
    /// How long it took.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub took: Duration,
}

/// A round is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoundReport {
    /// The round.
    pub round: u64,
    /// Whether its update was applied; a lost round has none.
    pub applied: bool,
    /// Mean training loss of the contributions kept.
    pub loss: Option<f64>,
    /// Share of the test samples that the new model gets right, 0 to 1, when it was tested.
    pub accuracy: Option<f64>,
    /// Peers on the roster.
    pub roster: u64,
    /// What became of each peer's contribution: `kept`, or the reason why not.
    pub verdicts: BTreeMap<String, String>,
    /// Peers whose contribution had the very bytes of one that came before it, and who made that one.
    pub copies: BTreeMap<String, String>,
    /// Digest of the new model, in hexadecimal.
    pub model: Option<String>,
    /// Peers that aggregated each part, where the peers shared the work of the rule; absent where each did all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keepers: Option<u64>,
    /// Bytes that the process has sent so far.
    pub bytes_sent: u64,
    /// Bytes that it has received so far.
    pub bytes_received: u64,
    /// How long it took.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub took: Duration,
}

/// A peer did something that no honest peer does. Told at the first time, and each time that it did
/// it twice as often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OffenceReport {
    /// The round under way.
    pub round: u64,
    /// Who.
    pub peer: String,
    /// What: a name of the closed list, such as `garbage` or `equivocation`.
    pub offence: &'static str,
    /// How often so far.
    pub count: u64,
    /// Whether it is shut out by this.
    pub banned: bool,
}

/// The verdict on a contribution that went into the update.
pub(super) const KEPT: &str = "kept";

/// The node has left its run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Left {
    /// Why, such as `stopped on request` or `its lease is over`.
    pub reason: String,
    /// The round it would take part in next.
    pub round: u64,
    /// Rounds whose update this process applied.
    pub rounds_applied: u64,
    /// Rounds that ended without an update.
    pub rounds_lost: u64,
    /// Bytes that the process has sent so far.
    pub bytes_sent: u64,
    /// Bytes that it has received so far.
    pub bytes_received: u64,
}

fn text<S: Serializer>(peer: &PeerId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(peer)
}

fn seconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(span.as_secs_f64())
}
