//! The interpreter: the one place that turns the machine's outputs into effects, and the results
//! of effects into the machine's inputs.
//!
//! A single loop. It never waits for a peer, the disk or the arithmetic: those run in tasks and in
//! the worker's thread, and answer through channels.

mod blame;
mod copies;
mod effects;
mod network;
mod parts;
mod payloads;
mod report;
mod results;
mod saving;
mod serve;
mod wiring;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use spirt_protocol::{
    Digest, Input, Manifest, PeerId, Reception, Round, RoundMachine, StateId, Time,
};
use tokio::task::{AbortHandle, JoinSet};

use crate::blobs::{Blob, Packed};
use crate::conduct::{Conduct, Sanction};
use crate::control::ControlRequest;
use crate::job::Job;
use crate::latest::Latest;
use crate::parts::{Gathered, Polls, Share};
use crate::peer;
use crate::swarm::Handle;
use crate::transfer::{Account, Offences, TransferError};

use payloads::Payloads;
pub use report::Report;
pub use wiring::{Bounds, Ending, Wiring};

/// Frames that could not be published yet, because nobody had subscribed; beyond that the oldest are lost.
const MAX_UNSENT: usize = 64;
/// How often publishing them is tried again.
const RETRY: Duration = Duration::from_millis(250);
/// Sanctions that were not carried out yet; beyond that the oldest is lost.
const MAX_SANCTIONS: usize = 256;
/// How long a finished node stays for those that still need its last frames.
const LINGER: Duration = Duration::from_secs(3);
/// How long a node that was asked to stop waits for the end of the round.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// What a task brings back.
enum Fetched {
    Frames(Vec<Vec<u8>>, PeerId),
    Payload(Arc<Blob>, Result<(), TransferError>, Offences),
    Aggregate(u64, Round, Option<Gathered>, Offences),
    State(StateId, Option<Box<(Manifest, Packed)>>, Account, Duration),
    Saved,
}

/// The loop's state.
pub struct Driver {
    job: Job,
    machine: RoundMachine,
    wiring: Wiring,
    bounds: Bounds,
    started: Instant,
    tasks: JoinSet<Fetched>,
    saving: bool,
    unsent: Latest<(Round, Vec<u8>), MAX_UNSENT>,
    /// Counts the states that were taken over; the worker's answers for earlier ones are void.
    epoch: u64,
    /// The model before the round under way; a newcomer has none yet.
    model: Option<Packed>,
    /// The own payload that is not shown yet.
    held_back: Option<(Round, Digest)>,
    /// Those of the round under way.
    payloads: Payloads,
    /// How the members share the work of the round under way, if they do.
    share: Option<Share>,
    /// What the others are asked of its payloads.
    polls: Polls,
    /// The aggregate that is being gathered.
    gathering: Option<AbortHandle>,
    /// Payloads of the latest set that was gathered: others may still compute parts of it anew.
    behind: Vec<Digest>,
    /// The model that a newcomer is in the middle of fetching, though it is no longer the current one.
    lent: Option<Digest>,
    report: Report,
    receptions: BTreeMap<Reception, u64>,
    conduct: Conduct,
    /// Not carried out yet.
    sanctions: Latest<(PeerId, Sanction), MAX_SANCTIONS>,
    stopping: Option<Instant>,
    ending: Option<(Ending, Instant)>,
    last_progress: Instant,
    /// The peers whose addresses were last written down.
    remembered: BTreeSet<libp2p::PeerId>,
}

impl Driver {
    /// A loop over a machine that has just been made, with the model of its state, if it has one.
    pub fn new(
        job: Job,
        machine: RoundMachine,
        model: Option<Packed>,
        wiring: Wiring,
        bounds: Bounds,
        started: Instant,
        report: Report,
    ) -> Self {
        Self {
            job,
            machine,
            wiring,
            bounds,
            started,
            tasks: JoinSet::new(),
            saving: false,
            unsent: Latest::default(),
            epoch: 0,
            model,
            held_back: None,
            payloads: Payloads::default(),
            share: None,
            polls: Polls::default(),
            gathering: None,
            behind: Vec::new(),
            lent: None,
            report,
            receptions: BTreeMap::new(),
            conduct: Conduct::default(),
            sanctions: Latest::default(),
            stopping: None,
            ending: None,
            last_progress: started,
            remembered: BTreeSet::new(),
        }
    }

    pub(super) fn now(&self) -> Time {
        Time(self.started.elapsed())
    }

    /// Runs until the node's part is over, and says why. The goodbye is published and the last
    /// checkpoint saved by then; the swarm still runs.
    pub async fn run(mut self) -> (Ending, Report, Handle) {
        let connected = self.wiring.swarm.peers();
        for peer in connected.iter().filter_map(peer::from_libp2p) {
            self.feed(Input::PeerUp(peer));
        }
        let ending = loop {
            self.unmask();
            self.carry_out().await;
            self.carry_out_sanctions().await;
            if let Some(ending) = self.over() {
                break ending;
            }
            self.wait().await;
        };
        if self.machine.phase() != spirt_protocol::PhaseName::Left {
            self.feed(Input::Leave);
            self.carry_out().await;
        }
        self.save_last();
        (ending, self.report, self.wiring.swarm)
    }

    pub(super) fn feed(&mut self, input: Input) {
        let now = self.now();
        self.machine.handle(input, now);
    }

    /// Waits for one thing to happen, and takes it in.
    async fn wait(&mut self) {
        let due = self.next_due();
        tokio::select! {
            event = self.wiring.events.recv() => match event {
                Some(event) => self.on_event(event).await,
                None => self.end(Ending::RunLost),
            },
            Some(done) = self.wiring.answers.recv() => {
                if let Some(done) = self.wiring.mask.hold(done) {
                    self.on_done(done);
                }
            }
            Some(fetched) = self.tasks.join_next() => {
                // A task that panicked has nothing to say; what it fetched is asked for again.
                if let Ok(fetched) = fetched {
                    self.on_fetched(fetched);
                }
            }
            Some(request) = self.wiring.control.recv() => self.on_control(request),
            Some(()) = self.wiring.signals.recv() => self.end(Ending::Stopped),
            () = tokio::time::sleep_until(due.into()) => {
                let now = self.now();
                self.machine.handle_timeout(now);
                self.review_conduct();
                self.publish_unsent().await;
                self.remember_peers().await;
            }
        }
    }

    /// Says what a liar kept back, once it is time.
    fn unmask(&mut self) {
        let (machine, blobs) = (&self.machine, &self.wiring.blobs);
        if let Some(done) = self.wiring.mask.release(machine, blobs) {
            self.on_done(done);
        }
    }

    /// When to look again at the latest.
    fn next_due(&self) -> Instant {
        let machine = self
            .machine
            .poll_timeout()
            .map(|Time(since)| self.started + since);
        let retry = (!self.unsent.is_empty()).then(|| Instant::now() + RETRY);
        let ending = self.ending.map(|(_, at)| at);
        let mask = self.wiring.mask.due();
        let stop = self.stopping.map(|since| since + STOP_PATIENCE);
        let lost = Some(self.last_progress + self.bounds.patience);
        let tick = Some(Instant::now() + Duration::from_secs(1));
        [
            machine,
            retry,
            ending,
            mask,
            stop,
            lost,
            self.bounds.lease_end,
            tick,
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or_else(Instant::now)
    }

    /// Whether, and why, the node's part is over.
    fn over(&mut self) -> Option<Ending> {
        let now = Instant::now();
        if self.bounds.lease_end.is_some_and(|end| now >= end) {
            self.end(Ending::LeaseOver);
        }
        if self
            .stopping
            .is_some_and(|since| now >= since + STOP_PATIENCE)
        {
            self.end(Ending::Stopped);
        }
        let begun = self.report.rounds_applied > 0;
        if begun && self.ending.is_none() && now >= self.last_progress + self.bounds.patience {
            self.end(Ending::RunLost);
        }
        let alone = self.wiring.swarm.peers().is_empty();
        self.ending
            .filter(|(_, at)| now >= *at || alone)
            .map(|(ending, _)| ending)
    }

    /// Decides to end: at once, or after those who need this node have had their time.
    pub(super) fn end(&mut self, ending: Ending) {
        let now = Instant::now();
        let at = if ending == Ending::Complete {
            now + LINGER
        } else {
            now
        };
        match self.ending {
            Some((_, sooner)) if sooner <= at => {}
            _ => self.ending = Some((ending, at)),
        }
    }

    fn on_control(&mut self, request: ControlRequest) {
        match request {
            ControlRequest::Status { reply } => {
                // Whoever asked may be gone.
                let _ = reply.send(self.status());
            }
            ControlRequest::Stop { now, reply } => {
                let _ = reply.send(());
                let idle = self.machine.state().is_none() || !self.machine.is_member();
                if now || idle {
                    self.end(Ending::Stopped);
                } else {
                    self.stopping.get_or_insert_with(Instant::now);
                }
            }
        }
    }

    /// The round that is about to start or under way.
    fn round(&self) -> Round {
        self.machine.round()
    }
}
