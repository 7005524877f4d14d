//! `cargo xtask sim`: the protocol simulator, in virtual time and without a network.

use anyhow::Result;

use crate::shell::{self, cargo};

/// What is graded when nothing else is asked for; compared with the committed base.
const GRADED: [&str; 6] = [
    "--scenario",
    "all",
    "--seeds",
    "0..50",
    "--base",
    "protocol/testdata/sim/base.txt",
];

/// What the simulator gets.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Arguments for the simulator; `cargo xtask sim -- --help` lists them. Without any, or with
    /// `--bless` alone, it compares the grades of all kinds of scenario with the committed base
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
    sim.args(["--example", "sim", "--"]);
    if args.args.iter().all(|arg| arg == "--bless") {
        sim.args(GRADED);
    }
    shell::run(sim.args(&args.args))
}
