//! A node as a child process, and what it says on its stdout.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::PATIENCE;
use crate::shell::{self, program};

/// The events that matter here.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Event {
    Ready(Ready),
    Round(Round),
    #[serde(other)]
    Other,
}

#[derive(Deserialize, Clone)]
struct Ready {
    peer: String,
    join: Option<String>,
}

/// A round that is over.
#[derive(Deserialize)]
pub(super) struct Round {
    pub(super) roster: usize,
    verdicts: BTreeMap<String, String>,
}

impl Round {
    /// Whether the contribution of a peer went into the update.
    pub(super) fn keeps(&self, peer: &str) -> bool {
        self.verdicts
            .get(peer)
            .is_some_and(|verdict| verdict == "kept")
    }

    /// How many contributions went into the update.
    pub(super) fn n_kept(&self) -> usize {
        self.verdicts
            .values()
            .filter(|verdict| *verdict == "kept")
            .count()
    }
}

#[derive(Deserialize)]
struct Status {
    rss_bytes: Option<u64>,
}

/// A running node; it is killed when it is dropped.
pub(super) struct Node {
    program: PathBuf,
    data_dir: PathBuf,
    child: Child,
    started: Instant,
    events: Receiver<(Instant, Event)>,
    ready: Option<Ready>,
}

impl Node {
    /// Starts a node and waits until it listens.
    pub(super) fn start(binary: &Path, data_dir: &Path, options: &[&str]) -> Result<Self> {
        let mut command = program(binary);
        command.args([
            "--json",
            "--quiet",
            "--listen",
            "/ip4/127.0.0.1/tcp/0",
            "--data-dir",
        ]);
        command.arg(data_dir).args(options).stdout(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn().context("cannot start spirt-node")?;
        let stdout = child.stdout.take().context("its output is a pipe")?;
        let (sender, events) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let now = Instant::now();
                let event = serde_json::from_str(&line).unwrap_or(Event::Other);
                if sender.send((now, event)).is_err() {
                    break;
                }
            }
        });
        let (program, data_dir) = (binary.to_owned(), data_dir.to_owned());
        let mut node = Self {
            program,
            data_dir,
            child,
            started,
            events,
            ready: None,
        };
        match node.next(Instant::now())? {
            (_, Event::Ready(ready)) => node.ready = Some(ready),
            (_, Event::Round(_) | Event::Other) => bail!("spirt-node did not say that it is ready"),
        }
        Ok(node)
    }

    /// When the process was started.
    pub(super) const fn started(&self) -> Instant {
        self.started
    }

    /// Its peer id.
    pub(super) fn peer(&self) -> Result<&str> {
        Ok(&self.ready.as_ref().context("it is not ready")?.peer)
    }

    /// The address that others dial.
    pub(super) fn join(&self) -> Result<&str> {
        let join = self.ready.as_ref().and_then(|ready| ready.join.as_deref());
        join.context("it cannot be dialled")
    }

    fn next(&self, since: Instant) -> Result<(Instant, Event)> {
        let left = PATIENCE.saturating_sub(since.elapsed());
        let next = self.events.recv_timeout(left);
        next.context("a node ended, or did not say in time what was waited for")
    }

    /// Waits for a round as wished among those that nobody has looked at; when it was told.
    pub(super) fn wait_round(&self, wish: impl Fn(&Round) -> bool) -> Result<Instant> {
        let since = Instant::now();
        loop {
            if let (at, Event::Round(round)) = self.next(since)?
                && wish(&round)
            {
                return Ok(at);
            }
        }
    }

    /// Asks it to leave, and waits until it has.
    pub(super) fn leave(mut self) -> Result<()> {
        let mut stop = program(&self.program);
        shell::run(
            stop.args(["stop", "--data-dir"])
                .arg(&self.data_dir)
                .stdout(Stdio::null()),
        )?;
        let status = self.child.wait().context("cannot wait for spirt-node")?;
        if !status.success() {
            bail!("spirt-node ended with {status}");
        }
        Ok(())
    }

    /// Its resident memory, where the system tells.
    pub(super) fn resident_bytes(&self) -> Result<Option<u64>> {
        let mut command = program(&self.program);
        let status = shell::read(
            command
                .args(["status", "--json", "--data-dir"])
                .arg(&self.data_dir),
        )?;
        let status: Status = serde_json::from_str(&status).context("cannot read the status")?;
        Ok(status.rss_bytes)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have left already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
