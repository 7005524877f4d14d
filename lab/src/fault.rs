//! One node of a run dies, or stands still, while the others fetch its vector: how much longer the round takes them, and
//! whether they end it alike.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use serde::Serialize;

use crate::output;
use crate::swarm::{self, Swarm};

/// Rounds before anything is measured: all join in round 0.
const WARM_UP: u64 = 2;
/// Rounds after the one with the fault.
const AFTER: u64 = 3;
const CLEAN_ROUNDS: NonZeroU64 = NonZeroU64::new(4).unwrap();
const RULE: &str = "trimmed-mean";

/// Options of the experiment.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Nodes
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(4..=32))]
    peers: u16,
    /// Bytes of a vector, in single precision
    #[arg(long, default_value = "120000000")]
    bytes: NonZeroU64,
    /// What befalls one node
    #[arg(long, value_enum, default_value_t = Fault::Kill)]
    fault: Fault,
    /// Rounds without a fault, to compare with
    #[arg(long, default_value_t = CLEAN_ROUNDS)]
    clean_rounds: NonZeroU64,
    /// The aggregation rule
    #[arg(long, default_value = RULE)]
    rule: String,
    /// Give up when nothing happens for so many seconds
    #[arg(long, default_value_t = 120)]
    patience: u64,
    /// What the nodes log to stderr, in the syntax of RUST_LOG; shown when one fails
    #[arg(long)]
    log: Option<String>,
    /// Print the result as one JSON object, on the last line
    #[arg(long)]
    json: bool,
}

/// What befalls a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    /// It dies at once, as by `kill -9`
    Kill,
    /// It stands still, as by SIGSTOP: its sockets stay open
    Stop,
}

impl Fault {
    const fn signal(self) -> Signal {
        match self {
            Self::Kill => Signal::KILL,
            Self::Stop => Signal::STOP,
        }
    }
}

impl Args {
    /// A game with vectors of `dim` values, all else by default.
    pub(crate) fn of(
        peers: u16,
        dim: u32,
        fault: Fault,
        patience: u64,
        log: Option<String>,
    ) -> Self {
        let bytes = NonZeroU64::new(4 * u64::from(dim)).unwrap_or(NonZeroU64::MIN);
        Self {
            peers,
            bytes,
            fault,
            clean_rounds: CLEAN_ROUNDS,
            rule: RULE.into(),
            patience,
            log,
            json: false,
        }
    }

    fn dimension(&self) -> u64 {
        (self.bytes.get() / 4).max(1)
    }

    /// The arguments of a node, all but its data dir. No time limit is set: the nodes learn theirs.
    fn node(&self, bootstrap: Option<&str>) -> Vec<String> {
        let patience = Duration::from_secs(self.patience);
        let mut options = swarm::node_options(bootstrap, patience, self.log.as_deref());
        let mut option = |name: &str, value: String| options.extend([format!("--{name}"), value]);
        option("listen", "/ip4/127.0.0.1/tcp/0".into());
        if bootstrap.is_none() {
            option("model", format!("synthetic:dimension={}", self.dimension()));
            option("rule", self.rule.clone());
            option("max-byzantine", "1".into());
            option("min-peers", (self.peers - 1).to_string());
        }
        options
    }
}

/// What the experiment measured.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    experiment: &'static str,
    peers: u16,
    bytes: u64,
    fault: Fault,
    /// Of a round at the slowest node: the median without a fault, and the most.
    pub(crate) clean_seconds: f64,
    clean_seconds_max: f64,
    /// Of the round with the fault, at the slowest survivor.
    pub(crate) fault_seconds: f64,
    /// How much that is above the median.
    extra_seconds: f64,
    /// Of the rounds after it.
    after_seconds: Vec<f64>,
    /// Share of its vectors that the node had given away when it was struck.
    given: f64,
    /// Whether its contribution counted in that round.
    counted: bool,
    /// Whether the survivors had the same model after every round, and an update in each.
    pub(crate) agreed: bool,
}

/// Runs the experiment and prints its result.
///
/// # Errors
/// When a node ends too early, nothing happens for too long, or the survivors do not agree.
pub(crate) fn run(args: &Args) -> Result<()> {
    let summary = play(args)?;
    output::result(&summary, args.json)?;
    if !summary.agreed {
        bail!("the survivors did not end every round alike, with an update");
    }
    Ok(())
}

/// Plays the game to its end.
///
/// # Errors
/// When a node ends too early, or nothing happens for too long.
pub(crate) fn play(args: &Args) -> Result<Summary> {
    let mut swarm = Swarm::new(Duration::from_secs(args.patience))?;
    let bootstrap = swarm.found(&args.node(None))?;
    for _ in 1..args.peers {
        swarm.start(&args.node(Some(&bootstrap)))?;
    }
    let victim = usize::from(args.peers) - 1;
    let survivors: Vec<usize> = (0..victim).collect();
    output::progress(&format!("{} nodes started", args.peers));
    let first = swarm.hear_until(|swarm, _| first_together(swarm, args.peers))? + WARM_UP;
    let clean = first..=first + args.clean_rounds.get() - 1;
    let round = *clean.end() + 1;
    let given = strike(args, &mut swarm, victim, round)?;
    output::progress(&format!(
        "round {round}: {:?} at {:.0} % given",
        args.fault,
        100.0 * given
    ));
    let last = round + AFTER;
    swarm.hear_until(|swarm, _| swarm.ended(last, &survivors).then_some(()))?;
    summary(args, &swarm, &survivors, clean, given)
}

/// The first round that all nodes contributed to.
fn first_together(swarm: &Swarm, peers: u16) -> Option<u64> {
    let full = |told: &std::collections::BTreeMap<usize, crate::node::Round>| {
        told.values()
            .any(|round| round.authors().count() == usize::from(peers))
    };
    let mut rounds = swarm.rounds.iter();
    rounds.find(|(_, told)| full(told)).map(|(round, _)| *round)
}

/// Strikes the victim when it has given half of what it gives in the round, and returns what share that was.
fn strike(args: &Args, swarm: &mut Swarm, victim: usize, round: u64) -> Result<f64> {
    let whole = (args.dimension() * 4 * u64::from(args.peers - 1)) as f64;
    let share = swarm.wait_until(|swarm, _| {
        let before = swarm
            .rounds
            .get(&(round - 1))
            .and_then(|told| told.get(&victim));
        let Some(before) = before else {
            return Ok(None);
        };
        let status = swarm.nodes[victim].status()?;
        if status.round > round || swarm.ended(round, &[0]) {
            bail!("the vectors are too short to be caught in the middle: take more --bytes");
        }
        let given = status.bytes_sent.saturating_sub(before.bytes_sent) as f64 / whole;
        Ok((given >= 0.5).then_some(given))
    })?;
    swarm.strike(victim, args.fault.signal());
    Ok(share)
}

fn summary(
    args: &Args,
    swarm: &Swarm,
    survivors: &[usize],
    clean: RangeInclusive<u64>,
    given: f64,
) -> Result<Summary> {
    let round = clean.end() + 1;
    let seconds = |rounds: RangeInclusive<u64>| -> Vec<f64> {
        let told = swarm
            .rounds
            .range(rounds)
            .map(|(_, told)| swarm::slowest(survivors.iter().filter_map(|node| told.get(node))));
        told.collect()
    };
    let before = seconds(clean.clone());
    let clean_seconds = swarm::median(before.iter().copied());
    let fault_seconds = seconds(round..=round)[0];
    let victim = swarm
        .names
        .last()
        .cloned()
        .flatten()
        .context("a node without a name")?;
    let in_round = &swarm.rounds[&round][&survivors[0]];
    let agreed = swarm
        .rounds
        .range(*clean.start()..=round + AFTER)
        .all(|(_, told)| {
            let told: Vec<_> = survivors.iter().filter_map(|node| told.get(node)).collect();
            let models: BTreeSet<_> = told.iter().map(|round| &round.model).collect();
            models.len() == 1 && told.iter().all(|round| round.applied)
        });
    Ok(Summary {
        experiment: "fault",
        peers: args.peers,
        bytes: args.dimension() * 4,
        fault: args.fault,
        clean_seconds,
        clean_seconds_max: before.into_iter().fold(0.0, f64::max),
        fault_seconds,
        extra_seconds: fault_seconds - clean_seconds,
        after_seconds: seconds(round + 1..=round + AFTER),
        given,
        counted: in_round.authors().any(|author| author == victim),
        agreed,
    })
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} nodes, vectors of {:.1} MB",
            self.peers,
            self.bytes as f64 / 1e6
        )?;
        writeln!(
            f,
            "clean  {:.3} s, at most {:.3} s",
            self.clean_seconds, self.clean_seconds_max
        )?;
        let fault = match self.fault {
            Fault::Kill => "kill",
            Fault::Stop => "stop",
        };
        writeln!(
            f,
            "{fault}   {:.3} s, {:+.3} s; {:.0} % of its vectors given, {}",
            self.fault_seconds,
            self.extra_seconds,
            100.0 * self.given,
            if self.counted {
                "counted"
            } else {
                "not counted"
            }
        )?;
        let after: Vec<String> = self
            .after_seconds
            .iter()
            .map(|s| format!("{s:.3}"))
            .collect();
        writeln!(f, "after  {} s", after.join(", "))?;
        write!(
            f,
            "models {}",
            if self.agreed { "equal" } else { "not equal" }
        )
    }
}
