//! `cargo xtask soak`: a long run of real nodes under random faults.

use anyhow::Result;

use crate::shell::{self, cargo, program};
use crate::steps::step;
use crate::test::artefacts::Artefacts;

/// How long, and with whom.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long faults last
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// Seeds what happens when
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Nodes at first; a fifth of them lie
    #[arg(long, default_value_t = 10)]
    nodes: u16,
    /// Use the build profile of the product, which takes longer to build
    #[arg(long)]
    release: bool,
    /// Print nothing on stdout but one JSON object, as the last line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut build = cargo();
    build.args(["build", "-p", "spirt-node", "-p", "spirt-tests", "--bins"]);
    if args.release {
        build.arg("--release");
    }
    let artefacts = Artefacts::build(&mut build)?;
    let mut soak = program(artefacts.binary("soak")?);
    soak.env("SPIRT_NODE_BIN", artefacts.binary("spirt-node")?);
    soak.arg("--minutes").arg(args.minutes.to_string());
    soak.arg("--seed").arg(args.seed.to_string());
    soak.arg("--nodes").arg(args.nodes.to_string());
    if args.json {
        return shell::run(&mut soak);
    }
    step("soak", || shell::run(&mut soak))
}
