//! What the loop tells people and programs: a line per round, the status, the joining.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use spirt_aggregation::Verdict;
use spirt_protocol::{Digest, Offence, PeerId, PhaseName, Round, RoundMachine, RoundRecord, RunId};
use spirt_training::Evaluation;

use super::Driver;
use super::copies::Copies;
use crate::blobs::Packed;
use crate::child::memory_bytes;
use crate::control::{NodeState, STATUS_SCHEMA_VERSION, Status, join_command};
use crate::output::{Joined, Ready, RoundReport, StateFetched};

/// What was seen so far, as far as somebody may ask for it.
#[derive(Debug)]
pub struct Report {
    me: PeerId,
    run: RunId,
    /// Addresses listened on.
    pub listen: Vec<Multiaddr>,
    /// What others type to join.
    pub join: Option<Multiaddr>,
    /// Rounds whose update this process applied.
    pub rounds_applied: u64,
    /// Rounds that ended without an update though enough peers were on the roster.
    pub rounds_lost: u64,
    /// Loss of the node's own latest training.
    pub own_loss: Option<f64>,
    /// Whether the round waits for peers.
    pub waiting: bool,
    accuracy: Option<f64>,
    round: u64,
    roster: usize,
    member: bool,
    round_began: Instant,
    update: bool,
    verdicts: BTreeMap<PeerId, String>,
    /// What the round's contributions are compared with.
    pub(super) heard: Copies,
    copies: BTreeMap<PeerId, PeerId>,
    last: BTreeMap<String, String>,
    /// How the state came that was fetched last, until it is told.
    fetched: Option<StateFetched>,
}

impl Report {
    /// Nothing seen yet, but where the node can be reached.
    pub fn new(me: PeerId, run: RunId, ready: Ready) -> Self {
        Self {
            me,
            run,
            listen: ready.listen,
            join: ready.join,
            rounds_applied: 0,
            rounds_lost: 0,
            own_loss: None,
            waiting: false,
            accuracy: None,
            round: 0,
            roster: 0,
            member: false,
            round_began: Instant::now(),
            update: false,
            verdicts: BTreeMap::new(),
            heard: Copies::default(),
            copies: BTreeMap::new(),
            last: BTreeMap::new(),
            fetched: None,
        }
    }

    pub(super) fn started(&mut self, round: Round, roster: usize, member: bool) {
        self.round = round.0;
        self.roster = roster;
        self.member = member;
        self.waiting = false;
        self.heard.started(round);
        self.copies.clear();
        self.round_began = Instant::now();
    }

    /// The round under way.
    pub const fn round(&self) -> u64 {
        self.round
    }

    pub(super) fn late(&mut self, author: PeerId, _round: Round) {
        self.verdicts.insert(author, "late".into());
    }

    pub(super) fn offence(&mut self, peer: PeerId, offence: Offence) {
        self.verdicts.insert(peer, offence.name().into());
    }

    /// What is aggregated: tells what of it are copies.
    pub(super) fn compare(&mut self, round: Round, contributions: &[(PeerId, Digest)]) {
        self.copies = self.heard.among(round, contributions);
    }

    pub(super) fn agreed(&mut self, record: RoundRecord, quorum: usize) {
        self.update = record.update;
        let roster = record.contributors.len() + record.absent.len();
        if !record.update && roster >= quorum {
            self.rounds_lost += 1;
        }
        for peer in record.absent {
            self.verdicts.entry(peer).or_insert_with(|| "absent".into());
        }
        let named = [
            ("kept", record.contributors),
            ("left", record.left),
            ("banned", record.banned),
        ];
        for (verdict, peers) in named {
            self.verdicts
                .extend(peers.into_iter().map(|peer| (peer, verdict.into())));
        }
    }

    pub(super) fn ruled(&mut self, _round: Round, verdicts: &BTreeMap<PeerId, Verdict>) {
        let dropped = verdicts
            .iter()
            .filter(|(_, verdict)| **verdict == Verdict::Dropped);
        self.verdicts
            .extend(dropped.map(|(peer, _)| (*peer, "dropped".into())));
    }

    /// The line of a round whose result is applied; who prints it adds the traffic.
    pub(super) fn round_line(
        &mut self,
        round: Round,
        model: Digest,
        losses: &[f32],
        evaluation: Option<Evaluation>,
    ) -> RoundReport {
        if self.update {
            self.rounds_applied += 1;
        }
        let accuracy = evaluation.map(|evaluation| f64::from(evaluation.accuracy));
        self.accuracy = accuracy.or(self.accuracy);
        let verdicts = std::mem::take(&mut self.verdicts);
        self.last = verdicts
            .into_iter()
            .map(|(peer, verdict)| (peer.to_string(), verdict))
            .collect();
        let copies = std::mem::take(&mut self.copies).into_iter();
        let copies = copies.map(|(peer, of)| (peer.to_string(), of.to_string()));
        RoundReport {
            round: round.0,
            applied: self.update,
            loss: median(losses),
            accuracy,
            roster: self.last.len() as u64,
            verdicts: self.last.clone(),
            copies: copies.collect(),
            model: Some(model.to_string()),
            keepers: None,
            bytes_sent: 0,
            bytes_received: 0,
            took: self.round_began.elapsed(),
        }
    }

    /// A state came from others.
    pub(super) fn fetched(
        &mut self,
        model: &Packed,
        brought: &BTreeMap<PeerId, u64>,
        again: u64,
        took: Duration,
    ) {
        let named = |(peer, bytes): (&PeerId, &u64)| (peer.to_string(), *bytes);
        self.fetched = Some(StateFetched {
            bytes: model.length(),
            chunks: model.blob().count().into(),
            again,
            sources: brought.iter().map(named).collect(),
            took,
        });
    }

    pub(super) fn joined(&mut self, round: Round, machine: &RoundMachine) -> Joined {
        let state = machine.state();
        Joined {
            run: self.run.to_string(),
            round: round.0,
            roster: state.map_or(0, |state| state.roster.len() as u64),
            model: state.map(|state| state.model.to_string()),
            fetched: self.fetched.take(),
        }
    }
}

impl Driver {
    /// What the node says about itself.
    pub(super) fn status(&self) -> Status {
        let (report, traffic) = (&self.report, self.wiring.swarm.traffic());
        let has_state = self.machine.state().is_some() && report.rounds_applied > 0
            || self.machine.phase() != PhaseName::Join;
        Status {
            schema_version: STATUS_SCHEMA_VERSION,
            state: self.node_state(),
            peer: report.me.to_string(),
            run: Some(report.run.to_string()),
            round: self.machine.round().0,
            phase: phase_name(self.machine.phase()).into(),
            roster: self
                .machine
                .state()
                .map_or(0, |state| state.roster.len() as u64),
            peers_connected: self.wiring.swarm.peers().len() as u64,
            loss: report.own_loss,
            accuracy: report.accuracy,
            model: self
                .model
                .as_ref()
                .filter(|_| has_state)
                .map(|model| model.root().to_string()),
            rounds_applied: report.rounds_applied,
            rounds_lost: report.rounds_lost,
            bytes_sent: traffic.sent,
            bytes_received: traffic.received,
            listen: report.listen.iter().map(ToString::to_string).collect(),
            join: report.join.as_ref().map(join_command),
            last_round: report.last.clone(),
            uptime_seconds: self.started.elapsed().as_secs_f64(),
            rss_bytes: memory_bytes("self", "VmRSS:"),
        }
    }

    fn node_state(&self) -> NodeState {
        match self.machine.phase() {
            _ if self.stopping.is_some() => NodeState::Stopping,
            PhaseName::Done | PhaseName::Left => NodeState::Done,
            PhaseName::Join => NodeState::Joining,
            _ if self.report.waiting => NodeState::Waiting,
            _ if self.machine.is_member() => NodeState::Training,
            _ => NodeState::CatchingUp,
        }
    }
}

const fn phase_name(phase: PhaseName) -> &'static str {
    match phase {
        PhaseName::Join => "join",
        PhaseName::Compute => "compute",
        PhaseName::Collect => "collect",
        PhaseName::Agree => "agree",
        PhaseName::Aggregate => "aggregate",
        PhaseName::Apply => "apply",
        PhaseName::Done => "done",
        PhaseName::Left => "left",
    }
}

/// The middle value: peers may claim any loss, fewer than half of them cannot move it far.
fn median(losses: &[f32]) -> Option<f64> {
    let mut losses = losses.to_vec();
    losses.sort_by(f32::total_cmp);
    losses.get(losses.len() / 2).map(|loss| f64::from(*loss))
}
