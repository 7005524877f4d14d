//! What happens to a swarm: drawn from a seed, written as data.

use std::time::Duration;

use fastrand::Rng;

use crate::id::{Digest, PeerId, Time};
use crate::message::{Encoding, WIRE_VERSION};
use crate::spec::{Membership, RunSpec, Timing};

/// A swarm, its network, and what goes wrong when.
#[derive(Debug, Clone)]
pub struct Scenario {
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
    /// Longest delay of a message; the shortest is a tenth of it.
    pub delay: Duration,
    /// Longest time to compute a contribution.
    pub compute: Duration,
    /// A node writes a checkpoint every so many rounds.
    pub checkpoint_every: u64,
    /// What goes wrong, in order of time.
    pub faults: Vec<(Time, Fault)>,
    /// When the last fault is mended and messages are lost no more.
    pub calm: Time,
    /// Rounds that every peer must get through after that.
    pub rounds_after: u64,
}

/// One thing that goes wrong, or is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The node's process dies; half of what it was sending is lost.
    Crash(usize),
    /// The node starts again from its latest checkpoint.
    Restart(usize),
}

impl Scenario {
    /// Draws a scenario: 4 to 16 peers that lose, delay and duplicate messages, crash and restart.
    pub fn from_seed(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let peers = rng.usize(4..=16);
        let max_faulty = u16::try_from(rng.usize(1..=(peers - 1) / 3)).unwrap_or(1);
        let delay = Duration::from_millis(rng.u64(2..=80));
        let mut scenario = Self {
            seed,
            peers,
            spec: spec(seed, max_faulty),
            drop: [0.0, 0.01, 0.05, 0.2][rng.usize(0..4)],
            duplicate: [0.0, 0.05, 0.3][rng.usize(0..3)],
            delay,
            compute: Duration::from_millis(rng.u64(5..=400)),
            checkpoint_every: rng.u64(1..=5),
            faults: Vec::new(),
            calm: Time(Duration::from_secs(rng.u64(6..=24))),
            rounds_after: 8,
        };
        scenario.draw_faults(&mut rng, usize::from(max_faulty));
        scenario
    }

    /// Crashes of at most `most` peers at a time, and now and then of all at once.
    fn draw_faults(&mut self, rng: &mut Rng, most: usize) {
        let end = self.calm.0.as_millis() as u64;
        let mut up_from = vec![2_000; self.peers];
        for _ in 0..rng.usize(0..=2 * self.peers) {
            let crash = rng.u64(2_000..end);
            let restart = (crash + rng.u64(50..=8_000)).min(end);
            let down = up_from.iter().filter(|from| **from > crash).count();
            let node = rng.usize(0..self.peers);
            if down < most && up_from[node] <= crash {
                up_from[node] = restart;
                self.crash(node, crash, restart);
            }
        }
        if rng.u8(0..10) == 0 {
            let crash = rng.u64(end / 2..end);
            for node in 0..self.peers {
                self.crash(node, crash, (crash + rng.u64(1..=1_000)).min(end));
            }
        }
        self.faults
            .sort_by_key(|(time, fault)| (*time, matches!(fault, Fault::Restart(_))));
    }

    fn crash(&mut self, node: usize, crash: u64, restart: u64) {
        let at = |millis| Time(Duration::from_millis(millis));
        self.faults.push((at(crash), Fault::Crash(node)));
        self.faults
            .push((at(restart.max(crash + 1)), Fault::Restart(node)));
    }
}

fn spec(seed: u64, max_faulty: u16) -> RunSpec {
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
        inline_max: 1024,
        timing: Timing {
            pace: 100,
            collect_min: 600,
            collect_max: 5_000,
            attempt: 300,
        },
        membership: Membership::Open,
    }
}
