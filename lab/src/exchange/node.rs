//! One node as a child process: its events as they come, its memory, its end.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::SyncSender;
use std::thread;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use std::collections::BTreeMap;

/// Lines of stderr that are kept to explain a failure.
const LAST_LINES: usize = 8;

/// What a node says, as far as experiments look at it.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(super) enum Said {
    /// It listens.
    Ready {
        /// Its peer id.
        peer: String,
        /// The address that others dial.
        join: Option<String>,
    },
    /// A round is over.
    Round(Round),
    /// Something else.
    #[serde(other)]
    Other,
}

/// A round that is over, as a node tells it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Round {
    pub(super) round: u64,
    pub(super) applied: bool,
    pub(super) verdicts: BTreeMap<String, String>,
    pub(super) model: Option<String>,
    pub(super) bytes_sent: u64,
    pub(super) seconds: f64,
}

impl Round {
    /// The peers whose contributions were aggregated, if there was an update.
    pub(super) fn authors(&self) -> impl Iterator<Item = &str> {
        let kept = self
            .verdicts
            .iter()
            .filter(|(_, verdict)| self.applied && *verdict == "kept");
        kept.map(|(peer, _)| peer.as_str())
    }
}

/// What a node's stdout brought: a line, or its end with the last lines of its stderr.
pub(super) enum Heard {
    Said(Said),
    Ended(String),
}

/// A running node. Dropping it kills it.
pub(super) struct Node {
    child: Child,
}

impl Node {
    /// Starts node `number`; what it says goes to `heard` with that number.
    pub(super) fn start(
        number: usize,
        args: &[String],
        data_dir: &Path,
        heard: SyncSender<(usize, Heard)>,
    ) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        command
            .arg(crate::NODE)
            .args(args)
            .arg("--data-dir")
            .arg(data_dir);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SPIRT_") {
                command.env_remove(name);
            }
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start a node")?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let errors = thread::spawn(move || {
            let mut last: Vec<String> = Vec::new();
            for line in lines(err) {
                if last.len() == LAST_LINES {
                    last.remove(0);
                }
                last.push(line);
            }
            last.join("\n")
        });
        thread::spawn(move || {
            for line in lines(out) {
                let said = serde_json::from_str(&line).unwrap_or(Said::Other);
                if heard.send((number, Heard::Said(said))).is_err() {
                    return;
                }
            }
            let last = errors.join().unwrap_or_default();
            // Nobody listens when the experiment is over: then it does not matter.
            let _ = heard.send((number, Heard::Ended(last)));
        });
        Ok(Self { child })
    }

    /// The most memory that the process had resident so far, in bytes; `None` once it is gone.
    pub(super) fn peak_rss_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    }

    /// CPU time that the process has taken so far, in seconds; `None` once it is gone.
    pub(super) fn cpu_seconds(&self) -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11);
        let ticks = |field: Option<&str>| field?.parse::<f64>().ok();
        let (user, system) = (ticks(fields.next())?, ticks(fields.next())?);
        // Linux counts in hundredths of a second for user programs on all its platforms.
        Some((user + system) / 100.0)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Fails for a process that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines until the end or the first error; what is not UTF-8 is replaced.
fn lines(from: Option<impl Read>) -> impl Iterator<Item = String> {
    let lines = from.map(|from| BufReader::new(from).split(b'\n'));
    let lines = lines.into_iter().flatten().map_while(Result::ok);
    lines.map(|line| String::from_utf8_lossy(&line).into_owned())
}
