//! What happens to a swarm, written as data. `draw.rs` draws one from a seed.

use std::time::Duration;

use crate::id::{Digest, PeerId, Time};
use crate::message::{Encoding, WIRE_VERSION};
use crate::spec::{Membership, RunSpec, Timing};

use super::Mutation;
use super::draw::Kind;
use super::liar::Lie;

/// A set of nodes, as bits.
pub(super) type Nodes = u64;

/// A swarm, its network, and what goes wrong when.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it was drawn as.
    pub kind: Kind,
    /// Seeds everything that is drawn while the scenario runs.
    pub seed: u64,
    /// Peers, the founder included.
    pub peers: usize,
    /// What they agree on.
    pub spec: RunSpec,
    /// Probability that a message to one peer is lost, while faults last.
    pub drop: f64,
    /// Probability that a message to one peer arrives twice, while faults last.
    pub duplicate: f64,
    /// Probability that a frame arrives with a bit changed, while faults last.
    pub corrupt: f64,
    /// Longest delay of a message; the shortest is a tenth of it.
    pub delay: Duration,
    /// Longest time to compute a contribution.
    pub compute: Duration,
    /// Longest time that a payload takes which does not travel inside its header.
    pub transfer: Duration,
    /// How far clocks are from the true rate at most, in parts per million.
    pub skew: u32,
    /// A node writes a checkpoint every so many rounds.
    pub checkpoint_every: u64,
    /// When each node first starts; the founder, node 0, at the beginning.
    pub starts: Vec<Time>,
    /// Nodes that lie, and how.
    pub liars: Vec<(usize, Lie)>,
    /// What goes wrong, in order of time.
    pub faults: Vec<(Time, Fault)>,
    /// Whether honest nodes may never end a round differently, not even for a while: true when no
    /// more fails than the run foresees and messages arrive in time.
    pub strict: bool,
    /// When the last fault is mended and messages are lost no more.
    pub calm: Time,
    /// Rounds that every peer must get through after that, and at last all contribute to one.
    pub rounds_after: u64,
    /// How the honest machines are broken, for tests of the judge.
    pub mutation: Option<Mutation>,
}

/// One thing that goes wrong, or is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The node's process dies; half of what it was sending is lost.
    Crash(usize),
    /// The node starts again from its latest checkpoint.
    Restart(usize),
    /// The node says goodbye and ends.
    Leave(usize),
    /// The node's process is stopped: what arrives waits.
    Freeze(usize),
    /// It goes on, with all that arrived meanwhile.
    Thaw(usize),
    /// Nothing passes any more between the two sets of nodes.
    Cut(u64, u64),
    /// All that was cut is whole again.
    Heal,
    /// What the node sends takes so much longer, in milliseconds.
    Slow(usize, u32),
}

impl Scenario {
    /// Nodes that do not lie.
    pub(super) fn honest(&self) -> Nodes {
        let all = (1_u64 << self.peers) - 1;
        self.liars
            .iter()
            .fold(all, |set, (liar, _)| set & !(1 << liar))
    }
}

/// What two or three peers agree on: any of them goes on alone, now and then in rounds shorter than messages take.
pub(super) fn spec_of_few(seed: u64) -> RunSpec {
    let spec = spec(seed, 1);
    let pace = if seed.is_multiple_of(2) {
        0
    } else {
        spec.timing.pace
    };
    RunSpec {
        max_byzantine: 0,
        min_peers: 1,
        min_inputs: 1,
        timing: Timing {
            pace,
            ..spec.timing
        },
        ..spec
    }
}

/// What the peers of every other scenario agree on.
pub(super) fn spec(seed: u64, max_faulty: u16) -> RunSpec {
    RunSpec {
        wire: WIRE_VERSION,
        seed,
        founder: PeerId([0; 32]),
        model: "simulated".into(),
        data: "simulated".into(),
        data_digest: Digest::of(b"simulated"),
        optimizer: "simulated".into(),
        local: "simulated".into(),
        rule: "simulated".into(),
        max_byzantine: max_faulty,
        max_faulty,
        min_peers: 2 * max_faulty + 1,
        min_inputs: 2 * max_faulty + 1,
        max_peers: 64,
        rounds: 0,
        dimension: 10,
        encoding: Encoding::F32,
        // With 40 bytes a payload travels inside its header, or is asked for once the headers are in.
        inline_max: if seed % 4 == 3 { 0 } else { 1024 },
        timing: Timing {
            pace: 100,
            collect_min: 600,
            collect_max: 5_000,
            attempt: 300,
        },
        membership: Membership::Open,
    }
}
