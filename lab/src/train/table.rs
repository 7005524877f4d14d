//! The result of the experiment: a line of figures for each choice.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::{Args, Choice};
use crate::node::Round;
use crate::swarm::{Swarm, median, slowest};

/// What the experiment measured.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    experiment: &'static str,
    peers: u16,
    liars: u16,
    /// `null` when nobody lies.
    attack: Option<String>,
    data: String,
    model: String,
    /// Parameters.
    dimension: usize,
    rule: String,
    max_byzantine: u16,
    /// Minibatch steps of each node in each line.
    steps: u32,
    batch_size: u32,
    learning_rate: f32,
    worker_momentum: f32,
    seed: u64,
    /// One for each choice.
    pub(super) lines: Vec<Line>,
}

/// What one choice came to. The rounds in which the nodes join, 0 where nobody lies, are left out of all
/// figures but memory and CPU time.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    encoding: String,
    local_steps: u32,
    optimizer: String,
    rounds: u64,
    /// Of a round, from its start to the new model, at the slowest honest node.
    seconds_median: f64,
    seconds_max: f64,
    /// Of all rounds together.
    seconds: f64,
    /// By an honest node, on average, in all rounds together.
    bytes_sent: u64,
    /// Of the node that took most.
    peak_rss_bytes: u64,
    /// Of all nodes.
    cpu_seconds: f64,
    /// Mean training loss of the last round, in nats.
    loss: Option<f64>,
    /// Share of the held-out samples that the last model gets right.
    accuracy: Option<f64>,
    /// Rounds without an update.
    rounds_lost: u64,
    /// Whether all honest nodes had the same model after every round.
    agreed: bool,
}

impl Table {
    pub(super) fn new(args: &Args, dimension: usize) -> Self {
        Self {
            experiment: "train",
            peers: args.peers,
            liars: args.liars,
            attack: (args.liars > 0).then(|| args.attack.clone()),
            data: args.data.clone(),
            model: args.model.clone(),
            dimension,
            rule: args.rule.clone(),
            max_byzantine: args.liars_withstood(),
            steps: args.steps.get(),
            batch_size: args.batch_size.get(),
            learning_rate: args.learning_rate,
            worker_momentum: args.worker_momentum,
            seed: args.seed,
            lines: Vec::new(),
        }
    }

    pub(super) fn agreed(&self) -> bool {
        self.lines.iter().all(|line| line.agreed)
    }
}

impl Line {
    /// Of the rounds after `first` up to `last`, which took `elapsed` together.
    pub(super) fn new(
        choice: Choice<'_>,
        first: u64,
        last: u64,
        swarm: &Swarm,
        honest: &[usize],
        elapsed: Duration,
    ) -> Self {
        let told = |round: u64| -> Vec<&Round> {
            let told = swarm.rounds.get(&round);
            honest.iter().filter_map(|node| told?.get(node)).collect()
        };
        let all: Vec<Vec<&Round>> = (first + 1..=last).map(told).collect();
        let seconds: Vec<f64> = all
            .iter()
            .map(|told| slowest(told.iter().copied()))
            .collect();
        let sent = |round| -> u64 { told(round).iter().map(|told| told.bytes_sent).sum() };
        let agreed = |told: &Vec<&Round>| {
            let models: BTreeSet<_> = told.iter().map(|told| &told.model).collect();
            told.len() == honest.len() && models.len() == 1
        };
        let is_lost = |told: &&Vec<&Round>| told.iter().any(|told| !told.applied);
        let end = told(last).first().copied();
        Self {
            encoding: choice.encoding.into(),
            local_steps: choice.local_steps,
            optimizer: choice.optimizer.into(),
            rounds: last - first,
            seconds_median: median(seconds.iter().copied()),
            seconds_max: seconds.into_iter().fold(0.0, f64::max),
            seconds: elapsed.as_secs_f64(),
            bytes_sent: (sent(last) - sent(first)) / honest.len() as u64,
            peak_rss_bytes: swarm.peak_rss_bytes.iter().copied().max().unwrap_or(0),
            cpu_seconds: swarm.cpu_seconds.iter().sum(),
            loss: end.and_then(|told| told.loss),
            accuracy: end.and_then(|told| told.accuracy),
            rounds_lost: all.iter().filter(is_lost).count() as u64,
            agreed: all.iter().all(agreed),
        }
    }
}

impl fmt::Display for Table {
    /// As Markdown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} on {}, {} parameters, {} nodes, {} against {}, {} steps of {} samples at {}",
            self.model,
            self.data,
            self.dimension,
            self.peers,
            self.rule,
            self.max_byzantine,
            self.steps,
            self.batch_size,
            self.learning_rate
        )?;
        if let Some(attack) = &self.attack {
            writeln!(f, "{} of the nodes: {attack}", self.liars)?;
        }
        writeln!(
            f,
            "\n| encoding | H | optimizer | rounds | s/round | s | CPU s | MiB sent by a node | MiB held | accuracy | lost | models |"
        )?;
        write!(f, "|---|---|---|---|---|---|---|---|---|---|---|---|")?;
        for line in &self.lines {
            write!(f, "\n{line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let percent = |share: f64| format!("{:.2} %", 100.0 * share);
        write!(
            f,
            "| `{}` | {} | `{}` | {} | {:.3} | {:.1} | {:.1} | {:.1} | {:.0} | {} | {} | {} |",
            self.encoding,
            self.local_steps,
            self.optimizer,
            self.rounds,
            self.seconds_median,
            self.seconds,
            self.cpu_seconds,
            mib(self.bytes_sent),
            mib(self.peak_rss_bytes),
            self.accuracy.map_or("-".into(), percent),
            self.rounds_lost,
            if self.agreed { "equal" } else { "not equal" }
        )
    }
}
