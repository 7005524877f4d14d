//! Nodes on this machine trade and aggregate vectors that are known beforehand: how long, how many bytes, how much
//! memory, and whether all came to the right result.

mod rival;
mod summary;

use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::expected::{self, Vectors};
use crate::output;
use crate::swarm::{Swarm, node_options};
use summary::Summary;

/// Rounds before the measured ones: all join in round 0, and all contribute from round 1 on.
const WARM_UP: u64 = 2;

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
    /// Who runs the rule on what: auto or whole, as `spirt-node run --division` has it
    #[arg(long, default_value = "auto")]
    division: String,
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
        let patience = Duration::from_secs(self.patience);
        let mut args = node_options(bootstrap, patience, self.log.as_deref());
        let mut option = |name: &str, value: String| args.extend([format!("--{name}"), value]);
        option("listen", "/ip4/127.0.0.1/tcp/0".into());
        if bootstrap.is_none() {
            option("model", format!("synthetic:dimension={}", self.dim));
            option("rule", self.rule.clone());
            option("encoding", self.encoding.clone());
            option("division", self.division.clone());
            option("max-byzantine", self.liars().to_string());
            option("min-peers", self.peers.to_string());
            option("rounds", (WARM_UP + self.rounds.get()).to_string());
            option("seed", self.seed.to_string());
            option("collect-max", format!("{}s", self.patience));
            option("attempt", "5s".into());
        }
        args
    }
}

/// Runs the experiment and prints its result.
///
/// # Errors
/// When a node ends too early, nothing happens for too long, or the nodes did not come to the right result.
pub(crate) fn run(args: &Args) -> Result<()> {
    let swarm = exchange(args)?;
    output::progress("checking the models against the vectors");
    let vectors = Vectors {
        dim: args.dim.get(),
        seed: args.seed,
        encoding: &args.encoding,
        rule: &args.rule,
        max_byzantine: args.liars(),
        shouter: None,
    };
    let expected = expected::models(&vectors, &swarm)?;
    let mut summary = Summary::new(args, &swarm, expected.as_ref());
    // The nodes are gone by now: the rival has the machine for itself, as they had.
    drop(swarm);
    if let Some(Rival::Hivemind) = args.rival {
        output::progress("the same with hivemind");
        summary.rival = Some(rival::hivemind(args)?);
    }
    output::result(&summary, args.json)?;
    if !summary.is_right() {
        bail!("the nodes did not come to the same, right model in every round");
    }
    Ok(())
}

fn exchange(args: &Args) -> Result<Swarm> {
    let peers = usize::from(args.peers);
    let mut swarm = Swarm::new(Duration::from_secs(args.patience))?;
    let bootstrap = swarm.found(&args.node(None))?;
    for _ in 1..peers {
        swarm.start(&args.node(Some(&bootstrap)))?;
    }
    output::progress(&format!("{peers} nodes started"));
    let last = WARM_UP + args.rounds.get() - 1;
    let everybody: Vec<usize> = (0..peers).collect();
    swarm.hear_until(|swarm, _| swarm.ended(last, &everybody).then_some(()))?;
    Ok(swarm)
}
