//! The settings of a node: flags > environment > config file > defaults.
//!
//! [`load`] reads the layers, keeps where each value came from, and turns them into a [`Config`]
//! of typed values, or into the list of *all* problems. Owns no effect but reading the config file.

mod address;
mod env;
mod file;
pub mod keys;
mod layers;
mod problem;
mod reader;
mod render;
mod resolve;
mod setting;
mod value;

#[cfg(test)]
mod tests;

use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

use libp2p::Multiaddr;
use spirt_protocol::{Encoding, RunId};

pub use env::Environment;
pub use layers::{Flags, Loaded, Sources, load, locate_data_dir};
pub use problem::{ConfigError, Problem};
pub use render::{example, show, show_json};
pub use setting::{Origin, Setting, Settings};
pub use value::{ColorChoice, LogFormat, Verbosity};

/// What a node does, fully parsed. It holds no secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Addresses.
    pub network: NetworkConfig,
    /// Where this node keeps its things.
    pub home: Home,
    /// Which run this node takes part in.
    pub entry: Entry,
    /// How long it takes part.
    pub stay: StayConfig,
    /// Save a checkpoint every so many rounds; `None` saves only on exit.
    pub checkpoint_every: Option<NonZeroU64>,
    /// What it tells people and programs.
    pub observe: ObserveConfig,
    /// The attack to play, as text; `None` for an honest node.
    pub attack: Option<String>,
}

/// Addresses.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkConfig {
    /// Addresses to listen on, at least one; a port may be 0.
    pub listen: Vec<Multiaddr>,
    /// Addresses to announce beside those listened on, without `/p2p`.
    pub external: Vec<Multiaddr>,
    /// Whether the addresses listened on are not announced; `external` has one at least then.
    pub external_only: bool,
    /// Give up joining after this long. Above zero.
    pub join_timeout: Duration,
}

/// Where a node keeps its things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// In this data dir, which outlives the process.
    Dir(PathBuf),
    /// In a temporary folder that is removed on exit.
    Ephemeral,
}

/// Which run a node takes part in.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// Nobody to ask: found a run with this plan, or go on with the run in the data dir.
    Found(Box<Plan>),
    /// Join the run that these peers train. They decide the plan.
    Join {
        /// Addresses to dial, at least one, with or without `/p2p`.
        bootstrap: Vec<Multiaddr>,
    },
}

/// How long a node takes part, and in which run.
#[derive(Debug, Clone, PartialEq)]
pub struct StayConfig {
    /// Only this run.
    pub run: Option<RunId>,
    /// Leave after this many rounds.
    pub rounds: Option<NonZeroU64>,
    /// Leave after this long. Above zero.
    pub lease: Option<Duration>,
    /// Give up when no round ends for this long. Above zero.
    pub patience: Duration,
}

/// What the founder of a run decides; it becomes the run's specification. Its texts are in
/// canonical form: their rooms have parsed and written them.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What to train.
    pub training: TrainingPlan,
    /// How to agree and aggregate.
    pub aggregation: AggregationPlan,
}

/// What a run trains.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingPlan {
    /// The model, as text: `mlp:hidden=32`.
    pub model: String,
    /// The data set, as text: `digits`.
    pub data: String,
    /// Whether peers give the data set to each other, so that a newcomer needs no files.
    pub share_data: bool,
    /// The optimizer, as text: `sgd:lr=1`.
    pub optimizer: String,
    /// Minibatch steps of a peer in a round.
    pub local_steps: NonZeroU32,
    /// Samples in a minibatch.
    pub batch_size: NonZeroU32,
    /// Learning rate of the local steps. Finite and above zero.
    pub learning_rate: f32,
    /// Weight of earlier updates in what a peer contributes, from 0 to below 1.
    pub worker_momentum: f32,
    /// Seed of all that is random.
    pub seed: u64,
}

/// How a run agrees and aggregates.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregationPlan {
    /// The rule, as text: `trimmed-mean`.
    pub rule: String,
    /// How vectors travel.
    pub encoding: Encoding,
    /// Whether peers may share the work of the rule.
    pub division: Division,
    /// Byzantine peers that the run withstands, f.
    pub max_byzantine: u16,
    /// Fewest peers with which a round ends, 1 to [`MAX_PEERS`](spirt_protocol::MAX_PEERS). The
    /// rule may need more.
    pub min_peers: u16,
    /// Least time between the starts of two rounds; at most an hour.
    pub pace: Duration,
    /// Least time that a round waits for missing contributions; at most `collect_max`.
    pub collect_min: Duration,
    /// Most time that a round waits once it has enough; at most a day.
    pub collect_max: Duration,
    /// Length of an attempt to agree; 1 ms to an hour.
    pub attempt: Duration,
}

/// Who runs the rule on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Division {
    /// Peers share the work where that saves much, and the rule lets them.
    Auto,
    /// Each peer runs it on all of each vector.
    Whole,
}

/// What a node tells people and programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObserveConfig {
    /// Events as NDJSON on stdout, errors as JSON on stderr.
    pub json: bool,
    /// The log filter, in the syntax of `RUST_LOG`.
    pub log: String,
    /// How to write the log.
    pub log_format: LogFormat,
    /// When to use colour.
    pub color: ColorChoice,
    /// Whether to print a line per round.
    pub progress: bool,
}
