//! One node as a child process: its events as they come, what it answers, its memory, its end.

use std::collections::BTreeMap;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use spirt_node::child::{self, lines};
use spirt_node::control::{self, Status};

/// Lines of stderr that are kept to explain a failure.
const LAST_LINES: usize = 8;

/// What a node says, as far as experiments look at it.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Said {
    /// It listens.
    Ready {
        /// Its peer id.
        peer: String,
        /// The address that others dial.
        join: Option<String>,
    },
    /// A round is over.
    Round(Round),
    /// It took over the state of the others.
    Joined(Joined),
    /// A peer did what no honest peer does.
    Offence(Offence),
    /// It has left, and ends.
    Left,
    /// Something else.
    #[serde(other)]
    Other,
}

/// A node took over the state of the others.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Joined {
    pub(crate) round: u64,
    pub(crate) model: String,
    /// How the state came, if it came from others.
    pub(crate) fetched: Option<Fetched>,
}

/// How a state came.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Fetched {
    pub(crate) chunks: u64,
    /// Bytes that were asked for more than once.
    pub(crate) again: u64,
    /// From the first request to the last chunk that was checked.
    pub(crate) seconds: f64,
    /// Bytes that each peer brought.
    pub(crate) sources: BTreeMap<String, u64>,
}

/// Somebody was caught.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Offence {
    pub(crate) peer: String,
    pub(crate) offence: String,
}

/// A round that is over, as a node tells it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Round {
    pub(crate) round: u64,
    pub(crate) applied: bool,
    pub(crate) loss: Option<f64>,
    pub(crate) accuracy: Option<f64>,
    pub(crate) verdicts: BTreeMap<String, String>,
    pub(crate) model: Option<String>,
    /// Peers that aggregated each part, where the peers shared the work.
    pub(crate) keepers: Option<u64>,
    pub(crate) bytes_sent: u64,
    pub(crate) seconds: f64,
}

impl Round {
    /// The peers whose contributions the rule kept, if there was an update.
    pub(crate) fn authors(&self) -> impl Iterator<Item = &str> {
        self.with_verdict(&["kept"])
    }

    /// The peers whose contributions the rule looked at, if there was an update.
    pub(crate) fn aggregated(&self) -> impl Iterator<Item = &str> {
        self.with_verdict(&["kept", "dropped"])
    }

    fn with_verdict<'a>(&'a self, wanted: &'static [&str]) -> impl Iterator<Item = &'a str> {
        let verdicts = self.verdicts.iter();
        let found =
            verdicts.filter(|(_, verdict)| self.applied && wanted.contains(&verdict.as_str()));
        found.map(|(peer, _)| peer.as_str())
    }
}

/// What a node's stdout brought, and when: a line, or its end with the last lines of its stderr.
pub(crate) struct Heard {
    pub(crate) node: usize,
    pub(crate) at: Instant,
    pub(crate) what: What,
}

/// A line, or the end.
pub(crate) enum What {
    Said(Said),
    Ended(String),
}

/// A running node. Dropping it kills it.
pub(crate) struct Node {
    child: Child,
    data_dir: PathBuf,
}

impl Node {
    /// Starts a node; what it says goes to `heard`, with this number.
    pub(crate) fn start(
        node: usize,
        args: &[String],
        data_dir: &Path,
        heard: SyncSender<Heard>,
    ) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let args = iter::once(crate::NODE).chain(args.iter().map(String::as_str));
        let mut command = child::command(&program, args, data_dir);
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
            let heard_of = |what| Heard {
                node,
                at: Instant::now(),
                what,
            };
            for line in lines(out) {
                let said = serde_json::from_str(&line).unwrap_or(Said::Other);
                if heard.send(heard_of(What::Said(said))).is_err() {
                    return;
                }
            }
            let last = errors.join().unwrap_or_default();
            // Nobody listens when the experiment is over: then it does not matter.
            let _ = heard.send(heard_of(What::Ended(last)));
        });
        let data_dir = data_dir.to_owned();
        Ok(Self { child, data_dir })
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks the node how it is.
    pub(crate) fn status(&self) -> Result<Status> {
        let socket = self.data_dir.join("control.sock");
        match control::ask(&socket, control::Command::Status)? {
            control::Reply::Status(status) => Ok(*status),
            other => bail!("no answer to `status`, but {other:?}"),
        }
    }

    /// Sends the process a signal. One that is gone needs none.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let _ = pid.map(|pid| kill_process(pid, signal));
    }

    /// The most memory that the process had resident so far, in bytes; `None` once it is gone.
    pub(crate) fn peak_rss_bytes(&self) -> Option<u64> {
        child::memory_bytes(self.child.id(), "VmHWM:")
    }

    /// CPU time that the process has taken so far, in seconds; `None` once it is gone.
    pub(crate) fn cpu_seconds(&self) -> Option<f64> {
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
