//! A newcomer joins a run whose state is large: how long until it holds the state, checked, from how many members, and what
//! that costs their rounds. A member may be killed while it gives.

mod summary;

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;

use crate::node::{Fetched, Joined};
use crate::output;
use crate::swarm::{self, Swarm};
use summary::Summary;

/// Rounds before anything is measured.
const WARM_UP: u64 = 2;
/// Rounds that show what a round costs without a newcomer.
const UNDISTURBED: u64 = 3;
/// Bytes of a state beside the parameters: the count of updates.
const STATE_HEAD: u64 = 8;

/// Options of the experiment.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Bytes of the state
    #[arg(long, default_value = "400000000")]
    state_bytes: NonZeroU64,
    /// Members of the run
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(2..=32))]
    peers: u16,
    /// How the members' vectors travel
    #[arg(long, default_value = "sign")]
    encoding: String,
    /// Least milliseconds from the start of a round to the start of the next
    #[arg(long, default_value_t = 5000)]
    pace: u64,
    /// Kill one of the members with SIGKILL when so much of the state has come
    #[arg(long)]
    kill_source: bool,
    /// The share of the state at which it is killed, 0 to 1
    #[arg(long, default_value_t = 0.5)]
    kill_at: f64,
    /// Go on until a contribution of the newcomer counted
    #[arg(long)]
    until_counted: bool,
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

impl Args {
    fn dimension(&self) -> u64 {
        (self.state_bytes.get().saturating_sub(STATE_HEAD) / 4).max(1)
    }

    /// The arguments of a node, all but its data dir.
    fn node(&self, bootstrap: Option<&str>) -> Vec<String> {
        let patience = Duration::from_secs(self.patience);
        let mut options = swarm::node_options(bootstrap, patience, self.log.as_deref());
        let mut option = |name: &str, value: String| options.extend([format!("--{name}"), value]);
        option("listen", "/ip4/127.0.0.1/tcp/0".into());
        if bootstrap.is_none() {
            option("model", format!("synthetic:dimension={}", self.dimension()));
            option("rule", "mean".into());
            option("encoding", self.encoding.clone());
            option("min-peers", (self.peers - 1).to_string());
            option("pace", format!("{}ms", self.pace));
        }
        options
    }
}

/// Runs the experiment and prints its result.
///
/// # Errors
/// When a node ends too early, nothing happens for too long, or the newcomer's state is not the members'.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut swarm = Swarm::new(Duration::from_secs(args.patience))?;
    let bootstrap = swarm.found(&args.node(None))?;
    for _ in 1..args.peers {
        swarm.start(&args.node(Some(&bootstrap)))?;
    }
    let members: Vec<usize> = (0..usize::from(args.peers)).collect();
    output::progress(&format!("{} members started", members.len()));
    let last = swarm.hear_until(|swarm, _| undisturbed(swarm, &members))?;
    let began = Instant::now();
    let newcomer = swarm.start(&args.node(Some(&bootstrap)))?;
    let mut left = members.clone();
    let mut killed_at = None;
    if args.kill_source {
        let share = swarm.wait_until(|swarm, _| came(args, swarm, newcomer))?;
        let victim = left.pop().context("there are members")?;
        swarm.strike(victim, Signal::KILL);
        output::progress(&format!("killed a source at {:.0} %", 100.0 * share));
        killed_at = Some(share);
    }
    let (at, joined) = swarm.hear_until(|swarm, _| {
        let joined = swarm.joined.get(&newcomer)?;
        joined
            .iter()
            .find(|(_, joined)| joined.fetched.is_some())
            .cloned()
    })?;
    output::progress(&format!(
        "the newcomer has the state of round {}",
        joined.round
    ));
    // A round that began before the state came, and ended after it.
    let reached = swarm.rounds.keys().next_back().copied().unwrap_or(0) + 1;
    swarm.hear_until(|swarm, _| swarm.ended(reached, &left).then_some(()))?;
    let counted = match args.until_counted {
        true => Some(counted(&mut swarm, newcomer, left[0])?),
        false => None,
    };
    let summary = summary(
        args,
        &swarm,
        &members,
        &left,
        &Story {
            last,
            began,
            at,
            joined,
            counted,
            newcomer,
            killed_at,
        },
    )?;
    output::result(&summary, args.json)?;
    if !summary.verified {
        bail!("the newcomer's state is not the one that the members had");
    }
    Ok(())
}

/// What happened when.
struct Story {
    /// The last undisturbed round.
    last: u64,
    began: Instant,
    at: Instant,
    joined: Joined,
    counted: Option<Instant>,
    newcomer: usize,
    killed_at: Option<f64>,
}

/// When a member ended a round to which the newcomer contributed.
fn counted(swarm: &mut Swarm, newcomer: usize, member: usize) -> Result<Instant> {
    let name = swarm.names[newcomer].clone();
    let name = name.context("a node without a name")?;
    swarm.hear_until(|swarm, _| {
        let mut told = swarm.rounds.values().filter_map(|told| told.get(&member));
        let is_in = told.any(|round| round.aggregated().any(|author| author == name));
        is_in.then(Instant::now)
    })
}

/// The share of the state that came, once it is enough to kill a source.
fn came(args: &Args, swarm: &Swarm, newcomer: usize) -> Result<Option<f64>> {
    if swarm.joined.contains_key(&newcomer) {
        bail!("the state came too fast to kill a source meanwhile: take more --state-bytes");
    }
    // It answers once it listens.
    let status = swarm.nodes[newcomer].status().ok();
    let came = status.map_or(0, |status| status.bytes_received);
    let share = came as f64 / args.state_bytes.get() as f64;
    Ok((share >= args.kill_at).then_some(share))
}

/// The last of the undisturbed rounds, once all members have contributed to them.
fn undisturbed(swarm: &Swarm, members: &[usize]) -> Option<u64> {
    let whole = |told: &&u64| {
        let told = &swarm.rounds[*told];
        let full = |round: &crate::node::Round| round.aggregated().count() == members.len();
        members
            .iter()
            .all(|member| told.get(member).is_some_and(full))
    };
    let together: Vec<u64> = swarm.rounds.keys().filter(whole).copied().collect();
    let needed = usize::try_from(WARM_UP + UNDISTURBED).ok()?;
    (together.len() >= needed).then(|| together.last().copied())?
}

fn summary(
    args: &Args,
    swarm: &Swarm,
    members: &[usize],
    left: &[usize],
    story: &Story,
) -> Result<Summary> {
    let Fetched {
        chunks,
        again,
        seconds,
        sources,
    } = story
        .joined
        .fetched
        .clone()
        .context("the state was not fetched")?;
    let mut source_bytes: Vec<u64> = sources.into_values().collect();
    source_bytes.sort_unstable_by(|a, b| b.cmp(a));
    let slowest = |rounds: std::ops::RangeInclusive<u64>, of: &[usize]| {
        let told = swarm.rounds.range(rounds).map(|(_, told)| {
            swarm::slowest(
                told.iter()
                    .filter(|(node, _)| of.contains(node))
                    .map(|(_, round)| round),
            )
        });
        swarm::median(told.collect::<Vec<_>>())
    };
    Ok(Summary {
        experiment: "join",
        peers: args.peers,
        state_bytes: args.dimension() * 4 + STATE_HEAD,
        chunks,
        seconds: story.at.duration_since(story.began).as_secs_f64(),
        fetch_seconds: seconds,
        source_bytes,
        fetched_again: again,
        killed_at: story.killed_at,
        verified: is_theirs(swarm, members, &story.joined),
        seconds_to_counted: story
            .counted
            .map(|at| at.duration_since(story.began).as_secs_f64()),
        round_seconds_before: slowest(story.last + 1 - UNDISTURBED..=story.last, members),
        round_seconds_meanwhile: slowest(story.last + 1..=u64::MAX, left),
        peak_rss_bytes: swarm.peak_rss_bytes[story.newcomer],
        offences: swarm.offences.clone(),
    })
}

/// Whether the members ended the round before with that very model.
fn is_theirs(swarm: &Swarm, members: &[usize], joined: &Joined) -> bool {
    let before = joined
        .round
        .checked_sub(1)
        .and_then(|round| swarm.rounds.get(&round));
    let told = before
        .into_iter()
        .flatten()
        .filter(|(node, _)| members.contains(node));
    let models: BTreeSet<_> = told.map(|(_, round)| round.model.as_deref()).collect();
    models == BTreeSet::from([Some(joined.model.as_str())])
}
