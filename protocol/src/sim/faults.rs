//! What goes wrong in a simulated swarm, and what mends it.

use std::time::Duration;

use crate::machine::{Input, PhaseName};

use super::network::SILENCE;
use super::queue::{Arrival, Happening};
use super::scenario::Fault;
use super::world::World;

impl World<'_> {
    pub(super) fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::Crash(node) => self.crash(node),
            Fault::Restart(node) => {
                let left = |m: &crate::RoundMachine| m.phase() == PhaseName::Left;
                if self.nodes[node].machine.as_ref().is_some_and(left) {
                    self.crash(node);
                }
                self.start(node, false);
            }
            Fault::Leave(node) => {
                if self.nodes[node].waiting.is_none() {
                    self.arrive(node, Arrival::Input(Input::Leave));
                }
            }
            Fault::Freeze(node) => {
                let node = &mut self.nodes[node];
                if node.machine.is_some() && node.waiting.is_none() {
                    node.waiting = Some(Vec::new());
                }
            }
            Fault::Thaw(node) => self.thaw(node),
            Fault::Cut(a, b) => {
                self.cuts.push((a, b));
                self.schedule(self.now + SILENCE, Happening::Silence);
            }
            Fault::Heal => self.heal(),
            Fault::Slow(node, millis) => {
                let slower = Duration::from_millis(millis.into());
                self.slow.insert(node, slower);
            }
        }
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

    pub(super) fn start(&mut self, node: usize, founder: bool) {
        if self.nodes[node].machine.is_some() {
            return;
        }
        self.nodes[node].start(&self.spec, founder, self.now);
        if let Some(machine) = &mut self.nodes[node].machine
            && self.honest >> node & 1 == 1
        {
            machine.mutate(self.scenario.mutation);
        }
        self.trace(node, || "started".into());
        for other in (0..self.nodes.len()).filter(|other| *other != node) {
            let pair = (node.min(other), node.max(other));
            if self.is_cut(node, other) {
                self.parted.insert(pair);
            } else if self.nodes[other].machine.is_some() {
                self.connection(node, other, Input::PeerUp);
            }
        }
        self.carry_out(node);
    }

    /// The process goes on: its timers are overdue, and what arrived is read now.
    fn thaw(&mut self, node: usize) {
        let Some(waiting) = self.nodes[node].waiting.take() else {
            return;
        };
        self.trace(node, || format!("goes on, with {} to read", waiting.len()));
        for happening in waiting {
            self.happen(happening);
        }
        self.nodes[node].wake = Some(self.now);
        self.arrive(node, Arrival::Wake);
    }
}
