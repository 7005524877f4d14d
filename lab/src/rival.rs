//! hivemind at the same job, in an environment of its own: for the comparison, not for the product.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::output;

const HIVEMIND: &str = "hivemind==1.1.12";
const SCRIPT: &str = include_str!("rival/hivemind.py");
/// Rounds before the measured ones.
const WARM_UP: u64 = 1;

/// What peers of hivemind are to do: average vectors, some rounds long.
#[derive(Debug, Serialize)]
pub(crate) struct Job {
    pub(crate) peers: u16,
    /// Values of a vector.
    pub(crate) dim: u32,
    /// Rounds to measure; the last is the one with the fault.
    pub(crate) rounds: u64,
    /// What befalls the last peer.
    pub(crate) fault: Option<Fault>,
    /// After how many seconds without a chunk a peer gives another up; hivemind's default is never.
    pub(crate) chunk_timeout: Option<f64>,
}

/// What befalls a peer, or what it does.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    /// It dies in the middle of the round.
    Kill,
    /// It stands still from the middle of the round on.
    Stop,
    /// Its vector holds a NaN.
    Nan,
    /// Its vector is multiplied by -10^6.
    Huge,
}

impl Fault {
    /// What the peer does.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Kill => "is killed in mid-round",
            Self::Stop => "stands still from mid-round on",
            Self::Nan => "sends a NaN",
            Self::Huge => "sends its vector times -10^6",
        }
    }

    /// Whether it befalls the peer from outside, at some time of the round.
    pub(crate) const fn strikes(self) -> bool {
        matches!(self, Self::Kill | Self::Stop)
    }
}

/// What came of a round at the peers that nothing befell.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Told {
    /// At the slowest peer; finding a group is left out.
    pub(crate) seconds: f64,
    /// How many were told of a success.
    pub(crate) succeeded: u16,
    /// Whether each holds a mean of what honest peers began with.
    pub(crate) right: bool,
    /// Whether all hold the same, up to rounding.
    pub(crate) alike: bool,
    /// Whether nobody holds a NaN or an infinity.
    pub(crate) finite: bool,
    /// Of the process that took most; a peer has several.
    pub(crate) peak_rss_bytes: u64,
}

/// Lets hivemind do a job. `env` is the folder of its Python environment, made if it is not there.
///
/// # Errors
/// When the environment cannot be made, or not all rounds come to an end.
pub(crate) fn hivemind(env: &Path, job: &Job) -> Result<Vec<Told>> {
    let python = environment(env)?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    // Not under the module's own name, which Python would then import.
    let script = folder.path().join("rival.py");
    std::fs::write(&script, SCRIPT).context("cannot write the script")?;
    let mut setting = serde_json::to_value(job)?;
    setting["warm_up"] = WARM_UP.into();
    let mut child = Command::new(python)
        .args(["-W", "ignore"])
        .arg(&script)
        .arg(setting.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start Python")?;
    let stdout = child.stdout.take().context("stdout is piped")?;
    let mut rounds: Vec<Told> = Vec::new();
    for line in BufReader::new(stdout).lines() {
        if let Ok(told) = serde_json::from_str::<Told>(&line?) {
            output::progress(&format!("hivemind: {:.3} s", told.seconds));
            rounds.push(told);
        }
    }
    child.wait().context("cannot wait for Python")?;
    if rounds.len() as u64 != job.rounds {
        bail!("hivemind did {} of {} rounds", rounds.len(), job.rounds);
    }
    Ok(rounds)
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
