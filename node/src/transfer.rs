//! The transfer engine: whole blobs from peers, chunk by chunk, from whoever has them.
//!
//! A blob's first source is its origin (or several holders of a state at once). A window of chunks is asked of each source
//! at a time; a chunk that comes is hashed off the event loops and can be had from us at once. A source whose measured
//! progress stalls (`pace`) is not waited for: what it owes is asked of the next one. Whoever sends a wrong chunk is named
//! and asked no more. What came stays, so that a later attempt goes on where this one ended.
//!
//! Memory: chunks come into buffers that are used again; what is asked for and not here yet is bounded per source and in
//! all. Owns no policy on what to fetch, and knows nothing of rounds.

mod chunk;
mod gate;
mod pace;
mod run;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spirt_protocol::{Offence, PeerId};
use tokio::sync::{Notify, Semaphore, watch};

use crate::blobs::{Blob, Packed};
use crate::swarm::Handle;
use gate::Gate;
use pace::Pace;

/// Bytes asked of one source for one blob and not here yet, at most; how many it is, `pace` learns.
const WINDOW_BYTES: usize = 2 * 1024 * 1024;
/// Fewest and most chunks of such a window.
const WINDOW_CHUNKS: (usize, usize) = (2, 8);
/// Bytes asked of all peers and not here yet, in KiB.
const BUDGET_KIB: usize = 48 * 1024;

/// Who sent what no honest peer sends.
pub type Offences = Vec<(PeerId, Offence)>;

/// Fetches blobs. Cheap to clone; all clones share what they measured and what they may hold.
#[derive(Debug, Clone)]
pub struct Transfers {
    swarm: Handle,
    pace: Arc<Mutex<Pace>>,
    budget: Arc<Semaphore>,
    /// Where this node begins in a blob: elsewhere than others, so that what one lacks another has.
    turn: u32,
    landed: Arc<Notify>,
    gate: Gate,
}

/// What a blob's bytes must be, beside those that were announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Whatever the list names.
    Any,
    /// Finite values, little-endian binary32.
    FiniteF32,
}

/// A peer that may have a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its name.
    pub peer: PeerId,
    /// The chunks that it may have; `None`: all.
    pub chunks: Option<Arc<BTreeSet<u32>>>,
}

impl From<PeerId> for Holder {
    /// One that may have all of it.
    fn from(peer: PeerId) -> Self {
        Self { peer, chunks: None }
    }
}

/// How to go about a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// Sources asked from the start; the others when these stall.
    pub breadth: usize,
    /// Whether peers that connect meanwhile are sources too.
    pub widens: bool,
    /// What the bytes must be.
    pub content: Content,
}

/// What a transfer took, and who did what.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Bytes that each peer brought, counted once.
    pub brought: BTreeMap<PeerId, u64>,
    /// Bytes that had to be asked for once more: of what came in vain, wrong, or not at all.
    pub again: u64,
    /// Who sent what is wrong.
    pub offences: Offences,
}

/// Why a blob is not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// No source has the rest. What came is kept.
    #[error("no peer has all of it")]
    Missing,
    /// The bytes are those announced, and break the run's specification: the author is at fault.
    #[error("it holds a value that is not finite")]
    Bad,
}

impl Transfers {
    /// For a node's swarm.
    pub fn new(swarm: Handle) -> Self {
        let name = swarm.local_peer().to_bytes();
        let turn = blake3::hash(&name);
        let turn = u32::from_le_bytes([0, 1, 2, 3].map(|i: usize| turn.as_bytes()[i]));
        Self {
            swarm,
            pace: Arc::default(),
            budget: Arc::new(Semaphore::new(BUDGET_KIB)),
            turn,
            landed: Arc::default(),
            gate: Gate::default(),
        }
    }

    /// The same, where sources may keep back what they have until `closed` is true, or its sender gone. They are asked
    /// before, and not judged for it.
    pub fn behind(&self, closed: watch::Receiver<bool>) -> Self {
        Self {
            gate: Gate(Some(closed)),
            ..self.clone()
        }
    }

    /// Ends when sources may show what they have.
    pub async fn may_be_shown(&self) {
        self.gate.clone().open().await;
    }

    /// Ends when a chunk came after this call, of any blob.
    pub fn landed(&self) -> impl Future<Output = ()> + use<> {
        Arc::clone(&self.landed).notified_owned()
    }

    /// The swarm that blobs come through.
    pub fn swarm(&self) -> &Handle {
        &self.swarm
    }

    /// Gets what is missing of a blob from `sources`, the first ones first. Ends when it is whole, or when no source
    /// has the rest.
    ///
    /// # Errors
    /// As [`TransferError`] says. What happened is added to `account` in either case.
    ///
    /// # Cancel safety
    /// What came stays in the blob; what was asked for is given up.
    pub async fn fetch(
        &self,
        blob: Arc<Blob>,
        sources: &[PeerId],
        manner: Manner,
        account: &mut Account,
    ) -> Result<Packed, TransferError> {
        let chunks: Vec<u32> = (0..blob.count()).collect();
        let holders: Vec<Holder> = sources.iter().copied().map(Holder::from).collect();
        let got = self.fetch_chunks(Arc::clone(&blob), &chunks, &holders, manner, account);
        got.await?;
        Packed::of(blob).ok_or(TransferError::Missing)
    }

    /// Gets some chunks of a blob, as [`Transfers::fetch`] gets all.
    ///
    /// # Errors
    /// As [`TransferError`] says. What happened is added to `account` in either case.
    ///
    /// # Cancel safety
    /// What came stays in the blob; what was asked for is given up.
    pub async fn fetch_chunks(
        &self,
        blob: Arc<Blob>,
        chunks: &[u32],
        holders: &[Holder],
        manner: Manner,
        account: &mut Account,
    ) -> Result<(), TransferError> {
        run::Transfer::new(self, blob, chunks, holders, manner)
            .run(account)
            .await
    }

    /// Bytes asked of all peers and not here yet.
    fn awaits(&self) -> usize {
        BUDGET_KIB.saturating_sub(self.budget.available_permits()) * 1024
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
