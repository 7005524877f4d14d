//! The judge of a simulated swarm: looks at all nodes to which something happened, after every event, and grades
//! the run at its end.

use crate::id::PeerId;
use crate::machine::{Event, RoundMachine};

use super::liar::Lie;
use super::node::Node;
use super::watch::{DIVERGENCE_BOUND, Grade, Violation, most_frames};
use super::world::World;

impl World<'_> {
    pub(super) fn judge(&mut self) -> Result<(), Box<Violation>> {
        if let Some(broken) = self.broken.take() {
            return Err(Box::new(broken));
        }
        let moved = self.look();
        if !moved && self.apart_since.is_none() {
            return Ok(());
        }
        let states: Vec<_> = self.judged.iter().flatten().copied().collect();
        if self.scenario.strict && self.lineage.divergences > 0 {
            return Err(Box::new(Violation::Forked {
                at: self.now,
                nodes: self.describe(),
            }));
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

    /// Looks at the states of the honest nodes to which something happened; whether any is not as it was.
    fn look(&mut self) -> bool {
        let mut moved = false;
        let honest = self.honest & std::mem::take(&mut self.touched);
        let nodes = self.nodes.iter().zip(&mut self.judged).enumerate();
        for (_, (node, judged)) in nodes.filter(|(i, _)| honest >> i & 1 == 1) {
            let machine = node.machine.as_ref();
            let state = machine.and_then(|m| Some((m.state()?.round, m.state_id()?)));
            moved |= *judged != state;
            *judged = state;
        }
        moved
    }

    pub(super) fn finish(mut self) -> Grade {
        self.grade.rounds = self.rounds().max().unwrap_or_default();
        self.grade.rounds_lost = self.lost.len() as u64;
        self.grade.virtual_time = self.now.0;
        self.grade.divergences = self.lineage.divergences;
        let equivocators = self
            .nodes
            .iter()
            .filter(|n| n.lie.is_some_and(Lie::is_equivocation));
        let equivocators: Vec<_> = equivocators.map(|n| n.identity.peer_id()).collect();
        let machines = self.honest_nodes().filter_map(|node| node.machine.as_ref());
        let last = machines
            .filter_map(RoundMachine::state)
            .max_by_key(|state| state.round);
        let is_banned = |p: &&PeerId| last.is_some_and(|state| state.banned.contains(p));
        let banned = equivocators.iter().filter(is_banned).count() as u64;
        self.grade.equivocators = equivocators.len() as u64;
        self.grade.banned = banned;
        self.grade.kept = self.kept as f64 / (self.promised.max(1)) as f64;
        self.grade
    }

    /// Counts what a node says of itself.
    pub(super) fn note(&mut self, node: usize, event: &Event) {
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
        let counts = |node: &Node| record.contributors.contains(&node.identity.peer_id());
        let is_calm = self.now >= self.scenario.calm;
        self.whole = self.whole || is_calm && self.honest_nodes().all(counts);
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
