//! The result of the experiment: one object of figures.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use spirt_node::encoding;

use super::rival::RivalSummary;
use super::{Args, WARM_UP};
use crate::scaling::{self, Exchange};
use crate::swarm::{self, Swarm};

/// What the experiment measured.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    experiment: &'static str,
    peers: u16,
    dim: u32,
    encoding: String,
    rule: String,
    max_byzantine: u16,
    /// Nodes that aggregate each part, where they share the work of the rule.
    keepers: Option<u64>,
    rounds: u64,
    /// Of a round, from its start to the new model, at the slowest node.
    seconds_median: f64,
    seconds_max: f64,
    /// Bytes that a node sends in a round, on average.
    bytes_sent: u64,
    /// The same by the formula of `spirt-lab scaling`.
    bytes_computed: u64,
    /// What was sent over the least that this exchange of the vectors takes.
    wire_ratio: f64,
    /// Of the node that took most.
    peak_rss_bytes: u64,
    /// Vectors that fit into the peak.
    peak_rss_vectors: f64,
    /// CPU time of all nodes, the warm-up included.
    cpu_seconds: f64,
    /// Whether all nodes had the same model after every round.
    agreed: bool,
    /// Whether it was the model that the vectors give; `null` for a rule that is not checked.
    expected: Option<bool>,
    /// The same vectors' length with another system, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rival: Option<RivalSummary>,
}

impl Summary {
    pub(super) fn new(
        args: &Args,
        swarm: &Swarm,
        expected: Option<&BTreeMap<u64, String>>,
    ) -> Self {
        let measured = swarm.rounds_since(WARM_UP);
        let seconds: Vec<f64> = measured.map(|told| swarm::slowest(told.values())).collect();
        let rounds = args.rounds.get();
        let bytes_sent = swarm.sent_since(WARM_UP) / rounds / u64::from(args.peers);
        let vector = u64::from(args.dim.get()) * 4;
        let exchange = Exchange {
            peers: args.peers.into(),
            payload: payload_bytes(args),
            keepers: swarm.keepers_since(WARM_UP),
        };
        let peak = swarm.peak_rss_bytes.iter().copied().max().unwrap_or(0);
        Self {
            experiment: "exchange",
            peers: args.peers,
            dim: args.dim.get(),
            encoding: args.encoding.clone(),
            rule: args.rule.clone(),
            max_byzantine: args.liars(),
            keepers: exchange.keepers,
            rounds,
            seconds_median: swarm::median(seconds.iter().copied()),
            seconds_max: seconds.into_iter().fold(0.0, f64::max),
            bytes_sent,
            bytes_computed: scaling::bytes_sent(exchange),
            wire_ratio: bytes_sent as f64 / exchange.least() as f64,
            peak_rss_bytes: peak,
            peak_rss_vectors: peak as f64 / vector as f64,
            cpu_seconds: swarm.cpu_seconds.iter().sum(),
            agreed: agreed(swarm),
            expected: expected.map(|expected| is_expected(swarm, expected)),
            rival: None,
        }
    }

    /// Whether the figures stand for a result that is right.
    pub(super) fn is_right(&self) -> bool {
        self.agreed && self.expected != Some(false)
    }
}

/// Bytes of a vector as it travels.
fn payload_bytes(args: &Args) -> u64 {
    let dimension = u64::from(args.dim.get());
    encoding::parse(&args.encoding)
        .and_then(|encoding| encoding.length(dimension))
        .unwrap_or(dimension * 4)
}

fn agreed(swarm: &Swarm) -> bool {
    let everybody = swarm.nodes.len();
    swarm.rounds_since(WARM_UP).all(|round| {
        let models: BTreeSet<_> = round.values().map(|round| &round.model).collect();
        let contributors = round.values().map(|round| round.aggregated().count());
        round.len() == everybody && models.len() == 1 && contributors.min() == Some(everybody)
    })
}

fn is_expected(swarm: &Swarm, expected: &BTreeMap<u64, String>) -> bool {
    swarm
        .rounds_since(WARM_UP)
        .flat_map(BTreeMap::values)
        .all(|round| {
            let right = expected.get(&round.round);
            right.is_some() && right == round.model.as_ref()
        })
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        writeln!(
            f,
            "{} nodes, {} values as {}, {} against {}, {} rounds",
            self.peers, self.dim, self.encoding, self.rule, self.max_byzantine, self.rounds
        )?;
        match self.keepers {
            Some(keepers) => writeln!(f, "rule    run on each part by {keepers} of them")?,
            None => writeln!(f, "rule    run by each of them on everything")?,
        }
        writeln!(
            f,
            "round   {:.3} s, at most {:.3} s",
            self.seconds_median, self.seconds_max
        )?;
        writeln!(
            f,
            "sent    {:.1} MiB by a node in a round, {:.3} of the least",
            mib(self.bytes_sent),
            self.wire_ratio
        )?;
        writeln!(
            f,
            "memory  {:.1} MiB, {:.1} vectors",
            mib(self.peak_rss_bytes),
            self.peak_rss_vectors
        )?;
        if let Some(rival) = &self.rival {
            writeln!(
                f,
                "{}  {:.3} s, at most {:.3} s; {:.1} MiB",
                rival.name,
                rival.seconds_median,
                rival.seconds_max,
                mib(rival.peak_rss_bytes)
            )?;
        }
        write!(
            f,
            "models  {}",
            match (self.agreed, self.expected) {
                (true, Some(true)) => "equal, and what the vectors give",
                (true, None) => "equal",
                (true, Some(false)) => "equal, but not what the vectors give",
                (false, _) => "not equal",
            }
        )
    }
}
