//! The same job done by another system, each in an environment of its own: for the comparison, not for the product.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use super::Args;
use crate::output;

const HIVEMIND: &str = "hivemind==1.1.12";
const SCRIPT: &str = include_str!("hivemind.py");
/// Rounds before the measured ones.
const WARM_UP: u64 = 1;

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

/// What the script says of a round.
#[derive(Deserialize)]
struct Round {
    seconds: f64,
    right: bool,
    peak_rss_bytes: u64,
}

/// Times hivemind's averaging of vectors of the same length between as many peers.
pub(super) fn hivemind(args: &Args) -> Result<RivalSummary> {
    let python = environment(&args.rival_env)?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    // Not under the module's own name, which Python would then import.
    let script = folder.path().join("rival.py");
    std::fs::write(&script, SCRIPT).context("cannot write the script")?;
    let numbers = [
        u64::from(args.peers),
        u64::from(args.dim.get()),
        args.rounds.get(),
        WARM_UP,
    ];
    let mut child = Command::new(python)
        .args(["-W", "ignore"])
        .arg(&script)
        .args(numbers.map(|number| number.to_string()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start Python")?;
    let stdout = child.stdout.take().context("stdout is piped")?;
    let mut rounds: Vec<Round> = Vec::new();
    for line in BufReader::new(stdout).lines() {
        if let Ok(round) = serde_json::from_str::<Round>(&line?) {
            output::progress(&format!("hivemind: {:.3} s", round.seconds));
            rounds.push(round);
        }
    }
    child.wait().context("cannot wait for Python")?;
    if rounds.len() as u64 != args.rounds.get() {
        bail!("hivemind did {} of {} rounds", rounds.len(), args.rounds);
    }
    let mut seconds: Vec<f64> = rounds.iter().map(|round| round.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    Ok(RivalSummary {
        name: "hivemind",
        seconds_median: seconds[seconds.len() / 2],
        seconds_max: seconds[seconds.len() - 1],
        peak_rss_bytes: rounds.iter().map(|r| r.peak_rss_bytes).max().unwrap_or(0),
        right: rounds.iter().all(|round| round.right),
    })
}

/// The Python of an environment with hivemind in it, made now if it is not there.
fn environment(folder: &Path) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    let import = ["-W", "ignore", "-c", "import hivemind"];
    let mut probe = Command::new(&python);
    probe
        .args(import)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if probe.status().is_ok_and(|status| status.success()) {
        return Ok(python);
    }
    output::progress("making a Python environment with hivemind; this takes minutes and 6 GB");
    run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", HIVEMIND]))?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.stdout(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot start {command:?}"))?;
    if status.success() {
        return Ok(());
    }
    bail!("{command:?} failed: {status}; give the folder of an environment with --rival-env")
}
