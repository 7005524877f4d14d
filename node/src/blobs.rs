//! The byte strings that this node holds and serves: payloads of recent rounds, recent models.
//!
//! Bounded by what the machine still names: [`Blobs::retain`] drops the rest at each round.

mod blob;
mod board;
mod hashed;
mod packed;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use spirt_protocol::{Digest, PeerId};
use tokio::sync::Notify;

pub use blob::{Blob, WrongChunk};
pub use board::{Board, Claims, Telling};
pub use hashed::{Filling, Hashed};
pub use packed::{Packed, Packer, Reader};
pub use spirt_protocol::blob::chunk_count;

/// Peers whose use of one blob is counted; more than can be connected.
const MAX_ASKERS: usize = 256;
/// How often a peer gets a blob whole. Twice, so that one that was started anew gets it again.
const SERVINGS: u64 = 2;
/// After so long a peer gets a blob anew that is kept as long as the node runs.
const SERVING_SPAN: Duration = Duration::from_secs(3600);

/// Who has not asked for a chunk for so long has all of them, or is gone: as long as a request may take.
const TAKING_PAUSE: Duration = Duration::from_secs(20);

/// Shared by the driver, the transfers and the tasks that serve. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Blobs {
    held: Arc<Mutex<BTreeMap<Digest, Held>>>,
    opened: Arc<Notify>,
    board: Board,
}

#[derive(Debug)]
enum Held {
    /// A payload that travelled inline, under the hash of its bytes.
    Inline(Bytes),
    /// One in chunks, of which some may still be missing.
    Chunked {
        blob: Arc<Blob>,
        /// Whether it is served; the own payload is not before the others have announced theirs.
        is_open: bool,
        /// Bytes that each peer was given.
        served: BTreeMap<PeerId, u64>,
        /// When a chunk was last given.
        given: Option<Instant>,
        /// Of a blob that is kept as long as the node runs: since when `served` counts.
        kept: Option<Instant>,
    },
}

impl Held {
    const fn chunked(blob: Arc<Blob>, is_open: bool) -> Self {
        Self::Chunked {
            blob,
            is_open,
            served: BTreeMap::new(),
            given: None,
            kept: None,
        }
    }
}

/// What a peer gets that asks for a chunk.
#[derive(Debug, PartialEq, Eq)]
pub enum Serving {
    /// The chunk, checked.
    Chunk(Bytes),
    /// Not held, or not any more.
    Unknown,
    /// Held, and not to be shown yet: ask again.
    Closed,
    /// The peer got the blob often enough.
    Enough,
}

impl Blobs {
    /// Holds a whole blob under its root.
    pub fn insert(&self, packed: &Packed) {
        self.hold(Arc::clone(packed.blob()), true);
    }

    /// Holds a whole blob that is not served before [`Blobs::open`].
    pub fn insert_closed(&self, packed: &Packed) {
        self.hold(Arc::clone(packed.blob()), false);
    }

    /// The blob that is held under the root, or else this one, whose chunks are still to come. They are served as soon
    /// as they are there.
    pub fn begin(&self, blob: Blob) -> Arc<Blob> {
        let mut held = self.lock();
        if let Some(Held::Chunked { blob, .. }) = held.get(&blob.root()) {
            return Arc::clone(blob);
        }
        let blob = Arc::new(blob);
        held.insert(blob.root(), Held::chunked(Arc::clone(&blob), true));
        blob
    }

    /// Holds a blob that was begun before, with what came of it meanwhile. Since then it may have been dropped, and begun
    /// anew: when a round is given up and begun again.
    pub fn restore(&self, blob: Arc<Blob>) {
        self.hold(blob, true);
    }

    fn hold(&self, blob: Arc<Blob>, open: bool) {
        let mut held = self.lock();
        let root = blob.root();
        match held.get_mut(&root) {
            Some(Held::Chunked { blob: old, .. }) => *old = blob,
            Some(Held::Inline(_)) => {}
            None => {
                held.insert(root, Held::chunked(blob, open));
            }
        }
    }

    /// Holds a whole blob as long as the node runs.
    pub fn keep(&self, packed: &Packed) {
        self.hold(Arc::clone(packed.blob()), true);
        if let Some(Held::Chunked { kept, .. }) = self.lock().get_mut(&packed.root()) {
            *kept = Some(Instant::now());
        }
    }

    /// Bytes of a blob that are here.
    pub fn bytes_here(&self, root: &Digest) -> u64 {
        match self.lock().get(root) {
            Some(Held::Chunked { blob, .. }) => blob.bytes_here(),
            Some(Held::Inline(bytes)) => bytes.len() as u64,
            None => 0,
        }
    }

    /// Serves what was held back.
    pub fn open(&self, root: &Digest) {
        if let Some(Held::Chunked { is_open, .. }) = self.lock().get_mut(root) {
            *is_open = true;
        }
        self.opened.notify_waiters();
    }

    /// Ends when something is opened after this call.
    pub fn opened(&self) -> impl Future<Output = ()> + use<> {
        Arc::clone(&self.opened).notified_owned()
    }

    /// Holds a payload that travelled inline, under the hash of its bytes.
    pub fn insert_inline(&self, payload: Bytes) {
        let root = Digest::of(&payload);
        self.lock().insert(root, Held::Inline(payload));
    }

    /// The pieces of the whole byte string behind a root, in order.
    pub fn pieces(&self, root: &Digest) -> Option<Vec<Bytes>> {
        match self.lock().get(root)? {
            Held::Inline(bytes) => Some(vec![bytes.clone()]),
            Held::Chunked { blob, .. } => {
                let packed = Packed::of(Arc::clone(blob))?;
                Some(packed.chunks().collect())
            }
        }
    }

    /// The whole blob behind a root.
    pub fn packed(&self, root: &Digest) -> Option<Packed> {
        Packed::of(self.blob(root)?)
    }

    /// The blob behind a root, of which some may be missing.
    pub fn blob(&self, root: &Digest) -> Option<Arc<Blob>> {
        match self.lock().get(root)? {
            Held::Inline(_) => None,
            Held::Chunked { blob, .. } => Some(Arc::clone(blob)),
        }
    }

    /// What this node and others say of payloads of which each keeps a part, and the sums that it serves.
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// The chunk list behind a root.
    pub fn list(&self, root: &Digest) -> Option<Bytes> {
        Some(self.blob(root)?.list().clone())
    }

    /// One chunk of the blob behind a root, for a peer.
    pub fn serve(&self, root: &Digest, index: u32, asker: PeerId) -> Serving {
        let mut held = self.lock();
        let Some(Held::Chunked {
            blob,
            is_open,
            served,
            given,
            kept,
        }) = held.get_mut(root)
        else {
            return self.board.serve(root, index, asker);
        };
        if !*is_open {
            return Serving::Closed;
        }
        let Some(chunk) = blob.chunk(index) else {
            return Serving::Unknown;
        };
        if let Some(since) = kept
            && since.elapsed() >= SERVING_SPAN
        {
            *since = Instant::now();
            served.clear();
        }
        if served.len() >= MAX_ASKERS && !served.contains_key(&asker) {
            return Serving::Enough;
        }
        let so_far = served.entry(asker).or_default();
        if *so_far + chunk.len() as u64 > SERVINGS * blob.length() {
            return Serving::Enough;
        }
        *so_far += chunk.len() as u64;
        *given = Some(Instant::now());
        Serving::Chunk(chunk)
    }

    /// Whether a peer seems to be in the middle of fetching the blob.
    pub fn is_being_taken(&self, root: &Digest) -> bool {
        match self.lock().get(root) {
            Some(Held::Chunked {
                given: Some(at), ..
            }) => at.elapsed() < TAKING_PAUSE,
            _ => false,
        }
    }

    /// Drops all but these, those that are on their way, and those that are kept.
    pub fn retain(&self, roots: &BTreeSet<Digest>) {
        let on_its_way = |held: &Held| match held {
            Held::Inline(_) => false,
            Held::Chunked { kept: Some(_), .. } => true,
            Held::Chunked { blob, .. } => Arc::strong_count(blob) > 1 && !blob.is_complete(),
        };
        self.lock()
            .retain(|root, held| roots.contains(root) || on_its_way(held));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
