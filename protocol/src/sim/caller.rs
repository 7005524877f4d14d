//! A simulated node's duties as the caller of its machine: it feeds what arrives, and carries out
//! what the machine asks for. Liars do the same, but bend what they publish.

use std::time::Duration;

use crate::frame::Frame;
use crate::id::{Digest, PeerId, Round};
use crate::machine::{Event, Gradient, Input, Output, RoundMachine};
use crate::manifest::Manifest;
use crate::message::Message;
use crate::sign::Verified;

use super::liar::{self, Lie};
use super::scenario::Nodes;
use super::watch::{Violation, check_roster, most_frames};
use super::world::{Arrival, Happening, World};

/// Steps at one instant after which a node is said to spin.
const SPIN_BOUND: u32 = 10_000;
/// How long a fetch waits for an answer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);
/// How long what needs no network takes.
const SOON: Duration = Duration::from_millis(1);

impl World<'_> {
    pub(super) fn arrive(&mut self, to: usize, what: Arrival) {
        let node = &mut self.nodes[to];
        let now = node.clock.shows(self.now);
        let Some(machine) = &mut node.machine else {
            return;
        };
        match what {
            Arrival::Frame(frame, payload) => self.hear(to, frame, payload),
            Arrival::Payload(root, round) => {
                node.payloads.insert(root, round);
                machine.handle(Input::PayloadReady(root), now);
            }
            Arrival::Input(Input::StateReady(manifest)) => self.take_state(to, manifest),
            Arrival::Input(input) => {
                if !self.is_overtaken(to, &input) {
                    self.handle(to, input);
                }
            }
            Arrival::Pull(asker, round) => {
                let frames: Vec<_> = machine.frames(round).cloned().collect();
                for frame in frames {
                    let payload = self.holds(to, &frame);
                    self.send(to, asker, Arrival::Frame(frame, payload));
                }
            }
            Arrival::Query(asker) => {
                let mut vouch = machine.vouch();
                if node.lie == Some(Lie::States) {
                    vouch = liar::false_vouch(&node.identity, &vouch, &mut self.rng);
                }
                self.send(to, asker, Arrival::Frame(vouch, false));
            }
            Arrival::State(asker, state) => {
                let manifest = machine.manifest(&state).cloned();
                let answer = manifest.map_or(Input::StateFailed(state), Input::StateReady);
                self.send(to, asker, Arrival::Input(answer));
            }
            Arrival::Wake => {
                // One that was overtaken by an earlier one is void.
                if node.wake != Some(self.now) {
                    return;
                }
                node.wake = None;
                machine.handle_timeout(now);
            }
        }
        self.carry_out(to);
    }

    fn hear(&mut self, to: usize, frame: Verified<Frame>, payload: bool) {
        self.grade.bytes += frame.encoded_len() as u64;
        let node = &mut self.nodes[to];
        let now = node.clock.shows(self.now);
        if payload && matches!(frame.message(), Message::Contribution(_)) {
            node.store(&frame);
        }
        if node.lie.is_some() {
            node.liar.hear(&frame, &mut self.rng);
        }
        let Some(machine) = &mut node.machine else {
            return;
        };
        let reception = machine.receive(frame.clone(), now);
        if self.is_honest(to) && reception.is_worth_relaying() {
            self.relay(to, &frame);
        }
    }

    fn handle(&mut self, node: usize, input: Input) {
        let node = &mut self.nodes[node];
        let now = node.clock.shows(self.now);
        if let Some(machine) = &mut node.machine {
            machine.handle(input, now);
        }
    }

    /// News of a connection that was made or lost again meanwhile.
    fn is_overtaken(&self, node: usize, input: &Input) -> bool {
        let connected = |peer: &PeerId| {
            let other = self.index[peer];
            let pair = (node.min(other), node.max(other));
            self.nodes[other].machine.is_some() && !self.parted.contains(&pair)
        };
        match input {
            Input::PeerUp(peer) => !connected(peer),
            Input::PeerDown(peer) => connected(peer),
            _ => false,
        }
    }

    fn take_state(&mut self, node: usize, manifest: Manifest) {
        let node = &mut self.nodes[node];
        let now = node.clock.shows(self.now);
        let Some(machine) = &mut node.machine else {
            return;
        };
        let (before, model) = (machine.state_id(), manifest.model);
        machine.handle(Input::StateReady(manifest), now);
        if machine.state_id() != before {
            node.model = Some(model);
            node.aggregate = None;
            let adopted = machine.state().cloned();
            node.adopt_checkpoint(adopted);
        }
    }

    /// Whether the node has, and gives, the payload of a frame.
    fn holds(&self, node: usize, frame: &Frame) -> bool {
        let node = &self.nodes[node];
        let withholds = matches!(node.lie, Some(Lie::Withhold | Lie::Brink));
        let gives = !withholds || frame.author() != node.identity.peer_id();
        gives && node.payloads.contains_key(&frame.envelope().root)
    }

    pub(super) fn carry_out(&mut self, node: usize) {
        for _ in 0..SPIN_BOUND {
            let Some(machine) = &mut self.nodes[node].machine else {
                return;
            };
            if let Some(output) = machine.poll_output() {
                self.perform(node, output);
                continue;
            }
            let due = machine.poll_timeout();
            let clock = self.nodes[node].clock;
            let due = due.map(|due| clock.reaches(due));
            let wake = self.nodes[node].wake;
            let Some(due) = due.filter(|due| wake.is_none_or(|wake| *due < wake)) else {
                return;
            };
            if due <= self.now {
                break;
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
            return;
        }
        self.broken = Some(Violation::Busy { node, at: self.now });
    }

    fn perform(&mut self, node: usize, output: Output) {
        match output {
            Output::Publish(frame) => self.speak(node, frame),
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
            Output::Fetch { root, holders, .. } => self.fetch(node, root, &holders),
            Output::Pull { peer, round } => self.ask(node, peer, Arrival::Pull(node, round)),
            Output::Query(peer) => self.ask(node, peer, Arrival::Query(node)),
            Output::FetchState { state, holders } => {
                self.trace(node, || format!("fetches {state:?} from {holders:?}"));
                let up = |p: &&PeerId| {
                    self.index
                        .get(p)
                        .is_some_and(|i| self.nodes[*i].machine.is_some())
                };
                let holder = holders.iter().find(up).copied();
                let patience = holder.map_or(SOON, |_| FETCH_TIMEOUT);
                let failed = Arrival::Input(Input::StateFailed(state));
                self.tell(node, failed, patience);
                if let Some(peer) = holder {
                    self.ask(node, peer, Arrival::State(node, state));
                }
            }
            Output::Aggregate {
                round,
                contributions,
            } => {
                self.nodes[node].aggregate(&contributions);
                self.tell(node, Arrival::Input(Input::Aggregated(round)), SOON);
            }
            Output::Apply { round, update } => self.apply(node, round, update),
            // A payload is here or not here; who may see it is the caller's affair, and no part of the simulation.
            Output::Reveal(_) => {}
            Output::Report(peer, offence) => self.trace(node, || format!("{peer:?}: {offence}")),
            Output::Notify(event) => self.note(node, &event),
        }
    }

    /// Publishes what the machine says, or what a liar makes of it.
    fn speak(&mut self, node: usize, frame: Verified<Frame>) {
        let this = &mut self.nodes[node];
        this.store(&frame);
        let Some(lie) = this.lie else {
            self.publish(node, &frame, Nodes::MAX, true);
            return;
        };
        this.liar.hear(&frame, &mut self.rng);
        let told = this.liar.bend(lie, &this.identity, frame, &mut self.rng);
        let session = this.session;
        for told in told {
            self.schedule(
                self.now + told.after,
                Happening::Say {
                    liar: node,
                    session,
                    frame: Box::new(told.frame),
                    to: told.to,
                    payload: told.payload,
                },
            );
        }
    }

    /// Gets a payload from the first holder that is up and gives it.
    fn fetch(&mut self, node: usize, root: Digest, holders: &[PeerId]) {
        if self.nodes[node].payloads.contains_key(&root) {
            self.tell(node, Arrival::Input(Input::PayloadReady(root)), SOON);
            return;
        }
        let holders = holders.iter().filter_map(|peer| self.index.get(peer));
        let round = holders.copied().find_map(|holder| {
            let from = &self.nodes[holder];
            let gives = from.machine.is_some() && from.lie.is_none() && from.waiting.is_none();
            let open = gives && !self.is_cut(node, holder);
            from.payloads.get(&root).copied().filter(|_| open)
        });
        match round {
            Some(round) => {
                let after = self.delay() + self.delay();
                self.tell(node, Arrival::Payload(root, round), after);
            }
            None => self.tell(node, Arrival::Input(Input::PayloadFailed(root)), SOON),
        }
    }

    fn apply(&mut self, node: usize, round: Round, update: bool) {
        let (now, honest) = (self.now, self.is_honest(node));
        let this = &mut self.nodes[node];
        let now = this.clock.shows(now);
        let before = this.machine.as_ref().and_then(RoundMachine::state).cloned();
        let aggregate = this.aggregate.take().filter(|_| update);
        this.model = aggregate.or(this.model);
        let model = this.model.unwrap_or(Digest([0; 32]));
        let Some(machine) = &mut this.machine else {
            return;
        };
        machine.handle(
            Input::Applied {
                round,
                model,
                length: 40,
            },
            now,
        );
        let (Some(before), Some(after)) = (before, machine.state().cloned()) else {
            return;
        };
        if after.round != before.round.next() {
            return;
        }
        if honest {
            let sane = check_roster(&after, self.spec.max_peers.into());
            self.broken = self.broken.take().or(sane.err());
            self.lineage.follow(before.id(), after.id());
        }
        if after.round.0.is_multiple_of(self.scenario.checkpoint_every) {
            this.checkpoint(after);
        }
    }

    fn note(&mut self, node: usize, event: &Event) {
        self.trace(node, || format!("{event:?}"));
        let Event::Agreed(record) = event else {
            return;
        };
        if !self.is_honest(node) {
            return;
        }
        let roster = record.contributors.len() + record.absent.len();
        self.promised += roster as u64;
        self.kept += record.contributors.len() as u64;
        if !record.update && roster >= self.spec.quorum() {
            self.lost.insert(record.round);
        }
        let machine = self.nodes[node].machine.as_ref();
        let frames = machine.map_or(0, |machine| machine.frames(record.round).count());
        if frames > most_frames(roster, self.spec.max_faulty) {
            self.broken = Some(Violation::Hoards { node, frames });
        }
    }
}
