//! A node as a process of this machine, with all that it says.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use super::DEADLINE;
use super::command::{Finished, command, within};
use super::follow::Follow;
use super::network::Place;
use crate::observe::{Event, Ready, Round, Status, last_round, rounds};

/// Events that a failing test shows of each node.
const SHOWN_EVENTS: usize = 5;
/// Lines of the log that a failing test shows of each node.
const SHOWN_LINES: usize = 120;

/// A running node.
pub struct Node {
    name: String,
    data_dir: PathBuf,
    child: Child,
    events: Follow<Event>,
    log: Follow<String>,
    ready: Ready,
}

impl Node {
    /// Starts a node at a place and waits until it listens.
    ///
    /// # Panics
    /// When it does not come up; all methods panic when the node does not do what they wait for.
    pub fn start(name: &str, place: &Place, data_dir: &Path, args: &[String]) -> Self {
        let listen = ["--json", "-v", "--listen", &place.listen];
        let mut command = within(&place.prefix, listen);
        command.arg("--data-dir").arg(data_dir).args(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program under test starts");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        let events = Follow::new(stdout, |line| serde_json::from_str(line));
        let log = Follow::new(stderr, |line| Ok::<_, String>(line.to_owned()));
        let nobody = Ready {
            peer: String::new(),
            join: None,
            run: None,
        };
        let data_dir = data_dir.to_owned();
        let name = name.to_owned();
        let mut node = Self {
            name,
            data_dir,
            child,
            events,
            log,
            ready: nobody,
        };
        node.ready = node.wait_until("it listens", |events| match events.first()? {
            Event::Ready(ready) => Some(ready.clone()),
            other => panic!("the first event is {other:?}"),
        });
        node
    }

    /// What the test calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its peer id.
    pub fn peer(&self) -> &str {
        &self.ready.peer
    }

    /// The run, as far as it knew it when it began to listen.
    pub fn run(&self) -> Option<&str> {
        self.ready.run.as_deref()
    }

    /// The address that others dial.
    pub fn join(&self) -> &str {
        self.ready
            .join
            .as_deref()
            .expect("a node that listens can be joined")
    }

    /// The TCP address that it listens on.
    pub fn tcp_addr(&self) -> SocketAddr {
        let mut parts = self.join().split('/').skip(2).step_by(2);
        let (ip, port) = (
            parts.next().expect("an address"),
            parts.next().expect("a port"),
        );
        format!("{ip}:{port}")
            .parse()
            .expect("/ip4/<ip>/tcp/<port>/p2p/<peer id>")
    }

    /// Where it keeps its state.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All events so far.
    pub fn events(&self) -> Vec<Event> {
        self.events.items()
    }

    /// The number of the round that ended last.
    pub fn last_round(&self) -> Option<u64> {
        self.events
            .look(|events| last_round(events).map(|round| round.round))
    }

    /// Waits until `look` finds something in the events so far.
    pub fn wait_until<T>(&self, what: &str, look: impl Fn(&[Event]) -> Option<T>) -> T {
        let found = self.events.wait_until(DEADLINE, look);
        found.unwrap_or_else(|why| panic!("node {}: waited until {what}, but {why}", self.name))
    }

    /// Waits for a round, numbered `since` or later, that is as wished.
    pub fn wait_round(&self, since: u64, what: &str, wish: impl Fn(&Round) -> bool) -> Round {
        self.wait_until(&format!("from round {since} on {what}"), |events| {
            rounds(events)
                .find(|round| round.round >= since && wish(round))
                .cloned()
        })
    }

    /// Waits for the end of `n` rounds more than it has ended now, and returns the last number.
    pub fn wait_rounds(&self, n: usize) -> u64 {
        let now = self.events.look(|events| rounds(events).count());
        self.wait_until(&format!("{n} more rounds are over"), |events| {
            rounds(events).nth(now + n - 1).map(|round| round.round)
        })
    }

    /// Kills it: it cannot even say goodbye.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait_exit();
    }

    /// Makes it stand still.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn cont(&self) {
        self.signal(Signal::CONT);
    }

    /// Asks it to leave, as a supervisor does.
    pub fn leave(&self) {
        self.signal(Signal::TERM);
    }

    /// Asks it to leave, as Ctrl+C does.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // A process that is gone needs no signal; whoever waits for it finds out.
        let _ = kill_process(pid.expect("a child has a process id"), signal);
    }

    /// Waits until the process is gone.
    pub fn wait_exit(&mut self) -> ExitStatus {
        // Its stdout closes with it, so that it can be waited for with a deadline.
        assert!(
            self.events.wait_over(DEADLINE),
            "node {} is still there",
            self.name
        );
        self.child.wait().expect("a child can be waited for")
    }

    /// Asks it how it is.
    pub fn status(&self) -> Status {
        let asked = Finished::of(
            command(["status", "--json"])
                .arg("--data-dir")
                .arg(&self.data_dir),
        );
        serde_json::from_str(&asked.stdout)
            .unwrap_or_else(|error| panic!("node {}: no status: {error}\n{asked}", self.name))
    }

    /// Resident memory of the process, while it runs.
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(1024 * kib)
    }

    /// Lines on stdout that are no events. There should be none.
    pub fn strange_lines(&self) -> Vec<String> {
        self.events.strange()
    }

    /// What a failing test shows.
    fn show(&self) {
        let (strange, log, events) = (self.strange_lines(), self.log.items(), self.events());
        let mut text = format!("--- node {} {}\n", self.name, self.ready.peer);
        let skip = log.len().saturating_sub(SHOWN_LINES);
        for line in strange.iter().chain(log.iter().skip(skip)) {
            text.push_str(line);
            text.push('\n');
        }
        for event in events
            .iter()
            .skip(events.len().saturating_sub(SHOWN_EVENTS))
        {
            text.push_str(&format!("{event:?}\n"));
        }
        // Nobody is left to be told when that fails.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if thread::panicking() {
            self.show();
        }
        self.signal(Signal::KILL);
        // It is gone already, or dies now.
        let _ = self.child.wait();
    }
}
