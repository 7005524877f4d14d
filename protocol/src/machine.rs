//! The round machine: Join -> Compute -> Collect -> Agree -> Aggregate -> Apply, and again.
//!
//! # Contract
//! - [`RoundMachine::receive`] takes a verified frame, [`RoundMachine::handle`] anything else. Then
//!   poll [`RoundMachine::poll_output`] until `None`, carry the outputs out in order, and call
//!   [`RoundMachine::handle_timeout`] no later than [`RoundMachine::poll_timeout`] says.
//! - Nothing here fails: a peer's fault is an [`Output::Report`], a frame out of place is named by
//!   its [`Reception`].
//! - After `handle_timeout(now)` the next timeout lies after `now`.
//! - Memory is O(peers): headers, seals of at most [`crate::MAX_BODY_BYTES`], inline bodies;
//!   never a payload that does not travel inline.
//! - `Compute`, `Fetch`, `Aggregate`, `Apply` and `FetchState` are each answered by an input; an
//!   answer that came too late is ignored.

mod agree;
mod agreeing;
mod arrivals;
mod choice;
mod collecting;
mod concluding;
mod event;
mod inbox;
mod inputs;
mod inquiry;
mod joining;
mod keeping;
mod log;
mod mutation;
mod phase;
mod pulling;
mod rounds;
mod standing;
mod step;
#[cfg(test)]
pub(crate) mod tests;
mod verdict;
mod view;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

pub use event::{Event, Gradient, Input, Output, Reception, RoundRecord};
#[cfg(feature = "sim")]
pub use mutation::Mutation;
pub use phase::PhaseName;
#[cfg(feature = "sim")]
pub(crate) use step::MISSING_PATIENCE;

use crate::frame::Frame;
use crate::id::{PeerId, Round, RunId, StateId, Time};
use crate::manifest::{MAX_VOUCHED, Manifest};
use crate::message::Message;
use crate::sign::{Identity, Verified};
use crate::spec::{MAX_PEERS, RunSpec};

use arrivals::Arrivals;
use inquiry::Inquiry;
use keeping::Lent;
use log::RoundLog;
use mutation::Mutant;
use phase::{Aggregate, Agree, Collect, Phase};
use standing::Standing;

/// States whose manifests are kept for joiners.
const KEPT_MANIFESTS: usize = MAX_VOUCHED;
/// Rounds whose frames are kept for peers that lag behind: whoever took over a kept state can follow the others from there.
const KEPT_LOGS: usize = KEPT_MANIFESTS;
/// Rounds whose payloads are kept, if these do not travel inside frames.
const KEPT_PAYLOADS: usize = 2;
/// Most peers of which anything is remembered: members, and as many others.
const MAX_KNOWN: usize = 2 * MAX_PEERS as usize;

/// What a node brings to its machine.
#[derive(Debug, Clone)]
pub struct Config {
    /// The node's key.
    pub identity: Identity,
    /// How often the node was started with this key; strictly greater at each start.
    pub start: u32,
    /// The run. Must pass [`RunSpec::check`].
    pub spec: Arc<RunSpec>,
}

/// One node's view of a run. See the head of `machine.rs` for the contract.
#[derive(Debug)]
pub struct RoundMachine {
    config: Config,
    run: RunId,
    me: PeerId,
    phase: Phase,
    /// The state before the current round; `None` in [`Phase::Join`] of a newcomer.
    state: Option<Manifest>,
    manifests: VecDeque<(StateId, Manifest)>,
    log: RoundLog,
    /// Frames of the next round, heard early.
    next_log: RoundLog,
    past_logs: VecDeque<RoundLog>,
    /// Logs of rounds that this node went back from. Their payloads may be the last there are.
    given_up: VecDeque<RoundLog>,
    standing: Standing,
    inquiry: Option<Inquiry>,
    /// Connected peers that did not answer, and how many times in a row.
    silent: BTreeMap<PeerId, u8>,
    /// When those were asked last.
    silent_asked: Time,
    /// No new inquiry on a mere doubt before this time.
    doubt_after: Time,
    arrivals: Arrivals,
    /// How long payloads took, from the close of the headers' window on.
    transfers: Arrivals,
    round_started: Time,
    /// When the headers' window of the round under way closed, and payloads were shown.
    shown_at: Option<Time>,
    /// When more peers than may lie were first seen in the next round.
    left_behind: Option<Time>,
    /// The time of the latest step.
    seen: Time,
    /// Connected peers; false for those that were connected before.
    peers: BTreeMap<PeerId, bool>,
    /// Whom this node accused in the round under way.
    accused: BTreeSet<PeerId>,
    /// Accusations, by offender, that no state takes account of yet.
    proofs: BTreeMap<PeerId, Vec<u8>>,
    /// How often this node went back to a round that it may have spoken in; part of the session,
    /// so that what it says anew does not contradict what it said.
    rewinds: u32,
    joins_said: u32,
    /// The latest request to join of each peer that was granted: when it asked, and which it was.
    spent_joins: BTreeMap<PeerId, (Round, (u64, u32))>,
    /// States that others were told of, from which they may go on.
    lent: VecDeque<Lent>,
    /// When to ask some peer for frames that gossip may have lost.
    pull_at: Time,
    pulls: usize,
    outputs: VecDeque<Output>,
    mutant: Mutant,
}

impl RoundMachine {
    /// A machine that looks for the run's state among its peers.
    ///
    /// `held` are the states that this node brings, by ascending round: the run's
    /// [first](Manifest::first), and checkpoints. With `alone` (a founder) it starts from the latest
    /// at once; otherwise it first asks the peers, and falls back to it if they know nothing better.
    pub fn new(config: Config, held: Vec<Manifest>, alone: bool, now: Time) -> Self {
        let me = config.identity.peer_id();
        let run = config.spec.id();
        let mut machine = Self {
            config,
            run,
            me,
            phase: Phase::Join,
            state: None,
            manifests: VecDeque::new(),
            log: RoundLog::new(Round(0)),
            next_log: RoundLog::new(Round(1)),
            past_logs: VecDeque::new(),
            given_up: VecDeque::new(),
            standing: Standing::default(),
            inquiry: None,
            silent: BTreeMap::new(),
            silent_asked: now,
            doubt_after: now,
            arrivals: Arrivals::default(),
            transfers: Arrivals::default(),
            round_started: now,
            shown_at: None,
            left_behind: None,
            seen: now,
            peers: BTreeMap::new(),
            accused: BTreeSet::new(),
            proofs: BTreeMap::new(),
            rewinds: 0,
            joins_said: 0,
            spent_joins: BTreeMap::new(),
            lent: VecDeque::new(),
            pull_at: now,
            pulls: 0,
            outputs: VecDeque::new(),
            mutant: Mutant::default(),
        };
        machine.state = held.last().cloned();
        for manifest in held {
            machine.standing.record(manifest.round, manifest.id());
            machine.keep(manifest);
        }
        match machine.state.clone() {
            Some(manifest) if alone => machine.adopt(manifest, 0, now),
            _ => machine.inquire(now),
        }
        machine.step(now);
        machine
    }

    /// Breaks the machine from now on, so that a test can see whether that is noticed.
    #[cfg(feature = "sim")]
    pub const fn mutate(&mut self, mutation: Option<Mutation>) {
        self.mutant = Mutant::new(mutation);
    }

    /// The next effect to carry out.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`RoundMachine::handle_timeout`] at the latest.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.next_deadline()
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Time) {
        self.tick(now);
        self.step(now);
    }

    /// Feeds one input.
    pub fn handle(&mut self, input: Input, now: Time) {
        self.take(input, now);
        self.step(now);
    }

    /// Feeds one frame and says what became of it.
    pub fn receive(&mut self, frame: Verified<Frame>, now: Time) -> Reception {
        let reception = self.put(frame, now);
        if matches!(reception, Reception::Fresh | Reception::Late) {
            self.step(now);
        }
        reception
    }

    fn sign(&self, message: Message, body: Arc<[u8]>) -> Verified<Frame> {
        let session = self.session();
        Frame::sign(
            &self.config.identity,
            self.run,
            session,
            self.log.round,
            message,
            body,
        )
    }

    fn session(&self) -> u64 {
        u64::from(self.config.start) << 32 | u64::from(self.rewinds)
    }

    fn emit(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    fn notify(&mut self, event: Event) {
        self.emit(Output::Notify(event));
    }

    /// Whether payloads are too long to travel inline.
    fn pulls(&self) -> bool {
        self.config.spec.pulls()
    }

    /// Peers that may lie about anything.
    fn liars(&self) -> usize {
        usize::from(self.config.spec.max_byzantine)
    }

    fn roster(&self) -> &[PeerId] {
        self.state.as_ref().map_or(&[], |state| &state.roster)
    }

    fn keep(&mut self, manifest: Manifest) {
        if self.manifests.len() == KEPT_MANIFESTS {
            self.manifests.pop_front();
        }
        self.manifests.push_back((manifest.id(), manifest));
    }
}
