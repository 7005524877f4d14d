//! `cargo xtask cold-start`: from a started process to a peer that counts in a round.
//!
//! Not written yet; the command exists so that its name and place are settled.

use anyhow::{Result, bail};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many starts to measure
    #[arg(long, default_value_t = 10)]
    runs: u32,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    bail!(
        "cold-start is not written yet ({} runs asked for)",
        args.runs
    )
}
