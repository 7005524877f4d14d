//! The byte strings that this node holds and serves: payloads of recent rounds, recent models.
//!
//! Bounded by what the machine still names: [`Blobs::retain`] drops the rest at each round.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use spirt_protocol::{Digest, blob};

use crate::model_state::Packed;

/// Shared by the driver and the tasks that serve. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Blobs {
    held: Arc<Mutex<BTreeMap<Digest, Packed>>>,
}

impl Blobs {
    /// Holds a blob under its root.
    pub fn insert(&self, packed: Packed) {
        self.lock().insert(packed.root, packed);
    }

    /// Holds a payload that travelled inline, under the hash of its bytes.
    pub fn insert_inline(&self, payload: Bytes) {
        let root = Digest::of(&payload);
        self.lock().insert(
            root,
            Packed {
                list: Bytes::new(),
                bytes: payload,
                root,
            },
        );
    }

    /// The bytes behind a root.
    pub fn bytes(&self, root: &Digest) -> Option<Bytes> {
        self.lock().get(root).map(|packed| packed.bytes.clone())
    }

    /// The chunk list behind a root.
    pub fn list(&self, root: &Digest) -> Option<Bytes> {
        self.lock()
            .get(root)
            .map(|packed| packed.list.clone())
            .filter(|list| !list.is_empty())
    }

    /// One chunk of the blob behind a root.
    pub fn chunk(&self, root: &Digest, index: u32) -> Option<Bytes> {
        let bytes = self.bytes(root)?;
        let (start, length) = blob::chunk_span(bytes.len() as u64, index)?;
        let start = usize::try_from(start).ok()?;
        Some(bytes.slice(start..start + usize::try_from(length).ok()?))
    }

    /// Drops all but these.
    pub fn retain(&self, roots: &BTreeSet<Digest>) {
        self.lock().retain(|root, _| roots.contains(root));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, Packed>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
