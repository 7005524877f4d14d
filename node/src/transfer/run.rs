//! One blob on its way: what becomes of what was asked for.

mod ask;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use spirt_protocol::Offence;
use tokio::time::sleep_until;

use super::chunk::{Landed, Miss};
use super::gate::Gate;
use super::pace::Took;
use super::source::{Source, Standing};
use super::{Account, Holder, Manner, TransferError, Transfers};
use crate::blobs::Blob;

/// How often to look for peers that connected since.
const LOOK_AROUND: Duration = Duration::from_millis(50);

/// Chunks that a source without any of them is asked for.
const PROBES: usize = 8;

/// One blob on its way.
pub(super) struct Transfer<'a> {
    hub: &'a Transfers,
    blob: Arc<Blob>,
    manner: Manner,
    /// Bytes of a chunk.
    chunk: usize,
    /// Whether a chunk has come: before, few are asked of a source, so that one that shows nothing blocks little.
    begun: bool,
    /// Whether some of it was here before.
    resumes: bool,
    /// Before it opens, nothing is expected of the sources.
    gate: Gate,
    /// When it opened, or the transfer began after that.
    since: Option<Instant>,
    sources: Vec<Source>,
    /// Chunks to ask for.
    queue: VecDeque<u32>,
    /// Chunks that are not here.
    missing: BTreeSet<u32>,
    in_flight: FuturesUnordered<BoxFuture<'static, Landed>>,
}

impl<'a> Transfer<'a> {
    pub(super) fn new(
        hub: &'a Transfers,
        blob: Arc<Blob>,
        chunks: &[u32],
        holders: &[Holder],
        manner: Manner,
    ) -> Self {
        let now = Instant::now();
        let mut seen = BTreeSet::new();
        let distinct = holders.iter().filter(|holder| seen.insert(holder.peer));
        let missing = chunks.iter().filter(|index| !blob.has(**index));
        let mut queue: VecDeque<u32> = missing.copied().collect();
        let first = usize::try_from(hub.turn).unwrap_or(0);
        queue.rotate_left(first.checked_rem(queue.len()).unwrap_or(0));
        let chunk = blob.chunk_length(0).unwrap_or(1).max(1);
        let ahead = |holder: &Holder| hub.pace().ahead(holder.peer);
        let source = |holder: &Holder| Source::new(holder.clone(), ahead(holder), now);
        Self {
            hub,
            sources: distinct.map(source).collect(),
            missing: queue.iter().copied().collect(),
            queue,
            manner,
            chunk,
            in_flight: FuturesUnordered::new(),
            begun: false,
            gate: hub.gate.clone(),
            since: None,
            resumes: (0..blob.count()).any(|index| blob.has(index)),
            blob,
        }
    }

    pub(super) async fn run(mut self, account: &mut Account) -> Result<(), TransferError> {
        for _ in 0..self.manner.breadth {
            self.call_reserve();
        }
        while !self.missing.is_empty() {
            if self.since.is_none() && self.gate.is_open() {
                self.expect();
            }
            self.welcome();
            self.ask();
            if !self.is_hopeful() {
                if self.since.is_none() {
                    self.gate.open().await;
                    continue;
                }
                if self.call_reserve() {
                    continue;
                }
                return Err(TransferError::Missing);
            }
            let due = self.next_look();
            tokio::select! {
                Some(landed) = self.in_flight.next() => self.take(landed, account)?,
                () = self.gate.open(), if self.since.is_none() => {}
                () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => self.on_stall(),
            }
        }
        Ok(())
    }

    /// The gate has opened: from now on something is expected of the sources.
    fn expect(&mut self) {
        let now = Instant::now();
        self.since = Some(now);
        for source in &mut self.sources {
            source.progress = now;
        }
    }

    /// Whether anything may still come. Once the blob is shown, nothing is expected of those that stalled: the caller
    /// is told so at once, and what they may bring later is asked for anew.
    fn is_hopeful(&self) -> bool {
        let owes = |source: &Source| source.standing == Standing::Active && !source.owes.is_empty();
        if self.is_shown() {
            self.sources.iter().any(owes)
        } else {
            !self.in_flight.is_empty()
        }
    }

    /// Whether some of the blob came, now or before: before, its author may wait to show it.
    fn is_shown(&self) -> bool {
        self.begun || self.resumes
    }

    fn take(&mut self, landed: Landed, account: &mut Account) -> Result<(), TransferError> {
        let Landed {
            source: at,
            index,
            result,
        } = landed;
        let bytes = self.blob.chunk_length(index).unwrap_or(0) as u64;
        let source = &mut self.sources[at];
        source.owes.remove(&index);
        if !matches!(result, Ok(_) | Err(Miss::Unknown | Miss::Later)) {
            account.again += bytes;
        }
        match result {
            Ok(asked) => {
                source.progress = Instant::now();
                if source.standing == Standing::Slow {
                    source.standing = Standing::Active;
                }
                source.served = true;
                if self.missing.remove(&index) {
                    *account.brought.entry(source.peer).or_default() += bytes;
                } else {
                    account.again += bytes;
                }
                // The first one may have been held back until it was to be shown.
                if let Some(since) = self.since.filter(|_| self.begun) {
                    let trip = asked.elapsed();
                    let wait = trip.min(since.elapsed());
                    let mut pace = self.hub.pace();
                    pace.record(source.peer, Took { wait, trip });
                    source.ahead = pace.ahead(source.peer);
                }
                self.begun = true;
                return Ok(());
            }
            Err(Miss::Bad) => return Err(TransferError::Bad),
            Err(Miss::Unknown) => {
                source.lacks.insert(index);
                if !source.served && source.lacks.len() >= PROBES {
                    source.standing = Standing::Out;
                }
                // The next chunk to try lies elsewhere.
                self.queue.rotate_left(self.queue.len() * 5 / 8);
            }
            Err(Miss::Later) => source.progress = Instant::now(),
            Err(Miss::Slow) => source.standing = Standing::Slow,
            Err(Miss::Unreachable) => source.standing = Standing::Out,
            Err(Miss::Wrong) => {
                source.standing = Standing::Out;
                account.offences.push((source.peer, Offence::CorruptChunk));
            }
        }
        if self.missing.contains(&index) && !self.queue.contains(&index) {
            self.queue.push_back(index);
        }
        let able = |source: &Source| source.may_be_asked(index, usize::MAX);
        if !self.sources.iter().any(able) && self.since.is_some() {
            self.call_reserve();
        }
        Ok(())
    }

    /// When to look whether a source has stalled, or another one has come.
    fn next_look(&self) -> Option<Instant> {
        let around = self.manner.widens.then(|| Instant::now() + LOOK_AROUND);
        self.next_stall().into_iter().chain(around).min()
    }

    /// When the first of the active sources stalls, as things are.
    fn next_stall(&self) -> Option<Instant> {
        // Before, those that have something to show may not do so.
        self.since?;
        let pace = self.hub.pace();
        let stalls = |source: &Source| source.stalls_at(pace.patience(source.peer)?);
        self.sources.iter().filter_map(stalls).min()
    }

    /// Asks others for what the stalled ones owe.
    fn on_stall(&mut self) {
        if self.since.is_none() {
            return;
        }
        let now = Instant::now();
        for at in 0..self.sources.len() {
            let source = &mut self.sources[at];
            let Some(patience) = self.hub.pace().patience(source.peer) else {
                return;
            };
            if source.stalls_at(patience).is_none_or(|due| due > now) {
                continue;
            }
            tracing::debug!(peer = %source.peer, ?patience, "a source has stalled");
            source.standing = Standing::Slow;
            let owed: Vec<u32> = source.owes.iter().rev().copied().collect();
            for index in owed {
                if self.missing.contains(&index) && !self.queue.contains(&index) {
                    self.queue.push_front(index);
                }
            }
            self.call_reserve();
        }
    }

    /// Begins to ask one more source: a fresh one, or a slow one once all others were tried.
    fn call_reserve(&mut self) -> bool {
        let now = Instant::now();
        let fresh = |source: &&mut Source| source.standing == Standing::Reserve;
        if let Some(source) = self.sources.iter_mut().find(fresh) {
            source.standing = Standing::Active;
            source.progress = now;
            return true;
        }
        false
    }
}
