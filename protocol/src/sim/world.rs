//! The event loop of a simulated swarm: virtual time, a network with faults, the caller's duties.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use crate::frame::Frame;
use crate::id::{Digest, PeerId, Round, StateId, Time};
use crate::machine::{Event, Gradient, Input, Output, RoundMachine};
use crate::message::Message;
use crate::sign::Verified;
use crate::spec::RunSpec;

use super::node::Node;
use super::scenario::{Fault, Scenario};
use super::watch::{DIVERGENCE_BOUND, Grade, Lineage, Violation, check_roster};

/// Time after the last fault within which every node must have got through its rounds.
const STUCK_BOUND: Duration = Duration::from_secs(120);
/// Steps at one instant after which a node is said to spin.
const SPIN_BOUND: u32 = 10_000;

/// What arrives at a node.
#[derive(Debug, Clone)]
enum Arrival {
    Frame(Verified<Frame>),
    Input(Input),
    /// A request for the frames of a round, to be answered to a node.
    Pull(usize, Round),
    /// A request for a vouch.
    Query(usize),
    /// A request for a manifest.
    State(usize, StateId),
    Wake,
}

#[derive(Debug, Clone)]
enum Happening {
    Arrive {
        to: usize,
        session: u64,
        from: Option<(usize, u64)>,
        what: Box<Arrival>,
    },
    Fault(Fault),
}

struct World<'a> {
    scenario: Scenario,
    spec: Arc<RunSpec>,
    nodes: Vec<Node>,
    index: BTreeMap<PeerId, usize>,
    rng: Rng,
    now: Time,
    queue: BinaryHeap<Reverse<(Time, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    sequence: u64,
    lineage: Lineage,
    apart_since: Option<Time>,
    /// The states that the judge saw last.
    judged: Vec<(Round, StateId)>,
    grade: Grade,
    /// Rounds without an update though enough peers were on the roster.
    lost: BTreeSet<Round>,
    promised: u64,
    kept: u64,
    listener: Option<&'a mut dyn FnMut(&str)>,
}

/// Plays a scenario.
///
/// # Errors
/// The first broken promise.
pub fn run(scenario: &Scenario) -> Result<Grade, Box<Violation>> {
    World::new(scenario, None).play()
}

/// Plays a scenario and tells `listener` what happens, a line at a time.
///
/// # Errors
/// The first broken promise.
pub fn run_traced(
    scenario: &Scenario,
    listener: &mut dyn FnMut(&str),
) -> Result<Grade, Box<Violation>> {
    World::new(scenario, Some(listener)).play()
}

impl<'a> World<'a> {
    fn new(scenario: &Scenario, listener: Option<&'a mut dyn FnMut(&str)>) -> Self {
        let nodes: Vec<Node> = (0..scenario.peers)
            .map(|index| Node::new(index, scenario.seed))
            .collect();
        let founder = nodes[0].identity.peer_id();
        let index = nodes
            .iter()
            .enumerate()
            .map(|(i, n)| (n.identity.peer_id(), i))
            .collect();
        Self {
            spec: Arc::new(RunSpec {
                founder,
                ..scenario.spec.clone()
            }),
            nodes,
            index,
            rng: Rng::with_seed(scenario.seed ^ 0x5eed),
            now: Time::default(),
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            sequence: 0,
            lineage: Lineage::default(),
            apart_since: None,
            judged: Vec::new(),
            grade: Grade::default(),
            lost: BTreeSet::new(),
            promised: 0,
            kept: 0,
            listener,
            scenario: scenario.clone(),
        }
    }

    fn play(mut self) -> Result<Grade, Box<Violation>> {
        for (at, fault) in self.scenario.faults.clone() {
            self.schedule(at, Happening::Fault(fault));
        }
        for node in 0..self.nodes.len() {
            self.start(node, node == 0)?;
        }
        let mut goal = None;
        while let Some(Reverse((at, id))) = self.queue.pop() {
            self.now = at;
            let Some(happening) = self.happenings.remove(&id) else {
                continue;
            };
            self.happen(happening)?;
            self.judge()?;
            if at >= self.scenario.calm {
                let furthest = self.rounds().max().unwrap_or_default();
                let goal = *goal.get_or_insert(furthest + self.scenario.rounds_after);
                if self.rounds().all(|round| round >= goal) && self.apart_since.is_none() {
                    return Ok(self.finish());
                }
                if at >= self.scenario.calm + STUCK_BOUND {
                    break;
                }
            }
        }
        Err(Box::new(Violation::Stuck {
            at: self.now,
            nodes: self.describe(),
        }))
    }

    fn finish(mut self) -> Grade {
        self.grade.rounds = self.rounds().max().unwrap_or_default();
        self.grade.rounds_lost = self.lost.len() as u64;
        self.grade.virtual_time = self.now.0;
        self.grade.divergences = self.lineage.divergences;
        self.grade.kept = self.kept as f64 / (self.promised.max(1)) as f64;
        self.grade
    }

    /// Each node's round; 0 while it is down or has no state.
    fn rounds(&self) -> impl Iterator<Item = u64> + '_ {
        self.nodes.iter().map(|node| {
            let machine = node.machine.as_ref().filter(|m| m.state().is_some());
            machine.map_or(0, |machine| machine.round().0)
        })
    }

    fn describe(&self) -> Vec<String> {
        let describe = |(i, node): (usize, &Node)| match &node.machine {
            None => format!("{i} {:?} down", node.identity.peer_id()),
            Some(m) => format!(
                "{i} {:?} round {} {:?} state {:?} roster {:?}",
                m.me(),
                m.round(),
                m.phase(),
                m.state().map(crate::Manifest::id),
                m.state().map(|state| &state.roster),
            ),
        };
        self.nodes.iter().enumerate().map(describe).collect()
    }

    fn judge(&mut self) -> Result<(), Box<Violation>> {
        let up = self.nodes.iter().filter_map(|node| node.machine.as_ref());
        let states: Vec<_> = up
            .filter_map(|machine| Some((machine.state()?.round, machine.state_id()?)))
            .collect();
        if states != self.judged {
            self.judged.clone_from(&states);
        } else if self.apart_since.is_none() {
            return Ok(());
        }
        if self.lineage.agree(&states) {
            if let Some(since) = self.apart_since.take() {
                let apart = self.now.since(since);
                self.grade.longest_divergence = self.grade.longest_divergence.max(apart);
            }
            return Ok(());
        }
        let since = *self.apart_since.get_or_insert(self.now);
        // While faults last the network may keep nodes apart at will; the bound is on healing.
        let from = since.max(self.scenario.calm);
        if self.now.since(from) > DIVERGENCE_BOUND {
            return Err(Box::new(Violation::Diverged {
                at: self.now,
                nodes: self.describe(),
            }));
        }
        Ok(())
    }

    fn schedule(&mut self, at: Time, happening: Happening) {
        self.sequence += 1;
        self.queue.push(Reverse((at, self.sequence)));
        self.happenings.insert(self.sequence, happening);
    }

    fn happen(&mut self, happening: Happening) -> Result<(), Box<Violation>> {
        match happening {
            Happening::Fault(Fault::Crash(node)) => self.crash(node),
            Happening::Fault(Fault::Restart(node)) => self.start(node, false)?,
            Happening::Arrive {
                to,
                session,
                from,
                what,
            } => {
                let alive = self.nodes[to].machine.is_some() && self.nodes[to].session == session;
                // A sender that died meanwhile had sent only some of it.
                let cut = from.is_some_and(|(from, session)| {
                    let sender = &self.nodes[from];
                    sender.machine.is_none() || sender.session != session
                });
                if alive && !(cut && self.rng.bool()) {
                    self.arrive(to, *what)?;
                }
            }
        }
        Ok(())
    }

    fn crash(&mut self, node: usize) {
        if self.nodes[node].machine.is_none() {
            return;
        }
        self.trace(node, || "crashed".into());
        self.nodes[node].crash();
        let peer = self.nodes[node].identity.peer_id();
        for other in 0..self.nodes.len() {
            let delay = self.delay();
            self.tell(other, Arrival::Input(Input::PeerDown(peer)), delay);
        }
    }

    fn start(&mut self, node: usize, founder: bool) -> Result<(), Box<Violation>> {
        if self.nodes[node].machine.is_some() {
            return Ok(());
        }
        self.nodes[node].start(&self.spec, founder, self.now);
        self.trace(node, || "started".into());
        let me = self.nodes[node].identity.peer_id();
        for other in (0..self.nodes.len()).filter(|other| *other != node) {
            if self.nodes[other].machine.is_some() {
                let peer = self.nodes[other].identity.peer_id();
                let delay = self.delay();
                self.tell(node, Arrival::Input(Input::PeerUp(peer)), delay);
                self.tell(other, Arrival::Input(Input::PeerUp(me)), delay);
            }
        }
        self.carry_out(node)
    }

    fn arrive(&mut self, to: usize, what: Arrival) -> Result<(), Box<Violation>> {
        let now = self.now;
        let node = &mut self.nodes[to];
        let Some(machine) = &mut node.machine else {
            return Ok(());
        };
        match what {
            Arrival::Frame(frame) => {
                self.grade.bytes += frame.encoded_len() as u64;
                if matches!(frame.message(), Message::Contribution(_)) {
                    node.store(&frame);
                }
                let Some(machine) = &mut node.machine else {
                    return Ok(());
                };
                machine.receive(frame, now);
            }
            Arrival::Input(input) => {
                if let Input::StateReady(manifest) = &input {
                    let before = machine.state_id();
                    let model = manifest.model;
                    machine.handle(input, now);
                    if machine.state_id() != before {
                        node.model = Some(model);
                        node.aggregate = None;
                        let adopted = machine.state().cloned();
                        node.adopt_checkpoint(adopted);
                    }
                } else {
                    machine.handle(input, now);
                }
            }
            Arrival::Pull(asker, round) => {
                let frames: Vec<_> = machine.frames(round).cloned().collect();
                for frame in frames {
                    self.send(to, asker, Arrival::Frame(frame));
                }
            }
            Arrival::Query(asker) => {
                let vouch = machine.vouch();
                self.send(to, asker, Arrival::Frame(vouch));
            }
            Arrival::State(asker, state) => {
                let manifest = machine.manifest(&state).cloned();
                let answer = manifest.map_or(Input::StateFailed(state), Input::StateReady);
                self.send(to, asker, Arrival::Input(answer));
            }
            Arrival::Wake => {
                // One that was overtaken by an earlier one is void.
                if node.wake != Some(now) {
                    return Ok(());
                }
                node.wake = None;
                machine.handle_timeout(now);
            }
        }
        self.carry_out(to)
    }

    fn carry_out(&mut self, node: usize) -> Result<(), Box<Violation>> {
        for _ in 0..SPIN_BOUND {
            let Some(machine) = &mut self.nodes[node].machine else {
                return Ok(());
            };
            if let Some(output) = machine.poll_output() {
                self.perform(node, output)?;
                continue;
            }
            let due = machine.poll_timeout();
            let node_wake = self.nodes[node].wake;
            if let Some(due) = due.filter(|due| node_wake.is_none_or(|wake| *due < wake)) {
                if due <= self.now {
                    return Err(Box::new(Violation::Busy { node, at: self.now }));
                }
                self.nodes[node].wake = Some(due);
                let session = self.nodes[node].session;
                let what = Box::new(Arrival::Wake);
                self.schedule(
                    due,
                    Happening::Arrive {
                        to: node,
                        session,
                        from: None,
                        what,
                    },
                );
            }
            return Ok(());
        }
        Err(Box::new(Violation::Busy { node, at: self.now }))
    }

    fn perform(&mut self, node: usize, output: Output) -> Result<(), Box<Violation>> {
        let soon = Duration::from_millis(1);
        match output {
            Output::Publish(frame) => {
                self.nodes[node].store(&frame);
                for other in (0..self.nodes.len()).filter(|other| *other != node) {
                    self.send(node, other, Arrival::Frame(frame.clone()));
                }
            }
            Output::Compute { round, .. } => {
                let body = self.nodes[node].payload(round);
                let took = self.rng.u64(1..=self.scenario.compute.as_millis() as u64);
                let gradient = Gradient {
                    round,
                    body,
                    samples: 1,
                    loss: 0.0,
                };
                let input = Input::GradientReady(gradient);
                self.tell(node, Arrival::Input(input), Duration::from_millis(took));
            }
            Output::Fetch { root, .. } => {
                let held = self.nodes[node].payloads.contains_key(&root);
                let input = if held {
                    Input::PayloadReady(root)
                } else {
                    Input::PayloadFailed(root)
                };
                self.tell(node, Arrival::Input(input), soon);
            }
            Output::Pull { peer, round } => self.ask(node, peer, Arrival::Pull(node, round)),
            Output::Query(peer) => self.ask(node, peer, Arrival::Query(node)),
            Output::FetchState { state, holders } => {
                let up = |p: &&PeerId| {
                    self.index
                        .get(p)
                        .is_some_and(|i| self.nodes[*i].machine.is_some())
                };
                match holders.iter().find(up).copied() {
                    Some(peer) => self.ask(node, peer, Arrival::State(node, state)),
                    None => self.tell(node, Arrival::Input(Input::StateFailed(state)), soon),
                }
            }
            Output::Aggregate {
                round,
                contributions,
            } => {
                self.nodes[node].aggregate(&contributions);
                self.tell(node, Arrival::Input(Input::Aggregated(round)), soon);
            }
            Output::Apply { round, update } => self.apply(node, round, update)?,
            Output::Report(peer, offence) => self.trace(node, || format!("{peer:?}: {offence}")),
            Output::Notify(event) => self.note(node, &event),
        }
        Ok(())
    }

    fn apply(&mut self, node: usize, round: Round, update: bool) -> Result<(), Box<Violation>> {
        let before = self.nodes[node]
            .machine
            .as_ref()
            .and_then(RoundMachine::state)
            .cloned();
        let this = &mut self.nodes[node];
        let aggregate = this.aggregate.take().filter(|_| update);
        this.model = aggregate.or(this.model);
        let model = this.model.unwrap_or(Digest([0; 32]));
        let Some(machine) = &mut this.machine else {
            return Ok(());
        };
        machine.handle(
            Input::Applied {
                round,
                model,
                length: 40,
            },
            self.now,
        );
        let (Some(before), Some(after)) = (before, machine.state().cloned()) else {
            return Ok(());
        };
        if after.round == before.round.next() {
            check_roster(&after, self.spec.max_peers.into())?;
            self.lineage.follow(before.id(), after.id());
            if after.round.0.is_multiple_of(self.scenario.checkpoint_every) {
                this.checkpoint(after);
            }
        }
        Ok(())
    }

    fn note(&mut self, node: usize, event: &Event) {
        self.trace(node, || format!("{event:?}"));
        if let Event::Agreed(record) = event {
            let roster = record.contributors.len() + record.absent.len();
            self.promised += roster as u64;
            self.kept += record.contributors.len() as u64;
            if !record.update && roster >= self.spec.quorum() {
                self.lost.insert(record.round);
            }
        }
    }

    fn ask(&mut self, node: usize, peer: PeerId, what: Arrival) {
        if let Some(to) = self.index.get(&peer).copied() {
            self.send(node, to, what);
        }
    }

    /// Sends over the network: late, twice, or not at all.
    fn send(&mut self, from: usize, to: usize, what: Arrival) {
        let faulty = self.now < self.scenario.calm;
        if faulty && self.rng.f64() < self.scenario.drop {
            return;
        }
        let copies = if faulty && self.rng.f64() < self.scenario.duplicate {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let at = self.now + self.delay();
            let sender = Some((from, self.nodes[from].session));
            let session = self.nodes[to].session;
            let what = Box::new(what.clone());
            self.schedule(
                at,
                Happening::Arrive {
                    to,
                    session,
                    from: sender,
                    what,
                },
            );
        }
    }

    /// Delivers without fail.
    fn tell(&mut self, to: usize, what: Arrival, after: Duration) {
        let (session, what) = (self.nodes[to].session, Box::new(what));
        self.schedule(
            self.now + after,
            Happening::Arrive {
                to,
                session,
                from: None,
                what,
            },
        );
    }

    fn delay(&mut self) -> Duration {
        let most = self.scenario.delay.as_micros() as u64;
        Duration::from_micros(self.rng.u64(most / 10..=most))
    }

    fn trace(&mut self, node: usize, what: impl FnOnce() -> String) {
        if let Some(listener) = &mut self.listener {
            let peer = self.nodes[node].identity.peer_id();
            let at = self.now.0.as_secs_f64();
            listener(&format!("{at:>10.3} {node:>2} {peer:?} {}", what()));
        }
    }
}
