//! Which chunk is asked of whom.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;

use super::super::WINDOW_CHUNKS;
use super::super::chunk::{self, Landed};
use super::super::source::{Source, Standing};
use super::Transfer;
use crate::peer;

/// Bytes asked of a source before the first chunk comes: so many that it has something to send until more can be asked for.
/// What those owe that show nothing must leave room in the budget for the others.
const FIRST_BYTES: usize = 512 * 1024;

impl Transfer<'_> {
    /// Takes in peers that connected since.
    pub(super) fn welcome(&mut self) {
        if !self.manner.widens {
            return;
        }
        let now = Instant::now();
        let connected = self.hub.swarm.peers();
        for peer in connected.iter().filter_map(peer::from_libp2p) {
            if !self.sources.iter().any(|source| source.peer == peer) {
                let ahead = self.hub.pace().ahead(peer);
                self.sources.push(Source::new(peer.into(), ahead, now));
            }
        }
        let active = |source: &&Source| source.standing == Standing::Active;
        let mut asked = self.sources.iter().filter(active).count();
        while asked < self.manner.breadth && self.call_reserve() {
            asked += 1;
        }
    }

    /// Asks the active sources for as much as their windows take.
    pub(super) fn ask(&mut self) {
        let now = Instant::now();
        let mut left = VecDeque::new();
        while let Some(index) = self.queue.pop_front() {
            if !self.missing.contains(&index) {
                continue;
            }
            // The one that owes least: several sources share the work by their speed.
            let able = self.sources.iter().enumerate();
            let able = able.filter(|(_, source)| source.may_be_asked(index, self.window(source)));
            let Some((at, _)) = able.min_by_key(|(_, source)| source.owes.len()) else {
                left.push_back(index);
                if self.is_busy() {
                    break;
                }
                continue;
            };
            self.sources[at].asked(index, now);
            let landed = self.request(at, index);
            self.in_flight.push(landed);
        }
        left.append(&mut self.queue);
        self.queue = left;
    }

    /// Chunks that a source may owe.
    fn window(&self, source: &Source) -> usize {
        if self.begun {
            return source.window(self.chunk, self.hub.awaits());
        }
        (FIRST_BYTES / self.chunk).clamp(1, WINDOW_CHUNKS.1)
    }

    /// Whether all active sources have as much to do as they may.
    fn is_busy(&self) -> bool {
        let is_active = |source: &&Source| source.standing == Standing::Active;
        let mut active = self.sources.iter().filter(is_active);
        active.all(|source| source.owes.len() >= self.window(source))
    }

    fn request(&self, source: usize, index: u32) -> BoxFuture<'static, Landed> {
        let hub = self.hub.clone();
        let (blob, content) = (Arc::clone(&self.blob), self.manner.content);
        let peer = self.sources[source].peer;
        Box::pin(async move {
            let result = chunk::fetch(&hub, peer, blob, index, content).await;
            Landed {
                source,
                index,
                result,
            }
        })
    }
}
