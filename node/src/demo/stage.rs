//! Plays one swarm of real processes: starts the nodes, kills some, lets one join, and waits until
//! all have left. Each wait has a deadline.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::board::{Board, State};
use super::event::NodeEvent;
use super::plan::{Plan, name};
use super::process::{Heard, Process};
use super::screen::Screen;
use crate::exit::{Exit, Failure};

/// The longest time in which nothing new happens: a start, a joining, a round, a leaving.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines of the nodes that wait to be read.
const QUEUE: usize = 256;

/// A swarm under way. Dropping it kills the nodes, then removes their data.
pub(super) struct Stage<'a> {
    plan: &'a Plan,
    program: PathBuf,
    screen: Screen<'a>,
    /// Before `home`: they must be gone when it is removed.
    processes: Vec<Process>,
    home: TempDir,
    /// Who did what so far.
    pub(super) board: Board,
    heard: mpsc::Receiver<Heard>,
    say: mpsc::Sender<Heard>,
    /// Where each node can be joined.
    addresses: Vec<Option<String>>,
    kills: Vec<(u64, usize)>,
    join_round: Option<u64>,
    /// Started, and neither ended nor killed.
    running: BTreeSet<usize>,
    began: Instant,
}

impl<'a> Stage<'a> {
    /// Prepares; starts nothing.
    pub(super) fn new(plan: &'a Plan, screen: Screen<'a>) -> Result<Self, Failure> {
        let program =
            std::env::current_exe().map_err(|error| cannot("find this program", &error))?;
        let home = TempDir::with_prefix("spirt-demo-")
            .map_err(|error| cannot("make a folder for the nodes", &error))?;
        let (say, heard) = mpsc::channel(QUEUE);
        Ok(Self {
            program,
            screen,
            processes: Vec::new(),
            home,
            board: Board::new(plan),
            heard,
            say,
            addresses: vec![None; plan.all()],
            kills: plan.kills().collect(),
            join_round: plan.join_round(),
            running: BTreeSet::new(),
            began: Instant::now(),
            plan,
        })
    }

    /// Since the first node was started.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Plays it to its end: until the honest nodes have left. A liar may have been banned, and
    /// may never know that it is over.
    pub(super) async fn play(&mut self) -> Result<(), Failure> {
        self.began = Instant::now();
        self.start(None)?;
        let mut deadline = tokio::time::Instant::now() + PATIENCE;
        while self
            .running
            .iter()
            .any(|node| self.plan.role(*node).is_honest())
        {
            let heard = tokio::time::timeout_at(deadline, self.heard.recv()).await;
            let Ok(Some((node, line))) = heard else {
                return Err(self.stuck());
            };
            let news = match line {
                Some(line) => self.on_line(node, &line)?,
                None => self.on_end(node)?,
            };
            if news {
                deadline = tokio::time::Instant::now() + PATIENCE;
            }
        }
        Ok(())
    }

    /// Starts the next node.
    fn start(&mut self, bootstrap: Option<&str>) -> Result<(), Failure> {
        let node = self.processes.len();
        let args = self.plan.arguments(node, bootstrap);
        let data_dir = self.home.path().join(name(node));
        let process = Process::start(&self.program, node, &args, &data_dir, self.say.clone());
        let process = process.map_err(|error| cannot(&format!("start {}", name(node)), &error))?;
        self.processes.push(process);
        self.running.insert(node);
        self.board.started(node);
        Ok(())
    }

    /// Takes note of what a node says; whether it is progress.
    fn on_line(&mut self, node: usize, line: &str) -> Result<bool, Failure> {
        let event = NodeEvent::parse(line).map_err(|error| Failure {
            causes: vec![error.to_string(), line.to_owned()],
            ..Failure::new(
                Exit::Unexpected,
                format!("cannot read what {} says", name(node)),
            )
        })?;
        let founded = node == 0 && matches!(event, NodeEvent::Ready { .. });
        let joined = matches!(event, NodeEvent::Joined { .. });
        if let NodeEvent::Ready { join, .. } = &event {
            self.addresses[node].clone_from(join);
        }
        let new_round = self.board.note(node, event);
        if founded {
            let address = self.addresses[0].clone();
            for _ in 1..self.plan.nodes {
                self.start(address.as_deref())?;
            }
        }
        if new_round {
            self.on_round()?;
        }
        self.screen.update(&self.board, new_round);
        Ok(founded || joined || new_round)
    }

    /// Kills and joins as planned.
    fn on_round(&mut self) -> Result<(), Failure> {
        let Some(round) = self.board.last_round().map(|last| last.round) else {
            return Ok(());
        };
        let due = self.kills.first().copied().filter(|(due, _)| *due <= round);
        if let Some((_, node)) = due.filter(|_| self.board.all_took_part()) {
            self.kills.remove(0);
            let killed = self.processes[node].kill();
            killed.map_err(|error| cannot(&format!("kill {}", name(node)), &error))?;
            self.running.remove(&node);
            self.board.killed(node);
            self.screen.happens("killed", node, round, " (kill -9)");
        }
        let due = self.join_round.is_some_and(|due| due <= round);
        if due
            && self.kills.is_empty()
            && let Some(door) = self.board.door()
        {
            self.join_round = None;
            let node = self.processes.len();
            let address = self.addresses[door].clone();
            self.start(address.as_deref())?;
            self.screen.happens(
                "started",
                node,
                round,
                &format!(", joins at {}", name(door)),
            );
        }
        Ok(())
    }

    /// A node has ended: as planned, or not.
    fn on_end(&mut self, node: usize) -> Result<bool, Failure> {
        if !self.running.remove(&node) {
            return Ok(false);
        }
        let end = self.processes[node].end();
        let (status, lines) = end.map_err(|error| cannot("wait for a node", &error))?;
        let state = self.board.rows[node].state;
        let honest = self.plan.role(node).is_honest();
        if status.success() && state == State::Left || !honest && state == State::Training {
            return Ok(true);
        }
        let name = name(node);
        let message = match state {
            State::Absent | State::Joining => format!("{name} did not start: {status}"),
            _ => format!("{name} ended too soon: {status}"),
        };
        Err(said(message, lines))
    }

    /// Nothing happened for too long.
    fn stuck(&self) -> Failure {
        let rows = self.board.rows.iter().enumerate();
        let waiting = rows.filter(|(_, row)| !matches!(row.state, State::Left | State::Killed));
        let (node, row) = waiting.min_by_key(|(_, row)| row.round).unzip();
        let lines = node.and_then(|node| self.processes.get(node));
        let lines = lines.map(Process::last_lines).unwrap_or_default();
        let last = self.board.last_round().map(|round| round.round);
        let seconds = PATIENCE.as_secs();
        let message = match (last, row) {
            (None, Some(row)) => format!(
                "no round ended in {seconds} s; {} is {}",
                row.name,
                row.state.name()
            ),
            (Some(last), Some(row)) => {
                let state = row.state.name();
                format!(
                    "nothing happened for {seconds} s after round {last}; {} is {state}",
                    row.name
                )
            }
            (_, None) => format!("nothing happened for {seconds} s"),
        };
        said(message, lines)
    }
}

const HINT: &str =
    "a busy machine may need more time: try it with --pace 1s, and with RUST_LOG=debug to see more";

/// A failure of a node, explained by its own error if it gave one, else by its last lines.
fn said(message: String, lines: Vec<String>) -> Failure {
    #[derive(Deserialize)]
    struct Line {
        error: Said,
    }
    #[derive(Deserialize)]
    struct Said {
        message: String,
        causes: Vec<String>,
        hint: Option<String>,
    }
    let error = lines
        .last()
        .and_then(|line| serde_json::from_str(line).ok());
    let (causes, hint) = match error {
        Some(Line { error }) => ([vec![error.message], error.causes].concat(), error.hint),
        None => (lines, None),
    };
    Failure {
        causes,
        ..Failure::new(Exit::Unexpected, message).hint(hint.unwrap_or_else(|| HINT.into()))
    }
}

fn cannot(what: &str, error: &io::Error) -> Failure {
    Failure {
        causes: vec![error.to_string()],
        ..Failure::new(Exit::Unexpected, format!("cannot {what}"))
    }
}
