//! What a driver is given, and how it ends.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::attack::Mask;
use crate::blobs::Blobs;
use crate::control::ControlRequest;
use crate::datadir::DataDir;
use crate::output::Output as Printer;
use crate::swarm::{EventStream, Handle};
use crate::transfer::Transfers;
use crate::worker::Worker;
use crate::worker::message::Done;

/// How the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The last round of the run is done.
    Complete,
    /// A signal or the control socket asked for it.
    Stopped,
    /// The node did as many rounds as it was asked for.
    RoundsDone,
    /// The node's lease is over.
    LeaseOver,
    /// No round ended for longer than the operator's patience.
    RunLost,
}

/// What bounds a node's part in the run.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Leave after so many rounds.
    pub rounds: Option<u64>,
    /// Leave at this time.
    pub lease_end: Option<Instant>,
    /// Give up when no round ends for so long, once one did.
    pub patience: Duration,
    /// Save a checkpoint every so many rounds.
    pub checkpoint_every: Option<u64>,
}

/// Everything that the loop talks to.
pub struct Wiring {
    /// The network.
    pub swarm: Handle,
    /// What brings blobs through it.
    pub transfers: Transfers,
    /// What comes from it.
    pub events: EventStream,
    /// The arithmetic.
    pub worker: Worker,
    /// Its answers.
    pub answers: mpsc::Receiver<Done>,
    /// Requests of the operator.
    pub control: mpsc::Receiver<ControlRequest>,
    /// Signals of the operating system.
    pub signals: mpsc::Receiver<()>,
    /// What is held and served.
    pub blobs: Blobs,
    /// Where checkpoints go.
    pub data_dir: DataDir,
    /// Where lines for people and programs go.
    pub printer: Printer,
    /// What bends all that goes out, if the node lies.
    pub mask: Mask,
}
