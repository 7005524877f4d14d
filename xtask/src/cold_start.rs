//! `cargo xtask cold-start`: from a started process to a peer that counts in a round.
//!
//! A swarm of four trains. Again and again a fifth node starts with nothing but an address, and the
//! clock runs until another node says that it kept a contribution of the newcomer: the program is
//! loaded, keys are made, the peers found, the state fetched and checked, a share of the data
//! trained on, and the gradient agreed on by then.

mod node;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use self::node::Node;
use crate::artefacts::Artefacts;
use crate::shell::cargo;

/// Nodes that train before the newcomers come.
const N_NODES: usize = 4;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many starts to measure
    #[arg(long, default_value_t = 10)]
    runs: u32,
    /// Least time between two rounds of the swarm, as `spirt-node --pace` takes it
    #[arg(long, default_value = "100ms")]
    pace: String,
    /// Measure this program instead of building one
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Figures {
    runs: usize,
    pace: String,
    seconds_median: f64,
    seconds_min: f64,
    seconds_max: f64,
    seconds: Vec<f64>,
    binary_bytes: u64,
    resident_bytes: Option<u64>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if args.runs == 0 {
        bail!("nothing to measure: --runs is 0");
    }
    let program = match &args.program {
        Some(program) => std::path::absolute(program)?,
        None => build()?,
    };
    let folder = Folder::new()?;
    let figures = measure(args, &program, folder.path())?;
    if args.json {
        println!("{}", serde_json::to_string(&figures)?);
    } else {
        println!("{}", describe(&figures));
    }
    Ok(())
}

fn build() -> Result<PathBuf> {
    let mut build = cargo();
    build.args([
        "build",
        "--release",
        "-p",
        "spirt-node",
        "--bin",
        "spirt-node",
    ]);
    Ok(Artefacts::build(&mut build)?
        .binary("spirt-node")?
        .to_owned())
}

fn measure(args: &Args, program: &Path, folder: &Path) -> Result<Figures> {
    let start = |name: &str, options: &[&str]| Node::start(program, &folder.join(name), options);
    let founder = start("0", &["--min-peers", "2", "--pace", &args.pace])?;
    let mut swarm = vec![founder];
    for number in 1..N_NODES {
        let bootstrap = swarm[0].join()?.to_owned();
        swarm.push(start(&number.to_string(), &["--bootstrap", &bootstrap])?);
    }
    swarm[0].wait_round(|round| round.n_kept() == N_NODES)?;
    let mut seconds = Vec::new();
    for number in 0..args.runs {
        // Each newcomer knows another node, and none of them is the founder.
        let via = &swarm[1 + number as usize % (N_NODES - 1)];
        let newcomer = start(&format!("newcomer-{number}"), &["--bootstrap", via.join()?])?;
        let peer = newcomer.peer()?;
        let seen = swarm[0].wait_round(|round| round.keeps(peer))?;
        seconds.push(seen.duration_since(newcomer.started()).as_secs_f64());
        newcomer.leave()?;
        swarm[0].wait_round(|round| round.roster == N_NODES && round.n_kept() == N_NODES)?;
    }
    let mut sorted = seconds.clone();
    sorted.sort_by(f64::total_cmp);
    Ok(Figures {
        runs: seconds.len(),
        pace: args.pace.clone(),
        seconds_median: median(&sorted),
        seconds_min: sorted.first().copied().unwrap_or_default(),
        seconds_max: sorted.last().copied().unwrap_or_default(),
        seconds,
        binary_bytes: std::fs::metadata(program)
            .context("cannot read the program")?
            .len(),
        resident_bytes: swarm[0].resident_bytes()?,
    })
}

/// The middle of sorted values; 0 if there are none.
fn median(sorted: &[f64]) -> f64 {
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    let n = sorted.len();
    (at(n.saturating_sub(1) / 2) + at(n / 2)) / 2.0
}

fn describe(figures: &Figures) -> String {
    let Figures {
        runs,
        pace,
        seconds_median,
        seconds_min,
        seconds_max,
        ..
    } = figures;
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    format!(
        "from a started process to a kept contribution, {runs} times, a round every {pace}:\n  \
         median {seconds_median:.3} s, min {seconds_min:.3} s, max {seconds_max:.3} s\n\
         binary: {}\nresident memory of a node: {}",
        mib(figures.binary_bytes),
        figures
            .resident_bytes
            .map_or_else(|| "unknown".to_owned(), mib),
    )
}

/// A folder of our own for the nodes, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let name = format!("spirt-cold-start-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left in the system's folder for temporary files does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How long to wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), 3.0);
        assert_eq!(median(&[1.0, 2.0, 9.0]), 2.0);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn the_figures_are_told_in_a_few_lines() {
        let figures = Figures {
            runs: 2,
            pace: "100ms".into(),
            seconds_median: 0.5,
            seconds_min: 0.25,
            seconds_max: 0.75,
            seconds: vec![0.25, 0.75],
            binary_bytes: 10 << 20,
            resident_bytes: None,
        };
        assert_eq!(
            describe(&figures),
            "from a started process to a kept contribution, 2 times, a round every 100ms:\n  \
             median 0.500 s, min 0.250 s, max 0.750 s\n\
             binary: 10.0 MiB\nresident memory of a node: unknown"
        );
    }
}
