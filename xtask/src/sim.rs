//! `cargo xtask sim`: the protocol simulator, in virtual time and without a network.

use anyhow::Result;

use crate::shell::{self, cargo};

/// What the simulator gets.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Arguments for the simulator; `cargo xtask sim -- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut sim = cargo();
    sim.args([
        "run",
        "--release",
        "-p",
        "spirt-protocol",
        "--features",
        "sim",
    ]);
    shell::run(sim.args(["--example", "sim", "--"]).args(&args.args))
}
