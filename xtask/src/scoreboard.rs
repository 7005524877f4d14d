//! `cargo xtask scoreboard`: attack by rule on real nodes; results go to `tests/scoreboard.jsonl`.

use anyhow::Result;

use crate::artefacts::Artefacts;
use crate::shell::{self, cargo, program};

/// What the program gets.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Arguments for the program; `cargo xtask scoreboard -- --help` names them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut build = cargo();
    // Ten daemons on one machine: the product's own profile leaves it time for their rounds.
    build.args([
        "build",
        "--release",
        "-p",
        "spirt-node",
        "-p",
        "spirt-tests",
    ]);
    build.args(["--bin", "spirt-node", "--bin", "scoreboard"]);
    let artefacts = Artefacts::build(&mut build)?;
    let mut scoreboard = program(artefacts.binary("scoreboard")?);
    scoreboard.env("SPIRT_NODE_BIN", artefacts.binary("spirt-node")?);
    shell::run(scoreboard.args(&args.args))
}
