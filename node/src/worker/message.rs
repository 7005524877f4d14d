//! What goes to the worker and what comes from it: data, known to all who talk to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use spirt_aggregation::Verdict;
use spirt_protocol::{Digest, PeerId, Round};
use spirt_training::Evaluation;
use tokio::sync::oneshot;

use crate::blobs::{Hashed, Packed};

/// What the worker is asked to do.
#[derive(Debug)]
pub enum Task {
    /// Train on this node's shard among the roster.
    Compute(u64, Round, Vec<PeerId>),
    /// Run the rule over these payloads, by ascending author. They are of the right length and finite.
    Aggregate(u64, Round, Vec<Row>),
    /// Do what can be done of this before a set is agreed on.
    Early(Early),
    /// Run the rule over some chunks of the payloads.
    Sum(Sum),
    /// Go on with this aggregate, of a set that gave these verdicts: parts of it were made elsewhere.
    Assemble(u64, Round, Packed, BTreeMap<PeerId, Verdict>),
    /// Apply the latest aggregate, if there is to be an update.
    Apply(u64, Round, bool),
    /// Go on from this model.
    Load(Packed),
}

/// A contribution that is here.
#[derive(Debug)]
pub struct Row {
    /// Whose it is.
    pub author: PeerId,
    /// What names it.
    pub root: Digest,
    /// Its bytes.
    pub pieces: Vec<Bytes>,
}

/// Some chunks of payloads in single precision that will probably be aggregated.
#[derive(Debug)]
pub struct Early {
    /// The payloads, by ascending author.
    pub set: Arc<[(PeerId, Digest)]>,
    /// Of each chunk its index and its rows.
    pub chunks: Vec<(u32, Vec<Bytes>)>,
    /// Told when that is done; dropped if it cannot be.
    pub done: oneshot::Sender<()>,
}

/// Some chunks to aggregate, each of as many values in single precision on every row.
#[derive(Debug)]
pub struct Sum {
    /// Of each chunk its rows, by ascending author.
    pub chunks: Vec<Vec<Bytes>>,
    /// Where the result goes.
    pub done: oneshot::Sender<Summed>,
}

/// What the rule made of some chunks.
#[derive(Debug)]
pub struct Summed {
    /// Of each chunk the aggregate, in single precision.
    pub chunks: Vec<Hashed>,
    /// What it made of each row, as far as these chunks show.
    pub verdicts: Vec<Verdict>,
}

/// What the worker did.
#[derive(Debug)]
pub enum Done {
    /// Answers [`Task::Compute`].
    Computed {
        /// The task's epoch.
        epoch: u64,
        /// The round.
        round: Round,
        /// The vector.
        payload: Packed,
        /// Samples drawn.
        samples: u64,
        /// Mean training loss.
        loss: f32,
    },
    /// Answers [`Task::Aggregate`].
    Aggregated {
        /// The task's epoch.
        epoch: u64,
        /// The round.
        round: Round,
        /// What the rule made of each contribution.
        verdicts: BTreeMap<PeerId, Verdict>,
    },
    /// Answers [`Task::Apply`].
    Applied {
        /// The task's epoch.
        epoch: u64,
        /// The round.
        round: Round,
        /// The model after it.
        model: Packed,
        /// How good it is on held-out samples, when that was looked at.
        evaluation: Option<Evaluation>,
    },
    /// A task failed; the model is as it was.
    Failed {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        error: String,
    },
}
