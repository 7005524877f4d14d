//! Which provider records of other peers we keep.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use libp2p::kad::{
    self, ProviderRecord, RecordKey,
    store::{MemoryStore, RecordStore as _},
};

use super::limits;

/// The keys that others provide, with the time of the last announcement. Kademlia forgets an
/// expired record only when somebody asks for its key, so dead keys are dropped here.
#[derive(Debug, Default)]
pub(super) struct ProviderKeys {
    seen: HashMap<RecordKey, Instant>,
}

impl ProviderKeys {
    /// Stores an announcement, if it has the form of a run's and there is room. One place stays
    /// free for our own run.
    pub(super) fn announced(
        &mut self,
        kad: &mut kad::Behaviour<MemoryStore>,
        record: ProviderRecord,
        now: Instant,
    ) {
        if record.key.as_ref().len() != 32 {
            return;
        }
        if !self.seen.contains_key(&record.key) && self.seen.len() >= limits::PROVIDER_KEYS - 1 {
            self.sweep(kad, now);
            if self.seen.len() >= limits::PROVIDER_KEYS - 1 {
                return;
            }
        }
        let mut record = record;
        record.addresses.truncate(limits::ADDRESSES_PER_PEER);
        self.seen.insert(record.key.clone(), now);
        if let Err(error) = kad.store_mut().add_provider(record) {
            tracing::debug!(%error, "provider record not kept");
        }
    }

    fn sweep(&mut self, kad: &mut kad::Behaviour<MemoryStore>, now: Instant) {
        let live = |at: &Instant| now.duration_since(*at) < limits::PROVIDER_TTL + MARGIN;
        self.seen.retain(|key, at| {
            let keep = live(at);
            if !keep {
                let store = kad.store_mut();
                for dead in store.providers(key) {
                    if dead.is_expired(now) {
                        store.remove_provider(key, &dead.provider);
                    }
                }
            }
            keep
        });
    }
}

const MARGIN: Duration = Duration::from_secs(60);
