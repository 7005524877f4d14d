//! A handful of real machines in virtual time, with a network that does what a test tells it.
//!
//! Plays the caller of each machine: answers what it asks, carries its frames, wakes it in time.
//! Everything that a machine says and hears is recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use spirt_protocol::{
    Config, Digest, Frame, Gradient, Input, Manifest, Output, PeerId, Reception, Round,
    RoundMachine, RunSpec, StateId, Time, Verified,
};

use crate::forge::Key;

/// Steps without the time moving on, after which a machine is said to spin.
const SPIN_BOUND: usize = 20_000;

/// What the network does with what one peer sends to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Drop,
    Hold,
}

/// What a machine said or heard.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    Output(Output),
    Heard(Verified<Frame>, Reception),
}

#[derive(Debug, Clone)]
enum What {
    Frame(Verified<Frame>),
    Input(Input),
    Pull(usize, Round),
    Query(usize),
}

/// A peer: its key, and its process, if it runs.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) key: Key,
    pub(crate) machine: Option<RoundMachine>,
    pub(crate) starts: u32,
    model: Digest,
    aggregate: Option<Digest>,
    /// Digests of the frames that it relayed already.
    relayed: BTreeSet<Digest>,
}

/// Numbers that look random; the same seed gives the same ones.
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `sides` (splitmix64).
    pub(crate) const fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

#[derive(Debug)]
pub(crate) struct Swarm {
    pub(crate) spec: Arc<RunSpec>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) now: Time,
    pub(crate) seen: Vec<(Time, usize, Seen)>,
    /// Shortest and longest time that a message takes, in milliseconds.
    pub(crate) delay: (u64, u64),
    pub(crate) dice: Dice,
    /// Whether peers pass on what they hear, as gossip does.
    pub(crate) gossip: bool,
    /// Milliseconds after which a contribution is computed; `None` when the test says when.
    pub(crate) compute: Option<u64>,
    /// Milliseconds after which a state is fetched.
    pub(crate) fetch: u64,
    pub(crate) links: BTreeMap<(usize, usize), Link>,
    /// Authors whose payloads break the spec.
    pub(crate) bad: BTreeSet<usize>,
    /// (peer, author): the peer cannot get the author's payloads from the author.
    pub(crate) unserved: BTreeSet<(usize, usize)>,
    /// Milliseconds that the payloads of an author take, if more than one.
    pub(crate) transfers: BTreeMap<usize, u64>,
    held: Vec<(usize, usize, What)>,
    queue: BTreeMap<(Time, u64), (usize, u32, What)>,
    sequence: u64,
}

pub(crate) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

impl Swarm {
    pub(crate) fn new(names: &[&str], spec: RunSpec) -> Self {
        let peer = |name: &&str| Peer {
            name: (*name).into(),
            key: Key::of(name),
            machine: None,
            starts: 0,
            model: Digest([0; 32]),
            aggregate: None,
            relayed: BTreeSet::new(),
        };
        Self {
            spec: Arc::new(spec),
            peers: names.iter().map(peer).collect(),
            now: Time::default(),
            seen: Vec::new(),
            delay: (10, 10),
            dice: Dice(1),
            gossip: false,
            compute: None,
            fetch: 1,
            links: BTreeMap::new(),
            bad: BTreeSet::new(),
            unserved: BTreeSet::new(),
            transfers: BTreeMap::new(),
            held: Vec::new(),
            queue: BTreeMap::new(),
            sequence: 0,
        }
    }

    pub(crate) fn index(&self, name: &str) -> usize {
        let found = self.peers.iter().position(|peer| peer.name == name);
        found.unwrap_or_else(|| panic!("no peer is called {name:?}"))
    }

    pub(crate) fn index_of(&self, id: PeerId) -> Option<usize> {
        self.peers.iter().position(|peer| peer.key.peer() == id)
    }

    pub(crate) fn machine(&self, peer: usize) -> &RoundMachine {
        self.peers[peer].machine.as_ref().expect("the peer runs")
    }

    /// A state before `round` with these peers on the roster.
    pub(crate) fn state(&self, round: u64, roster: &[usize], model: &[u8]) -> Manifest {
        let mut roster: Vec<PeerId> = roster.iter().map(|i| self.peers[*i].key.peer()).collect();
        roster.sort_unstable();
        Manifest {
            run: self.spec.id(),
            round: Round(round),
            model: Digest::of(model),
            length: 16,
            roster,
            banned: Vec::new(),
        }
    }

    /// Starts a peer's process, connected to all that run.
    pub(crate) fn start(&mut self, peer: usize, held: Vec<Manifest>, alone: bool) {
        let this = &mut self.peers[peer];
        this.starts += 1;
        this.aggregate = None;
        this.model = held.last().map_or(Digest([0; 32]), |state| state.model);
        let config = Config {
            identity: this.key.identity(),
            start: this.starts,
            spec: self.spec.clone(),
        };
        this.machine = Some(RoundMachine::new(config, held, alone, self.now));
        let me = this.key.peer();
        for other in 0..self.peers.len() {
            if other != peer && self.peers[other].machine.is_some() {
                let id = self.peers[other].key.peer();
                self.input(peer, Input::PeerUp(id));
                self.input(other, Input::PeerUp(me));
            }
        }
        self.carry_out(peer);
    }

    /// Ends a peer's process; the others notice if they are told.
    pub(crate) fn stop(&mut self, peer: usize, noticed: bool) {
        self.peers[peer].machine = None;
        let id = self.peers[peer].key.peer();
        for other in (0..self.peers.len()).filter(|_| noticed) {
            self.input(other, Input::PeerDown(id));
        }
    }

    pub(crate) fn input(&mut self, peer: usize, input: Input) {
        self.arrive(peer, What::Input(input));
    }

    /// Hands a peer the payload that it computes for its round, as if it were done.
    pub(crate) fn gradient(&mut self, peer: usize) {
        let round = self.machine(peer).round();
        let body = self.payload(peer, round, "");
        let input = Input::GradientReady(Gradient {
            round,
            body,
            samples: 32,
            loss: 0.5,
        });
        self.input(peer, input);
    }

    /// 16 bytes unlike those of any other peer, start, round and label.
    pub(crate) fn payload(&self, peer: usize, round: Round, label: &str) -> Arc<[u8]> {
        let this = &self.peers[peer];
        let name = format!("{} {} {round} {label}", this.name, this.starts);
        // Of 16 bytes inline, else the list of one chunk.
        let inline = self.spec.inline_max >= 16;
        let length = if inline { 16 } else { 32 };
        Digest::of(name.as_bytes()).0[..length].into()
    }

    /// Lets a frame arrive at a peer, now or later.
    pub(crate) fn deliver(&mut self, frame: &Verified<Frame>, to: usize, at: Time) {
        self.schedule(at.max(self.now), to, What::Frame(frame.clone()));
    }

    /// Runs until `end`: everything that is due until then happens.
    pub(crate) fn run_until(&mut self, end: Time) {
        let mut steps = (self.now, 0);
        loop {
            let arrival = self.queue.first_key_value().map(|((at, _), _)| *at);
            let wake = self.wakes().map(|(at, _)| at).min();
            let next = [arrival, wake].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = self.now.max(end);
                return;
            };
            self.now = self.now.max(next);
            steps = if steps.0 == self.now {
                (steps.0, steps.1 + 1)
            } else {
                (self.now, 0)
            };
            assert!(steps.1 < SPIN_BOUND, "spins at {:?}", self.now);
            if arrival == Some(next)
                && let Some((_, (to, starts, what))) = self.queue.pop_first()
            {
                if self.peers[to].starts == starts {
                    self.arrive(to, what);
                }
                continue;
            }
            let due = self.wakes().find(|(at, _)| *at == next).map(|(_, i)| i);
            if let Some(peer) = due {
                self.wake(peer);
            }
        }
    }

    fn wakes(&self) -> impl Iterator<Item = (Time, usize)> + '_ {
        let due = |(i, peer): (usize, &Peer)| Some((peer.machine.as_ref()?.poll_timeout()?, i));
        self.peers.iter().enumerate().filter_map(due)
    }

    fn wake(&mut self, peer: usize) {
        let now = self.now;
        let Some(machine) = &mut self.peers[peer].machine else {
            return;
        };
        machine.handle_timeout(now);
        self.carry_out(peer);
        if let Some(machine) = &self.peers[peer].machine {
            let due = machine.poll_timeout();
            assert!(
                due.is_none_or(|due| due > now),
                "{due:?} is not after {now:?}"
            );
        }
    }

    fn schedule(&mut self, at: Time, to: usize, what: What) {
        self.sequence += 1;
        let starts = self.peers[to].starts;
        self.queue.insert((at, self.sequence), (to, starts, what));
    }

    fn send(&mut self, from: usize, to: usize, what: What) {
        match self.links.get(&(from, to)) {
            Some(Link::Drop) => {}
            Some(Link::Hold) => self.held.push((from, to, what)),
            None => {
                let (least, most) = self.delay;
                let took = least + self.dice.below(most - least + 1);
                self.schedule(self.now + millis(took), to, what);
            }
        }
    }

    /// Lets nothing through between two peers, in either direction.
    pub(crate) fn part(&mut self, a: usize, b: usize) {
        self.links.insert((a, b), Link::Drop);
        self.links.insert((b, a), Link::Drop);
    }

    /// Opens the links between two peers, in both directions.
    pub(crate) fn unite(&mut self, a: usize, b: usize) {
        self.open(a, b);
        self.open(b, a);
    }

    /// Opens a link and sends what it held.
    pub(crate) fn open(&mut self, from: usize, to: usize) {
        self.links.remove(&(from, to));
        for (a, b, what) in std::mem::take(&mut self.held) {
            if (a, b) == (from, to) {
                self.send(from, to, what);
            } else {
                self.held.push((a, b, what));
            }
        }
    }

    fn arrive(&mut self, to: usize, what: What) {
        let now = self.now;
        let Some(machine) = &mut self.peers[to].machine else {
            return;
        };
        match what {
            What::Frame(frame) => {
                let reception = machine.receive(frame.clone(), now);
                self.seen
                    .push((now, to, Seen::Heard(frame.clone(), reception)));
                self.relay(to, &frame, reception);
            }
            What::Input(input) => {
                let adopts = match &input {
                    Input::StateReady(manifest) => Some((manifest.model, machine.state_id())),
                    _ => None,
                };
                machine.handle(input, now);
                let after = machine.state_id();
                if let Some((model, _)) = adopts.filter(|(_, before)| *before != after) {
                    self.peers[to].model = model;
                    self.peers[to].aggregate = None;
                }
            }
            What::Pull(asker, round) => {
                let frames: Vec<_> = machine.frames(round).cloned().collect();
                for frame in frames {
                    self.send(to, asker, What::Frame(frame));
                }
            }
            What::Query(asker) => {
                let vouch = machine.vouch(now);
                self.send(to, asker, What::Frame(vouch));
            }
        }
        self.carry_out(to);
    }

    fn relay(&mut self, peer: usize, frame: &Verified<Frame>, reception: Reception) {
        let new = self.gossip && reception.is_worth_relaying();
        if !new || !self.peers[peer].relayed.insert(frame.digest()) {
            return;
        }
        for other in (0..self.peers.len()).filter(|other| *other != peer) {
            self.send(peer, other, What::Frame(frame.clone()));
        }
    }

    fn carry_out(&mut self, peer: usize) {
        while let Some(output) = self.peers[peer]
            .machine
            .as_mut()
            .and_then(RoundMachine::poll_output)
        {
            self.seen
                .push((self.now, peer, Seen::Output(output.clone())));
            self.perform(peer, output);
        }
    }

    fn perform(&mut self, peer: usize, output: Output) {
        let soon = self.now + millis(1);
        match output {
            Output::Publish(frame) => {
                for other in (0..self.peers.len()).filter(|other| *other != peer) {
                    self.send(peer, other, What::Frame(frame.clone()));
                }
            }
            Output::Compute { round, .. } => {
                if let Some(took) = self.compute {
                    let body = self.payload(peer, round, "");
                    let gradient = Gradient {
                        round,
                        body,
                        samples: 32,
                        loss: 0.5,
                    };
                    let input = What::Input(Input::GradientReady(gradient));
                    self.schedule(self.now + millis(took), peer, input);
                }
            }
            Output::Fetch { root, holders, .. } => {
                let answer = self.payload_at(peer, root, &holders);
                let author = holders.first().and_then(|id| self.index_of(*id));
                let took = author.and_then(|author| self.transfers.get(&author));
                let here = self.now + millis(took.copied().unwrap_or(1));
                self.schedule(here, peer, What::Input(answer));
            }
            Output::Pull { peer: whom, round } => self.ask(peer, whom, What::Pull(peer, round)),
            Output::Query(whom) => self.ask(peer, whom, What::Query(peer)),
            Output::FetchState { state, holders } => {
                let answer = self.manifest_at(state, &holders);
                let fetched = self.now + millis(self.fetch);
                self.schedule(fetched, peer, What::Input(answer));
            }
            Output::Aggregate {
                round,
                contributions,
            } => {
                let mut bytes = self.peers[peer].model.0.to_vec();
                for (author, root) in contributions {
                    bytes.extend(author.0);
                    bytes.extend(root.0);
                }
                self.peers[peer].aggregate = Some(Digest::of(&bytes));
                self.schedule(soon, peer, What::Input(Input::Aggregated(round)));
            }
            Output::Apply { round, update } => {
                let this = &mut self.peers[peer];
                let aggregate = this.aggregate.take().filter(|_| update);
                this.model = aggregate.unwrap_or(this.model);
                let input = Input::Applied {
                    round,
                    model: this.model,
                    length: 16,
                };
                self.schedule(soon, peer, What::Input(input));
            }
            Output::Report(..) | Output::Notify(_) | Output::Reveal(_) => {}
        }
    }

    fn ask(&mut self, peer: usize, whom: PeerId, what: What) {
        if let Some(to) = self.index_of(whom) {
            self.send(peer, to, what);
        }
    }

    fn payload_at(&self, peer: usize, root: Digest, holders: &[PeerId]) -> Input {
        let holders: Vec<_> = holders.iter().filter_map(|id| self.index_of(*id)).collect();
        let served = |holder: &usize| !self.unserved.contains(&(peer, *holder));
        if holders
            .first()
            .is_some_and(|author| self.bad.contains(author))
        {
            Input::PayloadBad(root)
        } else if holders.iter().any(served) {
            Input::PayloadReady(root)
        } else {
            Input::PayloadFailed(root)
        }
    }

    fn manifest_at(&self, state: StateId, holders: &[PeerId]) -> Input {
        let machines = holders.iter().filter_map(|id| self.index_of(*id));
        let mut machines = machines.filter_map(|i| self.peers[i].machine.as_ref());
        let found = machines.find_map(|machine| machine.manifest(&state));
        found.map_or(Input::StateFailed(state), |m| Input::StateReady(m.clone()))
    }
}
