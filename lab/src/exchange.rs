//! Nodes on this machine trade and aggregate vectors that are known beforehand: how long, how many bytes, how much
//! memory, and whether all came to the right result.

mod expected;
mod node;
mod rival;
mod summary;

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::output;
use node::{Heard, Node, Round, Said};
use summary::Summary;

/// Rounds before the measured ones: all join in round 0, and all contribute from round 1 on.
const WARM_UP: u64 = 2;
/// Events that may wait to be looked at.
const QUEUE: usize = 1024;
/// How often the memory of the nodes is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Options of the experiment.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Nodes
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(2..=64))]
    peers: u16,
    /// Values of a vector
    #[arg(long, default_value = "1000000")]
    dim: NonZeroU32,
    /// How vectors travel
    #[arg(long, default_value = "f32")]
    encoding: String,
    /// The aggregation rule
    #[arg(long, default_value = "trimmed-mean")]
    rule: String,
    /// Liars that the rule is to withstand; all nodes are honest [default: a third of the others]
    #[arg(long)]
    max_byzantine: Option<u16>,
    /// Rounds to measure
    #[arg(long, default_value = "5")]
    rounds: NonZeroU64,
    /// Seed of the vectors
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Give up when nothing happens for so many seconds
    #[arg(long, default_value_t = 300)]
    patience: u64,
    /// What the nodes log to stderr, in the syntax of RUST_LOG; shown when one fails
    #[arg(long)]
    log: Option<String>,
    /// Let another system average vectors of the same length, beside, and tell both times
    #[arg(long)]
    rival: Option<Rival>,
    /// Where the rival's Python environment is, or is made
    #[arg(long, default_value = "target/lab/hivemind")]
    rival_env: PathBuf,
    /// Print the result as one JSON object, on the last line
    #[arg(long)]
    json: bool,
}

/// Another system that averages vectors between peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Rival {
    /// hivemind, from PyPI
    Hivemind,
}

impl Args {
    fn liars(&self) -> u16 {
        self.max_byzantine.unwrap_or((self.peers - 1) / 3)
    }

    /// The arguments of a node, all but its data dir.
    fn node(&self, bootstrap: Option<&str>) -> Vec<String> {
        let mut args = vec!["run".into(), "--json".into()];
        let mut option = |name: &str, value: String| args.extend([format!("--{name}"), value]);
        option("listen", "/ip4/127.0.0.1/tcp/0".into());
        option("checkpoint-every", "0".into());
        option("lease", "6h".into());
        option("join-timeout", "120s".into());
        option("patience", format!("{}s", self.patience));
        if let Some(log) = &self.log {
            option("log", log.clone());
        }
        match bootstrap {
            Some(address) => option("bootstrap", address.into()),
            None => {
                option("model", format!("synthetic:dimension={}", self.dim));
                option("rule", self.rule.clone());
                option("encoding", self.encoding.clone());
                option("max-byzantine", self.liars().to_string());
                option("min-peers", self.peers.to_string());
                option("rounds", (WARM_UP + self.rounds.get()).to_string());
                option("seed", self.seed.to_string());
                option("collect-max", format!("{}s", self.patience));
                option("attempt", "5s".into());
            }
        }
        args
    }
}

/// The swarm, as far as it was heard.
struct Swarm {
    nodes: Vec<Node>,
    heard: Receiver<(usize, Heard)>,
    names: Vec<Option<String>>,
    /// By round and node.
    rounds: BTreeMap<u64, BTreeMap<usize, Round>>,
    peak_rss_bytes: Vec<u64>,
    cpu_seconds: Vec<f64>,
    patience: Duration,
}

/// Runs the experiment and prints its result.
///
/// # Errors
/// When a node ends too early, nothing happens for too long, or the nodes did not come to the right result.
pub(crate) fn run(args: &Args) -> Result<()> {
    let swarm = exchange(args)?;
    output::progress("checking the models against the vectors");
    let expected = expected::models(args, &swarm)?;
    let mut summary = Summary::new(args, &swarm, expected.as_ref());
    // The nodes are gone by now: the rival has the machine for itself, as they had.
    drop(swarm);
    if let Some(Rival::Hivemind) = args.rival {
        output::progress("the same with hivemind");
        summary.rival = Some(rival::hivemind(args)?);
    }
    if args.json {
        output::result(&serde_json::to_string(&summary)?)?;
    } else {
        output::result(&summary.to_string())?;
    }
    if !summary.is_right() {
        bail!("the nodes did not come to the same, right model in every round");
    }
    Ok(())
}

fn exchange(args: &Args) -> Result<Swarm> {
    let peers = usize::from(args.peers);
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let (sender, heard) = sync_channel(QUEUE);
    let mut swarm = Swarm {
        nodes: Vec::new(),
        heard,
        names: vec![None; peers],
        rounds: BTreeMap::new(),
        peak_rss_bytes: vec![0; peers],
        cpu_seconds: vec![0.0; peers],
        patience: Duration::from_secs(args.patience),
    };
    let mut bootstrap: Option<String> = None;
    for number in 0..peers {
        let data_dir = folder.path().join(format!("node-{number}"));
        let arguments = args.node(bootstrap.as_deref());
        let node = Node::start(number, &arguments, &data_dir, sender.clone())?;
        swarm.nodes.push(node);
        if number == 0 {
            bootstrap = Some(swarm.hear_until(|_, said| match said {
                Said::Ready { join, .. } => join.clone(),
                Said::Round(_) | Said::Other => None,
            })?);
        }
    }
    drop(sender);
    output::progress(&format!("{peers} nodes started"));
    let last = WARM_UP + args.rounds.get() - 1;
    swarm.hear_until(|swarm, _| {
        let complete = |round: &BTreeMap<_, _>| round.len() == peers;
        swarm.rounds.get(&last).is_some_and(complete).then_some(())
    })?;
    Ok(swarm)
}

impl Swarm {
    /// Takes in what the nodes say until `done` finds what it looks for.
    fn hear_until<T>(&mut self, mut done: impl FnMut(&Self, &Said) -> Option<T>) -> Result<T> {
        let mut quiet_since = Instant::now();
        loop {
            self.look();
            let (number, heard) = match self.heard.recv_timeout(LOOK) {
                Ok(heard) => heard,
                Err(RecvTimeoutError::Timeout) if quiet_since.elapsed() < self.patience => continue,
                Err(_) => bail!("nothing happened for {:?}", self.patience),
            };
            quiet_since = Instant::now();
            match heard {
                Heard::Ended(last) => bail!("node {number} ended too early; it last said:\n{last}"),
                Heard::Said(said) => {
                    self.take(number, &said);
                    if let Some(found) = done(self, &said) {
                        return Ok(found);
                    }
                }
            }
        }
    }

    fn take(&mut self, number: usize, said: &Said) {
        match said {
            Said::Ready { peer, .. } => self.names[number] = Some(peer.clone()),
            Said::Round(round) => {
                let of_round = self.rounds.entry(round.round).or_default();
                of_round.insert(number, round.clone());
                if of_round.len() == self.nodes.len() {
                    let slowest = of_round.values().map(|round| round.seconds);
                    let slowest = slowest.fold(0.0, f64::max);
                    output::progress(&format!("round {}: {slowest:.3} s", round.round));
                }
            }
            Said::Other => {}
        }
    }

    /// Memory is looked at while the nodes run: saving the last state on exit is not the exchange.
    fn look(&mut self) {
        for (number, node) in self.nodes.iter().enumerate() {
            let peak = &mut self.peak_rss_bytes[number];
            *peak = node.peak_rss_bytes().unwrap_or(0).max(*peak);
            let cpu = &mut self.cpu_seconds[number];
            *cpu = node.cpu_seconds().unwrap_or(0.0).max(*cpu);
        }
    }

    /// The rounds that count, each by node.
    fn measured(&self) -> impl Iterator<Item = &BTreeMap<usize, Round>> {
        self.rounds.range(WARM_UP..).map(|(_, round)| round)
    }
}
