//! Who did what: the nodes' events, kept as one row per node. Pure bookkeeping.

use std::collections::BTreeMap;

use super::event::{LeftEvent, NodeEvent, RoundEvent};
use super::plan::{Plan, Role, name};

/// The verdict of the rule on a contribution that it left out.
const DROPPED: &str = "dropped";
/// The verdict on a contribution that went into the update.
const KEPT: &str = "kept";

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not started yet.
    Absent,
    /// Started, and not in the run.
    Joining,
    Training,
    /// Done, or said goodbye.
    Left,
    Killed,
}

impl State {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Absent => "not started",
            Self::Joining => "joining",
            Self::Training => "training",
            Self::Left => "left",
            Self::Killed => "killed",
        }
    }
}

/// What is known of a node.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) state: State,
    peer: Option<String>,
    /// The last round that it finished.
    pub(super) round: Option<u64>,
    pub(super) loss: Option<f64>,
    pub(super) accuracy: Option<f64>,
    pub(super) roster: Option<u64>,
    /// The model after its last round.
    pub(super) model: Option<String>,
    /// What the others made of its last contribution.
    pub(super) verdict: Option<String>,
    /// Times that the rule dropped its contribution.
    pub(super) dropped: u64,
    /// Whether the last round had its contribution.
    contributed: bool,
    /// The first round that had its contribution, kept or dropped by the rule.
    pub(super) counted_from: Option<u64>,
    pub(super) rounds_lost: u64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
}

impl Row {
    fn new(node: usize, role: Role) -> Self {
        Self {
            name: name(node),
            role,
            state: State::Absent,
            peer: None,
            round: None,
            loss: None,
            accuracy: None,
            roster: None,
            model: None,
            verdict: None,
            dropped: 0,
            contributed: false,
            counted_from: None,
            rounds_lost: 0,
            bytes_sent: 0,
            bytes_received: 0,
        }
    }

    fn is_alive(&self) -> bool {
        matches!(self.state, State::Joining | State::Training)
    }
}

/// All nodes.
#[derive(Debug, Clone)]
pub(super) struct Board {
    pub(super) rows: Vec<Row>,
    /// Rounds that the rule was applied in.
    pub(super) applied: u64,
    /// The last round of which the verdicts are in.
    judged: Option<RoundEvent>,
    /// Nodes by peer id.
    peers: BTreeMap<String, usize>,
}

impl Board {
    pub(super) fn new(plan: &Plan) -> Self {
        let rows = (0..plan.all())
            .map(|node| Row::new(node, plan.role(node)))
            .collect();
        Self {
            rows,
            applied: 0,
            judged: None,
            peers: BTreeMap::new(),
        }
    }

    /// A node's process was started.
    pub(super) fn started(&mut self, node: usize) {
        self.rows[node].state = State::Joining;
    }

    /// A node was killed.
    pub(super) fn killed(&mut self, node: usize) {
        self.rows[node].state = State::Killed;
    }

    /// Takes note; true when the event ended a round that was not heard of before.
    pub(super) fn note(&mut self, node: usize, event: NodeEvent) -> bool {
        let row = &mut self.rows[node];
        if row.state == State::Killed {
            // Said before its death, heard after.
            return false;
        }
        match event {
            NodeEvent::Ready { peer, .. } => {
                self.peers.insert(peer.clone(), node);
                row.peer = Some(peer);
            }
            NodeEvent::Joined { roster } => {
                row.roster = Some(roster);
                row.state = State::Training;
            }
            NodeEvent::Round(event) => {
                row.finished(&event);
                let news = self
                    .judged
                    .as_ref()
                    .is_none_or(|judged| event.round > judged.round);
                if news && row.role.is_honest() {
                    self.judge(event);
                    return true;
                }
            }
            NodeEvent::Left(event) => row.left(&event),
            NodeEvent::Other => {}
        }
        false
    }

    fn judge(&mut self, event: RoundEvent) {
        self.applied += u64::from(event.applied);
        self.rows.iter_mut().for_each(|row| row.contributed = false);
        for (peer, verdict) in &event.verdicts {
            let Some(node) = self.peers.get(peer) else {
                continue;
            };
            let row = &mut self.rows[*node];
            row.dropped += u64::from(verdict == DROPPED);
            row.contributed = [KEPT, DROPPED].contains(&verdict.as_str());
            if row.contributed {
                row.counted_from.get_or_insert(event.round);
            }
            row.verdict = Some(verdict.clone());
        }
        self.judged = Some(event);
    }

    /// The last round that ended, as the first honest node to tell saw it.
    pub(super) fn last_round(&self) -> Option<&RoundEvent> {
        self.judged.as_ref()
    }

    /// The peers of the last round that were not kept, by name, with the verdict.
    pub(super) fn not_kept(&self) -> impl Iterator<Item = (String, &str)> {
        let verdicts = self.judged.iter().flat_map(|round| &round.verdicts);
        let others = verdicts.filter(|(_, verdict)| *verdict != KEPT);
        others.map(|(peer, verdict)| {
            let name = self
                .peers
                .get(peer)
                .map_or_else(|| peer.clone(), |node| name(*node));
            (name, verdict.as_str())
        })
    }

    /// Whether each honest node that lives contributed to the last round, so that the others can
    /// spare one.
    pub(super) fn all_took_part(&self) -> bool {
        let honest = self
            .rows
            .iter()
            .filter(|row| row.role.is_honest() && row.is_alive());
        self.judged.is_some() && honest.into_iter().all(|row| row.contributed)
    }

    /// A node that lives and can be joined: honest, and the one that trained longest.
    pub(super) fn door(&self) -> Option<usize> {
        let alive = self
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.is_alive());
        let honest = alive.filter(|(_, row)| row.role.is_honest() && row.round.is_some());
        honest
            .max_by_key(|(node, row)| (row.round, usize::MAX - node))
            .map(|(node, _)| node)
    }

    /// The honest nodes that were not killed.
    pub(super) fn survivors(&self) -> impl Iterator<Item = &Row> {
        let here = |row: &&Row| row.state != State::Killed && row.state != State::Absent;
        self.rows
            .iter()
            .filter(|row| row.role.is_honest())
            .filter(here)
    }
}

impl Row {
    fn finished(&mut self, event: &RoundEvent) {
        self.state = State::Training;
        self.round = Some(event.round);
        self.loss = event.loss;
        self.accuracy = event.accuracy.or(self.accuracy);
        self.roster = Some(event.roster);
        self.model.clone_from(&event.model);
        self.bytes_sent = event.bytes_sent;
        self.bytes_received = event.bytes_received;
    }

    fn left(&mut self, event: &LeftEvent) {
        self.state = State::Left;
        self.rounds_lost = event.rounds_lost;
        self.bytes_sent = event.bytes_sent;
        self.bytes_received = event.bytes_received;
    }
}
