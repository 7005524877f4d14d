//! Nodes on this machine train one model on a data set, once for each choice of encoding, local steps and outer optimizer,
//! with the same number of minibatch steps each time: what the choice costs, and what the model is worth at the end.

mod table;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use spirt_node::{DataSpec, ModelSpec};

use crate::output;
use crate::swarm::{Swarm, node_options};
use table::{Line, Table};

/// Options of the experiment.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Nodes, liars included
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(2..=64))]
    peers: u16,
    /// The data set
    #[arg(long, default_value = "digits")]
    data: String,
    /// The model
    #[arg(long, default_value = "mlp:hidden=32")]
    model: String,
    /// How vectors travel: one line of the table each
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "f32,bf16,f16,int8,top-k:per-mille=10,sign"
    )]
    encoding: Vec<String>,
    /// Minibatch steps of a round: one line each
    #[arg(long, value_delimiter = ',', default_value = "1,8,32")]
    local_steps: Vec<NonZeroU32>,
    /// What applies an aggregate to the model; repeat it for one line each
    #[arg(long, default_value = "sgd:lr=1")]
    optimizer: Vec<String>,
    /// Minibatch steps of each node in all, the same for each line
    #[arg(long, default_value = "960")]
    steps: NonZeroU32,
    /// Samples of a minibatch
    #[arg(long, default_value = "32")]
    batch_size: NonZeroU32,
    /// Learning rate of the local steps
    #[arg(long, default_value_t = 0.1)]
    learning_rate: f32,
    /// Weight of a node's earlier updates in what it contributes
    #[arg(long, default_value_t = 0.0)]
    worker_momentum: f32,
    /// The aggregation rule
    #[arg(long, default_value = "mean")]
    rule: String,
    /// Liars that the rule is to withstand [default: those that there are]
    #[arg(long)]
    max_byzantine: Option<u16>,
    /// Nodes that lie
    #[arg(long, default_value_t = 0)]
    liars: u16,
    /// How they lie
    #[arg(long, default_value = "sign-flip")]
    attack: String,
    /// Seed of the run
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Give up when nothing happens for so many seconds
    #[arg(long, default_value_t = 300)]
    patience: u64,
    /// What the nodes log to stderr, in the syntax of RUST_LOG; shown when one fails
    #[arg(long)]
    log: Option<String>,
    /// Print the result as one JSON object, on the last line
    #[arg(long)]
    json: bool,
}

/// What one line of the table is about.
#[derive(Debug, Clone, Copy)]
struct Choice<'a> {
    encoding: &'a str,
    local_steps: u32,
    optimizer: &'a str,
}

impl Args {
    /// The lines of the table, in its order.
    fn choices(&self) -> impl Iterator<Item = Choice<'_>> {
        self.optimizer.iter().flat_map(move |optimizer| {
            self.local_steps.iter().flat_map(move |local_steps| {
                self.encoding.iter().map(move |encoding| Choice {
                    encoding,
                    local_steps: local_steps.get(),
                    optimizer,
                })
            })
        })
    }

    fn liars_withstood(&self) -> u16 {
        self.max_byzantine.unwrap_or(self.liars)
    }

    /// Rounds of a run that count: all but round 0, in which the nodes join.
    fn rounds(&self, choice: Choice<'_>) -> u64 {
        u64::from(self.steps.get() / choice.local_steps)
    }

    /// The arguments of a node, all but its data dir; `bootstrap` is for all but the founder.
    fn node(&self, choice: Choice<'_>, bootstrap: Option<&str>, lies: bool) -> Vec<String> {
        let patience = Duration::from_secs(self.patience);
        let mut args = node_options(bootstrap, patience, self.log.as_deref());
        let mut option = |name: &str, value: String| args.extend([format!("--{name}"), value]);
        option("listen", "/ip4/127.0.0.1/tcp/0".into());
        if lies {
            option("attack", self.attack.clone());
        }
        if bootstrap.is_none() {
            option("data", self.data.clone());
            option("model", self.model.clone());
            option("encoding", choice.encoding.into());
            option("local-steps", choice.local_steps.to_string());
            option("optimizer", choice.optimizer.into());
            option("batch-size", self.batch_size.to_string());
            option("learning-rate", self.learning_rate.to_string());
            option("worker-momentum", self.worker_momentum.to_string());
            option("rule", self.rule.clone());
            option("max-byzantine", self.liars_withstood().to_string());
            option("min-peers", (self.peers - self.liars).to_string());
            // Where somebody lies, the honest need not be together from the start: then the run has no end of its own.
            if self.liars == 0 {
                option("rounds", (1 + self.rounds(choice)).to_string());
            }
            option("seed", self.seed.to_string());
            option("collect-max", format!("{}s", self.patience));
            option("attempt", "5s".into());
        }
        args
    }

    /// Parameters of the model on this data.
    fn dimension(&self) -> Result<usize> {
        let data: DataSpec = self.data.parse()?;
        let model: ModelSpec = self.model.parse()?;
        let train = data.load()?.train;
        Ok(model.layout(train.shape(), train.classes())?.dimension())
    }

    fn check(&self) -> Result<()> {
        ensure!(
            self.liars < self.peers,
            "{} of {} nodes lie; leave one that does not",
            self.liars,
            self.peers
        );
        for steps in &self.local_steps {
            ensure!(
                self.steps.get().is_multiple_of(steps.get()),
                "--steps {} is no multiple of --local-steps {steps}: the lines would not compare",
                self.steps
            );
        }
        Ok(())
    }
}

/// Runs the experiment and prints its table.
///
/// # Errors
/// When a node ends too early, nothing happens for too long, or honest nodes did not hold the same model.
pub(crate) fn run(args: &Args) -> Result<()> {
    args.check()?;
    let mut table = Table::new(args, args.dimension()?);
    for choice in args.choices() {
        let Choice {
            encoding,
            local_steps,
            optimizer,
        } = choice;
        output::progress(&format!(
            "{encoding}, {local_steps} local steps, {optimizer}"
        ));
        let line = train(args, choice).with_context(|| {
            format!("training with {encoding}, {local_steps} local steps, {optimizer}")
        })?;
        output::progress(&line.to_string());
        table.lines.push(line);
    }
    output::result(&table, args.json)?;
    ensure!(
        table.agreed(),
        "honest nodes did not hold the same model after every round"
    );
    Ok(())
}

fn train(args: &Args, choice: Choice<'_>) -> Result<Line> {
    let mut swarm = Swarm::new(Duration::from_secs(args.patience))?;
    let bootstrap = swarm.found(&args.node(choice, None, false))?;
    // Liars come before the last honest node, without which no round ends.
    for _ in 0..args.liars {
        let liar = swarm.start(&args.node(choice, Some(&bootstrap), true))?;
        swarm.expect_nothing(liar);
    }
    let mut honest = vec![0];
    for _ in 1..args.peers - args.liars {
        honest.push(swarm.start(&args.node(choice, Some(&bootstrap), false))?);
    }
    // Where somebody lies, a round may end before the last honest node is there.
    let first = swarm.hear_until(|swarm, _| swarm.gathered(&honest))?;
    let began = Instant::now();
    let last = first + args.rounds(choice);
    swarm.hear_until(|swarm, _| swarm.ended(last, &honest).then_some(()))?;
    let elapsed = began.elapsed();
    Ok(Line::new(choice, first, last, &swarm, &honest, elapsed))
}
