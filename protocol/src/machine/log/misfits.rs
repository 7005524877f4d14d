//! Contributions whose header breaks the spec: nobody takes them, and what is known of them spares waiting for their
//! authors and asking what their seals name.

use std::collections::BTreeMap;

use crate::frame::Frame;
use crate::id::{Digest, PeerId};
use crate::sign::Verified;
use crate::spec::MAX_PEERS;

use super::{MAX_PER_SLOT, Put};

/// Most of a round.
const MOST: usize = MAX_PER_SLOT * MAX_PEERS as usize;

/// Those of a round, and whose they are.
#[derive(Debug, Clone)]
pub(super) struct Misfits(BTreeMap<Digest, PeerId>);

impl Misfits {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(super) fn put(&mut self, frame: &Verified<Frame>) -> Put {
        if self.contains(&frame.digest()) {
            return Put::Known;
        }
        let of_author = self.0.values().filter(|of| **of == frame.author());
        if of_author.count() >= MAX_PER_SLOT || self.0.len() >= MOST {
            return Put::Excess;
        }
        self.0.insert(frame.digest(), frame.author());
        Put::New
    }

    /// Takes over those of another log of the round.
    pub(super) fn extend(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    pub(super) fn contains(&self, digest: &Digest) -> bool {
        self.0.contains_key(digest)
    }

    pub(super) fn any_of(&self, peer: &PeerId) -> bool {
        self.0.values().any(|of| of == peer)
    }
}
