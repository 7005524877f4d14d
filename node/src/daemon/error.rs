//! Why a node could not start, join or go on, and what to do about it.

use std::io;

use crate::checkpoint::CheckpointError;
use crate::control::ControlError;
use crate::datadir::DataDirError;
use crate::identity::IdentityError;
use crate::job::JobError;
use crate::model_state::ModelStateError;
use crate::swarm::{JoinError, StartError};

/// Why a node could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The data dir cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The key cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The key is not ed25519.
    #[error("the identity is not an ed25519 key")]
    ForeignKey,
    /// The attack is unknown.
    #[error("cannot play this attack: {0}")]
    Attack(String),
    /// The control socket cannot be used.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint holds a model that is not of its run.
    #[error("the checkpoint of round {round} does not fit the run")]
    Model {
        /// The round.
        round: u64,
        /// Why not.
        source: ModelStateError,
    },
    /// The run's specification makes no job here.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The data dir remembers another run.
    #[error("the data dir belongs to run {ours}, the peers train run {theirs}")]
    OtherRun {
        /// The run in the data dir.
        ours: String,
        /// The run of the peers.
        theirs: String,
    },
    /// The peers do not train the run that was asked for.
    #[error("the peers do not train run {wanted}")]
    NoSuchRun {
        /// The run that was asked for.
        wanted: String,
    },
    /// The remembered specification cannot be read.
    #[error("the run specification in {} cannot be read", path.display())]
    Spec {
        /// The file.
        path: std::path::PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The network cannot be opened.
    #[error(transparent)]
    Network(#[from] StartError),
    /// None of the addresses could be listened on.
    #[error("no address could be listened on")]
    NotListening,
    /// The run's topic cannot be joined.
    #[error("cannot join the run's topic")]
    Join(#[source] JoinError),
    /// The peers speak another version of the wire format.
    #[error("{peer} speaks wire version {version}, this build speaks {ours}")]
    OtherVersion {
        /// One of them.
        peer: libp2p::PeerId,
        /// Its version.
        version: u16,
        /// That of this node.
        ours: u16,
    },
    /// Nobody answered in time.
    #[error("could not join within {timeout:?}: {last}")]
    NotJoined {
        /// How long it was tried.
        timeout: std::time::Duration,
        /// What went wrong last.
        last: String,
    },
    /// No round ended for longer than the operator's patience.
    #[error("no round ended for longer than --patience")]
    RunLost,
    /// The operating system gives no threads or signals.
    #[error("cannot start")]
    Runtime(#[source] io::Error),
    /// There is no state to start from. Must not happen.
    #[error("there is no state to start from")]
    NoState,
}
