//! `cargo xtask soak`: a long run of real nodes under random faults.

use anyhow::Result;

use crate::artefacts::Artefacts;
use crate::image;
use crate::shell::{self, cargo, program};
use crate::steps::step;
use crate::test;

/// How long, and with whom.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long faults last
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// Seeds what happens when
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Nodes at first [default: 10, or `peer=8` and the bootstrap of the compose file]
    #[arg(long)]
    nodes: Option<u16>,
    /// Where they run [default: namespaces, or processes where there is no root]
    #[arg(long, value_enum)]
    host: Option<Host>,
    /// Use the build profile of the product, which takes longer to build
    #[arg(long)]
    release: bool,
    /// Print nothing on stdout but one JSON object, as the last line
    #[arg(long)]
    json: bool,
}

/// Where the nodes run. In containers nobody lies, elsewhere a fifth of the nodes do.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Host {
    Processes,
    Namespaces,
    Compose,
}

impl Host {
    const fn name(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::Namespaces => "namespaces",
            Self::Compose => "compose",
        }
    }
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
    if let Some(nodes) = args.nodes {
        soak.arg("--nodes").arg(nodes.to_string());
    }
    if let Some(host) = args.host {
        soak.args(["--host", host.name()]);
    }
    if args.host == Some(Host::Compose) {
        image::run(&test::image(!args.release)?)?;
        soak.env("SPIRT_DOCKER_IMAGE", test::IMAGE);
    }
    if args.json {
        return shell::run(&mut soak);
    }
    step("soak", || shell::run(&mut soak))
}
