//! A simulated node's duties as the caller of its machine: it feeds what arrives, and carries out what the machine
//! asks for. Liars do the same, but bend what they publish.

use std::time::Duration;

use crate::frame::Frame;
use crate::id::{Digest, PeerId, Round};
use crate::machine::{Gradient, Input, Output, Reception, RoundMachine};
use crate::manifest::Manifest;
use crate::message::{Message, Seal};
use crate::sign::Verified;

use super::forgery;
use super::liar::Lie;
use super::queue::{Arrival, Happening};
use super::scenario::Nodes;
use super::watch::{Violation, check_roster};
use super::world::World;

/// Steps at one instant after which a node is said to spin.
const SPIN_BOUND: u32 = 10_000;
/// How long a fetch waits for an answer.
pub(super) const FETCH_TIMEOUT: Duration = Duration::from_secs(3);
/// How long what needs no network takes.
pub(super) const SOON: Duration = Duration::from_millis(1);

impl World<'_> {
    pub(super) fn arrive(&mut self, to: usize, what: Arrival) {
        let node = &mut self.nodes[to];
        let now = node.clock.shows(self.now);
        let Some(machine) = &mut node.machine else {
            return;
        };
        match what {
            Arrival::Frame(frame, payload) => {
                // Most frames come again and again: then the node has nothing to do, and goes on waiting.
                if !self.hear(to, frame, payload) {
                    return;
                }
            }
            Arrival::Payload(root, round) => {
                node.payloads.insert(root, round);
                machine.handle(Input::PayloadReady(root), now);
            }
            Arrival::Again(wish) => self.fetch(to, wish),
            Arrival::Input(Input::StateReady(manifest)) => self.take_state(to, manifest),
            Arrival::Input(input) => {
                if !self.is_overtaken(to, &input) {
                    self.handle(to, input);
                }
            }
            // It would show what it conceals.
            Arrival::Pull(_, _) if node.lie == Some(Lie::Conceal) => {}
            Arrival::Pull(asker, round) => {
                let frames: Vec<_> = machine.frames(round).cloned().collect();
                for frame in frames {
                    let payload = self.holds(to, &frame);
                    self.send(to, asker, Arrival::Frame(frame, payload));
                }
            }
            Arrival::Query(asker) => {
                let mut vouch = machine.vouch(now);
                if node.lie == Some(Lie::States) {
                    vouch = forgery::false_vouch(&node.identity, &vouch, &mut self.rng);
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
        self.touched |= 1 << to;
        self.carry_out(to);
    }

    /// Whether the frame was news.
    fn hear(&mut self, to: usize, frame: Verified<Frame>, payload: bool) -> bool {
        self.grade.bytes += frame.encoded_len() as u64;
        let node = &mut self.nodes[to];
        let now = node.clock.shows(self.now);
        if payload && matches!(frame.message(), Message::Contribution(_)) {
            node.store(frame.envelope().root, frame.round());
        }
        if node.lie.is_some() {
            node.liar.hear(&frame, &mut self.rng);
        }
        let Some(machine) = &mut node.machine else {
            return false;
        };
        let reception = machine.receive(frame.clone(), now);
        if self.is_honest(to) && reception.is_worth_relaying() {
            self.relay(to, &frame);
        }
        reception != Reception::Duplicate
    }

    fn handle(&mut self, node: usize, input: Input) {
        let node = &mut self.nodes[node];
        let now = node.clock.shows(self.now);
        if let Some(machine) = &mut node.machine {
            machine.handle(input, now);
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
            Output::Fetch { root, holders, .. } => self.wish(node, root, holders),
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
            Output::Reveal(round) => self.reveal(node, round),
            Output::Report(peer, offence) => self.trace(node, || format!("{peer:?}: {offence}")),
            Output::Notify(event) => self.note(node, &event),
        }
    }

    /// Publishes what the machine says, or what a liar makes of it.
    fn speak(&mut self, node: usize, frame: Verified<Frame>) {
        if let Message::Seal(Seal { view, attempt }) = *frame.message() {
            let named: Vec<Digest> = frame.sealed_entries().collect();
            let seal = frame.digest();
            self.trace(node, || {
                format!("seals in view {view}, attempt {attempt}: {named:?} as {seal:?}")
            });
        }
        let pulls = self.pulls();
        let this = &mut self.nodes[node];
        if matches!(frame.message(), Message::Contribution(_)) {
            let (root, round) = (frame.envelope().root, frame.round());
            this.store(root, round);
            if pulls && this.revealed != Some(round) {
                this.held_back = Some((round, root));
            }
        }
        let Some(lie) = this.lie else {
            self.publish(node, &frame, Nodes::MAX, !pulls);
            return;
        };
        this.liar.hear(&frame, &mut self.rng);
        let (liar, identity) = (&mut this.liar, &this.identity);
        let told = liar.bend(lie, identity, frame, &self.scenario, &mut self.rng);
        let session = this.session;
        for told in told {
            if pulls && matches!(told.frame.message(), Message::Contribution(_)) {
                let this = &mut self.nodes[node];
                this.store(told.frame.envelope().root, told.frame.round());
            }
            self.schedule(
                self.now + told.after,
                Happening::Say {
                    liar: node,
                    session,
                    frame: Box::new(told.frame),
                    to: told.to,
                    payload: told.payload && !pulls,
                },
            );
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
}
