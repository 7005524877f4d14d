//! The network of a simulated swarm: what arrives when, twice, changed, or never.

use std::time::Duration;

use crate::frame::Frame;
use crate::id::PeerId;
use crate::machine::Input;
use crate::sign::Verified;

use super::queue::{Arrival, Happening};
use super::scenario::Nodes;
use super::watch::Violation;
use super::world::World;

/// How long a connection carries nothing until both ends give it up.
pub(super) const SILENCE: Duration = Duration::from_secs(2);

impl World<'_> {
    /// Sends a frame to some nodes; those that hear it pass it on to the others.
    pub(super) fn publish(
        &mut self,
        from: usize,
        frame: &Verified<Frame>,
        to: Nodes,
        payload: bool,
    ) {
        let all = (1_u64 << self.nodes.len()) - 1;
        let mut reached = 1 << from | self.reached.get(&frame.digest()).copied().unwrap_or(0);
        for other in (0..self.nodes.len()).filter(|other| *other != from) {
            if to >> other & 1 == 1 && !self.is_cut(from, other) {
                reached |= 1 << other;
                self.send(from, other, Arrival::Frame(frame.clone(), payload));
            }
        }
        if reached & all == all {
            self.reached.remove(&frame.digest());
        } else {
            self.reached.insert(frame.digest(), reached);
        }
    }

    /// Passes a frame on to those to whom nobody sent it yet.
    pub(super) fn relay(&mut self, from: usize, frame: &Verified<Frame>) {
        let Some(reached) = self.reached.get(&frame.digest()).copied() else {
            return;
        };
        let payload = self.nodes[from]
            .payloads
            .contains_key(&frame.envelope().root);
        self.publish(from, frame, !reached, payload);
    }

    pub(super) fn ask(&mut self, node: usize, peer: PeerId, what: Arrival) {
        if let Some(to) = self.index.get(&peer).copied() {
            self.send(node, to, what);
        }
    }

    /// Sends over the network: late, twice, or not at all.
    pub(super) fn send(&mut self, from: usize, to: usize, what: Arrival) {
        let faulty = self.now < self.scenario.calm;
        if self.is_cut(from, to) || faulty && self.rng.f64() < self.scenario.drop {
            return;
        }
        if faulty && self.scenario.corrupt > 0.0 && self.rng.f64() < self.scenario.corrupt {
            self.corrupt(&what);
            return;
        }
        let copies = if faulty && self.rng.f64() < self.scenario.duplicate {
            2
        } else {
            1
        };
        let slower = self.slow.get(&from).copied().unwrap_or_default();
        for _ in 0..copies {
            let at = self.now + self.delay() + slower;
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

    /// A frame with a changed bit must be refused, and then it is as good as lost.
    fn corrupt(&mut self, what: &Arrival) {
        let Arrival::Frame(frame, _) = what else {
            return;
        };
        let mut bytes = frame.encode();
        let bit = self.rng.usize(0..bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        if Frame::verify(&bytes, &self.spec.id()).is_ok() {
            self.broken = Some(Violation::Forged { at: self.now });
        }
    }

    /// Delivers without fail.
    pub(super) fn tell(&mut self, to: usize, what: Arrival, after: Duration) {
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

    pub(super) fn delay(&mut self) -> Duration {
        let most = self.scenario.delay.as_micros() as u64;
        Duration::from_micros(self.rng.u64(most / 10..=most))
    }

    pub(super) fn transfer(&mut self) -> Duration {
        let most = self.scenario.transfer;
        if !self.pulls() || most.is_zero() {
            return Duration::ZERO;
        }
        most.mul_f64(self.rng.f64())
    }

    pub(super) fn is_cut(&self, from: usize, to: usize) -> bool {
        let in_set = |set: Nodes, node: usize| set >> node & 1 == 1;
        self.cuts
            .iter()
            .any(|(a, b)| in_set(*a, from) && in_set(*b, to) || in_set(*a, to) && in_set(*b, from))
    }

    /// Both ends of links that still carry nothing learn that they are gone.
    pub(super) fn give_up_connections(&mut self) {
        for a in 0..self.nodes.len() {
            for b in a + 1..self.nodes.len() {
                if self.is_cut(a, b) && self.parted.insert((a, b)) {
                    self.connection(a, b, Input::PeerDown);
                }
            }
        }
    }

    pub(super) fn heal(&mut self) {
        self.cuts.clear();
        for (a, b) in std::mem::take(&mut self.parted) {
            self.connection(a, b, Input::PeerUp);
        }
    }

    /// Tells both nodes, if they are up, that their connection is made or gone.
    pub(super) fn connection(&mut self, a: usize, b: usize, what: fn(PeerId) -> Input) {
        if self.nodes[a].machine.is_none() || self.nodes[b].machine.is_none() {
            return;
        }
        for (node, peer) in [(a, b), (b, a)] {
            let peer = self.nodes[peer].identity.peer_id();
            let delay = self.delay();
            self.tell(node, Arrival::Input(what(peer)), delay);
        }
    }

    /// News of a connection that was made or lost again meanwhile.
    pub(super) fn is_overtaken(&self, node: usize, input: &Input) -> bool {
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
}
