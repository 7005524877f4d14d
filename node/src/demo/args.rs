//! The options of the demo. Owns no default of the daemon itself.

use clap::Args;

/// The options of `spirt-node demo`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DemoArgs {
    /// Nodes to start, liars included
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub nodes: u16,
    /// How many of them lie
    #[arg(long, value_name = "F", default_value_t = 1)]
    pub byzantine: u16,
    /// How many honest ones to kill on the way
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub kill: u16,
    /// Rounds to train
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub rounds: u64,
    /// The aggregation rule
    #[arg(long, default_value = "arc+nnm+trimmed-mean")]
    pub rule: String,
    /// What the liars send
    #[arg(long, value_name = "KIND", default_value = "sign-flip:scale=5")]
    pub attack: String,
    /// Least time of a round, so that it can be watched
    #[arg(long, value_name = "DURATION", default_value = "500ms")]
    pub pace: humantime::Duration,
    /// Seed of the run; keys, and with them each node's share of the data, are new every time
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// First TCP port of the nodes; free ones without it
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Print the result only
    #[arg(long)]
    pub no_progress: bool,
    /// One JSON object per event; the last one is the summary
    #[arg(long)]
    pub json: bool,
}
