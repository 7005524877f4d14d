//! The same exchange by another system.

use anyhow::Result;
use serde::Serialize;

use super::Args;
use crate::rival::{self, Job};
use crate::swarm::median;

/// What the rival took.
#[derive(Debug, Serialize)]
pub(super) struct RivalSummary {
    pub(super) name: &'static str,
    /// Of a round, at the slowest peer; finding a group is left out.
    pub(super) seconds_median: f64,
    pub(super) seconds_max: f64,
    /// Of the process that took most; a peer has several.
    pub(super) peak_rss_bytes: u64,
    /// Whether all peers came to the mean of their vectors in every round.
    right: bool,
}

/// Times hivemind's averaging of vectors of the same length between as many peers.
pub(super) fn hivemind(args: &Args) -> Result<RivalSummary> {
    let job = Job {
        peers: args.peers,
        dim: args.dim.get(),
        rounds: args.rounds.get(),
        fault: None,
        chunk_timeout: None,
    };
    let told = rival::hivemind(&args.rival_env, &job)?;
    let seconds = told.iter().map(|round| round.seconds);
    Ok(RivalSummary {
        name: "hivemind",
        seconds_median: median(seconds.clone()),
        seconds_max: seconds.fold(0.0, f64::max),
        peak_rss_bytes: told.iter().map(|r| r.peak_rss_bytes).max().unwrap_or(0),
        right: told.iter().all(|round| round.right),
    })
}
