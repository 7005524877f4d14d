//! The event loop of a simulated swarm, in virtual time. What nodes do is in `caller.rs`, what the
//! network does in `network.rs`, what goes wrong in `faults.rs`, what must hold in `judge.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use crate::id::{Digest, PeerId, Round, StateId, Time};
use crate::spec::RunSpec;

use super::node::{Clock, Node};
use super::queue::{Happening, Queue};
use super::scenario::{Fault, Nodes, Scenario};
use super::watch::{Grade, Lineage, Violation};

/// Time after the last fault within which every node must have got through its rounds.
const STUCK_BOUND: Duration = Duration::from_secs(120);
/// Most that happens in a scenario; a hundred times what is usual.
const MOST_HAPPENINGS: u64 = 5_000_000;

pub(super) struct World<'a> {
    pub(super) scenario: Scenario,
    pub(super) honest: Nodes,
    pub(super) spec: Arc<RunSpec>,
    pub(super) nodes: Vec<Node>,
    pub(super) index: BTreeMap<PeerId, usize>,
    pub(super) rng: Rng,
    pub(super) now: Time,
    queue: Queue,
    /// Links that carry nothing.
    pub(super) cuts: Vec<(Nodes, Nodes)>,
    /// Pairs of nodes that gave up their connection.
    pub(super) parted: BTreeSet<(usize, usize)>,
    /// How much longer a node's messages take.
    pub(super) slow: BTreeMap<usize, Duration>,
    /// Frames that were not sent to all, with those to whom they were: others pass them on.
    pub(super) reached: BTreeMap<Digest, Nodes>,
    pub(super) lineage: Lineage,
    pub(super) apart_since: Option<Time>,
    /// The state of each honest node that is up and has one, as the judge saw it last.
    pub(super) judged: Vec<Option<(Round, StateId)>>,
    /// Nodes that the judge must look at again.
    pub(super) touched: Nodes,
    /// A promise that was broken between two looks of the judge.
    pub(super) broken: Option<Violation>,
    pub(super) grade: Grade,
    /// Rounds without an update though enough peers were on the roster.
    pub(super) lost: BTreeSet<Round>,
    pub(super) promised: u64,
    pub(super) kept: u64,
    /// Whether all honest nodes contributed to one round since the last fault.
    pub(super) whole: bool,
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
        let mut rng = Rng::with_seed(scenario.seed ^ 0x5eed);
        let mut nodes: Vec<Node> = (0..scenario.peers)
            .map(|index| Node::new(index, scenario.seed))
            .collect();
        if scenario.skew > 0 {
            for node in &mut nodes {
                node.clock = Clock::draw(scenario.skew, &mut rng);
            }
        }
        for (liar, lie) in &scenario.liars {
            nodes[*liar].lie = Some(*lie);
        }
        let founder = nodes[0].identity.peer_id();
        let index = nodes
            .iter()
            .enumerate()
            .map(|(i, n)| (n.identity.peer_id(), i))
            .collect();
        Self {
            honest: scenario.honest(),
            spec: Arc::new(RunSpec {
                founder,
                ..scenario.spec.clone()
            }),
            nodes,
            index,
            rng,
            now: Time::default(),
            queue: Queue::default(),
            cuts: Vec::new(),
            parted: BTreeSet::new(),
            slow: BTreeMap::new(),
            reached: BTreeMap::new(),
            lineage: Lineage::default(),
            apart_since: None,
            judged: vec![None; scenario.peers],
            touched: 0,
            broken: None,
            grade: Grade::default(),
            lost: BTreeSet::new(),
            promised: 0,
            kept: 0,
            whole: false,
            listener,
            scenario: scenario.clone(),
        }
    }

    fn play(mut self) -> Result<Grade, Box<Violation>> {
        for (at, fault) in self.scenario.faults.clone() {
            self.schedule(at, Happening::Fault(fault));
        }
        for (node, at) in self.scenario.starts.clone().into_iter().enumerate() {
            if at == Time::default() {
                self.start(node, node == 0);
            } else {
                self.schedule(at, Happening::Fault(Fault::Restart(node)));
            }
        }
        let (mut goal, mut happened) = (u64::MAX, 0_u64);
        while let Some((at, happening)) = self.queue.pop() {
            self.now = at;
            self.happen(happening);
            self.judge()?;
            happened += 1;
            if happened > MOST_HAPPENINGS {
                return Err(Box::new(Violation::Endless {
                    at: self.now,
                    nodes: self.describe(),
                }));
            }
            if at >= self.scenario.calm {
                let furthest = self.rounds().max().unwrap_or_default();
                // Who was furthest may give up its way for that of the others: then they need not get there.
                goal = goal.min(furthest + self.scenario.rounds_after);
                let arrived = self.rounds().all(|round| round >= goal);
                if arrived && self.whole && self.apart_since.is_none() {
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

    pub(super) fn is_honest(&self, node: usize) -> bool {
        self.honest >> node & 1 == 1
    }

    /// The nodes that are up and do not lie.
    pub(super) fn honest_nodes(&self) -> impl Iterator<Item = &Node> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(|(i, _)| self.is_honest(*i)).map(|(_, n)| n)
    }

    /// Each honest node's round; 0 while it is down or has no state.
    pub(super) fn rounds(&self) -> impl Iterator<Item = u64> + '_ {
        self.honest_nodes().map(|node| {
            let machine = node.machine.as_ref().filter(|m| m.state().is_some());
            machine.map_or(0, |machine| machine.round().0)
        })
    }

    pub(super) fn describe(&self) -> Vec<String> {
        let describe = |(i, node): (usize, &Node)| {
            let lie = node.lie.map_or_else(String::new, |lie| format!(" {lie:?}"));
            match &node.machine {
                None => format!("{i}{lie} {:?} down", node.identity.peer_id()),
                Some(m) => format!(
                    "{i}{lie} {:?} round {} {:?} state {:?} roster {:?}",
                    m.me(),
                    m.round(),
                    m.phase(),
                    m.state().map(crate::Manifest::id),
                    m.state().map(|state| &state.roster),
                ),
            }
        };
        self.nodes.iter().enumerate().map(describe).collect()
    }

    pub(super) fn schedule(&mut self, at: Time, happening: Happening) {
        self.queue.push(at, happening);
    }

    pub(super) fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Fault(fault) => {
                self.touched = Nodes::MAX;
                self.strike(fault);
            }
            Happening::Silence => self.give_up_connections(),
            Happening::Say {
                liar,
                session,
                frame,
                to,
                payload,
            } => {
                if self.nodes[liar].machine.is_some() && self.nodes[liar].session == session {
                    self.publish(liar, &frame, to, payload);
                }
            }
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
                if !alive || cut && self.rng.bool() {
                    return;
                }
                if let Some(waiting) = &mut self.nodes[to].waiting {
                    waiting.push(Happening::Arrive {
                        to,
                        session,
                        from,
                        what,
                    });
                } else {
                    self.arrive(to, *what);
                }
            }
        }
    }

    pub(super) fn trace(&mut self, node: usize, what: impl FnOnce() -> String) {
        if let Some(listener) = &mut self.listener {
            let peer = self.nodes[node].identity.peer_id();
            let at = self.now.0.as_secs_f64();
            listener(&format!("{at:>10.3} {node:>2} {peer:?} {}", what()));
        }
    }
}
