//! A node, wherever it runs, with all that it says.

mod body;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::host::compose::Compose;
use crate::host::container::Container;
use crate::host::follow::{Follow, Pipes};
use crate::host::network::Place;
use crate::host::process::Process;
use crate::observe::{Event, Ready, Round, Status, last_round, rounds};
use body::Body;

/// Events that a failing test shows of each node.
const SHOWN_EVENTS: usize = 5;
/// Lines of the log that a failing test shows of each node.
const SHOWN_LINES: usize = 120;

/// A running node.
pub struct Node {
    name: String,
    body: Body,
    patience: Duration,
    events: Follow<Event>,
    log: Follow<String>,
    ready: Ready,
}

impl Node {
    /// Starts a process at a place and waits until it listens.
    ///
    /// # Panics
    /// When it does not come up; all methods panic when the node does not do what they wait for.
    pub fn start(name: &str, place: &Place, data_dir: &Path, args: &[String]) -> Self {
        let (process, pipes) = Process::start(place, data_dir, args);
        let body = Body::Process(process);
        Self::follow(name.to_owned(), body, pipes, crate::host::DEADLINE)
    }

    /// Follows a container from its start on and waits until the node in it listens.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn contained(name: &str, compose: &Compose, id: &str) -> Self {
        let (container, pipes) = compose.follow(id);
        let (name, body) = (name.to_owned(), Body::Container(container));
        Self::follow(name, body, pipes, crate::host::compose::DEADLINE)
    }

    fn follow(name: String, body: Body, pipes: Pipes, patience: Duration) -> Self {
        let nobody = Ready {
            peer: String::new(),
            join: None,
            run: None,
        };
        let mut node = Self {
            name,
            body,
            patience,
            events: Follow::after(pipes.known, pipes.stdout, |line| serde_json::from_str(line)),
            log: Follow::new(pipes.stderr, |line| Ok::<_, String>(line.to_owned())),
            ready: nobody,
        };
        node.ready = node.wait_until("it listens", |events| match events.first()? {
            Event::Ready(ready) => Some(ready.clone()),
            other => panic!("the first event is {other:?}"),
        });
        node
    }

    /// Starts a container again that is gone.
    ///
    /// # Panics
    /// When it is a process, or does not come up.
    pub fn start_again(&mut self, name: &str, compose: &Compose) {
        self.wait_exit();
        let Body::Container(container) = &self.body else {
            panic!("node {}: a process starts only once", self.name)
        };
        let (said, id) = (self.events.n_lines(), container.id().to_owned());
        let (container, pipes) = compose.start_again(&id, container.said_before() + said);
        let (name, body) = (name.to_owned(), Body::Container(container));
        *self = Self::follow(name, body, pipes, self.patience);
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

    /// The address of a container by its name: its network address is another one after each start, and each
    /// time that its network comes back.
    pub(crate) fn lasting_address(&self) -> String {
        let (name, port) = (self.container().host_name(), self.tcp_addr().port());
        format!("/dns4/{name}/tcp/{port}/p2p/{}", self.peer())
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

    /// Its process.
    ///
    /// # Panics
    /// When it runs in a container.
    pub fn process(&self) -> &Process {
        match &self.body {
            Body::Process(process) => process,
            Body::Container(_) => panic!("node {} runs in a container", self.name),
        }
    }

    /// Its container.
    ///
    /// # Panics
    /// When it is a process of this machine.
    pub fn container(&self) -> &Container {
        match &self.body {
            Body::Process(_) => panic!("node {} is a process", self.name),
            Body::Container(container) => container,
        }
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
        let found = self.events.wait_until(self.patience, look);
        found.unwrap_or_else(|why| panic!("node {}: waited until {what}, but {why}", self.name))
    }

    /// Waits for a line of its log that `look` makes something of.
    pub fn wait_log<T>(&self, what: &str, look: impl Fn(&str) -> Option<T>) -> T {
        let found = |lines: &[String]| lines.iter().find_map(|line| look(line));
        let found = self.log.wait_until(self.patience, found);
        found.unwrap_or_else(|why| {
            panic!(
                "node {}: waited until its log has {what}, but {why}",
                self.name
            )
        })
    }

    /// Waits for a round, numbered `since` or later, that is as wished.
    pub fn wait_round(&self, since: u64, what: &str, wish: impl Fn(&Round) -> bool) -> Round {
        self.wait_until(&format!("from round {since} on {what}"), |events| {
            rounds(events)
                .find(|round| round.round >= since && wish(round))
                .cloned()
        })
    }

    /// How many rounds it has ended.
    pub fn rounds_ended(&self) -> usize {
        self.events.look(|events| rounds(events).count())
    }

    /// Waits for the end of `n` rounds more than it has ended now, and returns the last number.
    pub fn wait_rounds(&self, n: usize) -> u64 {
        self.wait_rounds_after(self.rounds_ended(), n)
    }

    /// Waits for the end of the `n` rounds after the first `ended`, and returns the last number. Each may take as long as
    /// anything that a test waits for.
    pub fn wait_rounds_after(&self, ended: usize, n: usize) -> u64 {
        let over = |more: usize| {
            self.wait_until(&format!("{more} of {n} more rounds are over"), |events| {
                let last = rounds(events).nth(ended + more - 1);
                last.map(|round| round.round)
            })
        };
        for more in 1..n {
            over(more);
        }
        over(n)
    }

    /// How long a test waits for anything that it does.
    pub const fn patience(&self) -> Duration {
        self.patience
    }

    /// Kills it: it cannot even say goodbye.
    pub fn kill(&mut self) {
        self.body.kill();
        self.wait_exit();
    }

    /// Makes it stand still.
    pub fn stop(&self) {
        self.body.stop();
    }

    /// Lets it go on.
    pub fn cont(&self) {
        self.body.cont();
    }

    /// Asks it to leave, as a supervisor does.
    pub fn leave(&self) {
        self.body.leave();
    }

    /// Waits until it is gone, and returns its exit code, if no signal ended it.
    pub fn wait_exit(&mut self) -> Option<i32> {
        // Its stdout closes with it, so that it can be waited for with a deadline.
        let is_over = self.events.wait_over(self.patience);
        assert!(is_over, "node {} is still there", self.name);
        self.body.exit_code()
    }

    /// Asks it how it is.
    pub fn status(&self) -> Status {
        let asked = self.body.ask(&["status", "--json"]);
        serde_json::from_str(&asked.stdout)
            .unwrap_or_else(|error| panic!("node {}: no status: {error}\n{asked}", self.name))
    }

    /// Resident memory, while it runs.
    pub fn resident_bytes(&self) -> Option<u64> {
        match &self.body {
            Body::Process(process) => process.resident_bytes(),
            Body::Container(_) => self.status().rss_bytes,
        }
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
    }
}
