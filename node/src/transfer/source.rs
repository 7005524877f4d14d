//! What a transfer knows of each peer that may have the blob.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use spirt_protocol::PeerId;

use super::{Holder, WINDOW_BYTES, WINDOW_CHUNKS};

/// A peer that may have chunks.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) peer: PeerId,
    /// The chunks that it may have; `None`: all.
    chunks: Option<Arc<BTreeSet<u32>>>,
    pub(super) standing: Standing,
    /// Bytes to ask of it ahead, as far as that is known.
    pub(super) ahead: Option<usize>,
    /// Chunks asked of it and not here yet.
    pub(super) owes: BTreeSet<u32>,
    /// Chunks that it did not have when it was asked.
    pub(super) lacks: BTreeSet<u32>,
    /// Whether it brought any.
    pub(super) served: bool,
    /// When it last brought something, or was first asked since.
    pub(super) progress: Instant,
}

/// What is expected of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not asked as long as others do.
    Reserve,
    /// Asked.
    Active,
    /// Brought nothing for too long. What it still brings is taken.
    Slow,
    /// Not asked any more: unreachable, or it sent what is wrong.
    Out,
}

impl Source {
    pub(super) fn new(holder: Holder, ahead: Option<usize>, now: Instant) -> Self {
        Self {
            peer: holder.peer,
            chunks: holder.chunks,
            standing: Standing::Reserve,
            ahead,
            owes: BTreeSet::new(),
            lacks: BTreeSet::new(),
            served: false,
            progress: now,
        }
    }

    /// Chunks of `chunk` bytes that it may owe, of a blob that is shown, while this node awaits so many bytes of all.
    pub(super) fn window(&self, chunk: usize, awaits: usize) -> usize {
        let (fewest, most) = WINDOW_CHUNKS;
        let longest = (WINDOW_BYTES / chunk).clamp(fewest, most);
        match self.ahead {
            // Others give this node enough to do.
            Some(bytes) if awaits >= WINDOW_BYTES => (bytes / chunk).clamp(1, longest),
            _ => longest,
        }
    }

    /// Whether to ask it for a chunk now, given how many it may owe.
    pub(super) fn may_be_asked(&self, index: u32, window: usize) -> bool {
        self.standing == Standing::Active
            && self.owes.len() < window
            && !self.owes.contains(&index)
            && !self.lacks.contains(&index)
            && self.chunks.as_ref().is_none_or(|may| may.contains(&index))
    }

    /// Notes a request.
    pub(super) fn asked(&mut self, index: u32, now: Instant) {
        if self.owes.is_empty() {
            self.progress = now;
        }
        self.owes.insert(index);
    }

    /// When it will have brought nothing for too long; `None` if nothing is expected.
    pub(super) fn stalls_at(&self, patience: Duration) -> Option<Instant> {
        let expected = self.standing == Standing::Active && !self.owes.is_empty();
        expected.then(|| self.progress + patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_node_asks_a_near_source_for_one_chunk_and_an_idle_one_for_many() {
        let window = |ahead, chunk, awaits| {
            let source = Source::new(PeerId([1; 32]).into(), ahead, Instant::now());
            source.window(chunk, awaits)
        };
        let [kib, mib] = [1024, 1024 * 1024];
        assert_eq!(
            window(None, 256 * kib, 64 * mib),
            8,
            "2 MiB while nothing is known"
        );
        assert_eq!(window(Some(100 * kib), 512 * kib, mib), 4, "idle");
        assert_eq!(window(Some(100 * kib), 512 * kib, 2 * mib), 1, "busy");
        assert_eq!(window(Some(mib), 256 * kib, 2 * mib), 4);
        assert_eq!(
            window(Some(64 * mib), 256 * kib, 2 * mib),
            8,
            "far, and busy"
        );
        assert_eq!(window(Some(64 * mib), 4 * mib, 2 * mib), 2);
    }
}
