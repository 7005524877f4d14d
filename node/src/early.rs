//! Aggregating before the set is agreed on, while payloads arrive: which chunks are all here.
//!
//! Looks at what was announced when the headers' window closed, and gives the worker each chunk of it once all payloads have
//! that chunk. Decides nothing: when the set is agreed on, the worker uses what was done if that was the set.

use std::sync::Arc;

use bytes::Bytes;
use spirt_protocol::{Digest, PeerId};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::blobs::Blob;
use crate::transfer::Transfers;
use crate::worker::Worker;
use crate::worker::message::{Early, Task};

/// Chunks that the worker is given at a time: what it was asked for since waits behind them.
const AT_A_TIME: usize = 4;

/// The early work of a round. It ends when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct EarlyWork {
    _working: JoinSet<()>,
}

impl EarlyWork {
    /// Begins with the payloads that were announced, in single precision, each by its author.
    pub(crate) fn begin(
        mut announced: Vec<(PeerId, Arc<Blob>)>,
        transfers: Transfers,
        worker: Worker,
    ) -> Self {
        announced.sort_by_key(|(author, _)| *author);
        let mut working = JoinSet::new();
        working.spawn(work(announced, transfers, worker));
        Self { _working: working }
    }
}

async fn work(announced: Vec<(PeerId, Arc<Blob>)>, transfers: Transfers, worker: Worker) {
    let set: Arc<[(PeerId, Digest)]> = announced
        .iter()
        .map(|(author, blob)| (*author, blob.root()))
        .collect();
    let blobs: Vec<Arc<Blob>> = announced.into_iter().map(|(_, blob)| blob).collect();
    let mut waiting = Waiting::on(&blobs);
    while !waiting.chunks.is_empty() {
        let landed = transfers.landed();
        let chunks = waiting.take_complete(&blobs);
        if chunks.is_empty() {
            landed.await;
            continue;
        }
        let (done, finished) = oneshot::channel();
        let set = Arc::clone(&set);
        let is_asked = worker.ask(Task::Early(Early { set, chunks, done }));
        if !is_asked || finished.await.is_err() {
            return;
        }
    }
}

/// Chunks that are not here of all payloads.
struct Waiting {
    /// Each with the first payload that lacked it when it was last looked at.
    chunks: Vec<(u32, usize)>,
}

impl Waiting {
    fn on(blobs: &[Arc<Blob>]) -> Self {
        let count = blobs.iter().map(|blob| blob.count()).min().unwrap_or(0);
        Self {
            chunks: (0..count).map(|index| (index, 0)).collect(),
        }
    }

    /// Some that are here of all, with their rows.
    fn take_complete(&mut self, blobs: &[Arc<Blob>]) -> Vec<(u32, Vec<Bytes>)> {
        let mut complete = Vec::new();
        self.chunks.retain_mut(|(index, lacking)| {
            if complete.len() == AT_A_TIME {
                return true;
            }
            while blobs.get(*lacking).is_some_and(|blob| blob.has(*index)) {
                *lacking += 1;
            }
            let rows = || blobs.iter().map(|blob| blob.chunk(*index)).collect();
            let rows: Option<Vec<Bytes>> = (*lacking == blobs.len()).then(rows).flatten();
            let is_complete = rows.is_some();
            complete.extend(rows.map(|rows| (*index, rows)));
            !is_complete
        });
        complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::{Hashed, Packed};

    /// One without chunks, and what they are.
    fn awaited(seed: u8) -> (Arc<Blob>, Packed) {
        let bytes: Vec<u8> = (0..5 * 256 * 1024)
            .map(|i| seed ^ (i % 251) as u8)
            .collect();
        let whole = Packed::new(bytes);
        let blob = Blob::awaited(whole.root(), whole.length(), whole.list().clone());
        (Arc::new(blob.unwrap()), whole)
    }

    #[test]
    fn a_chunk_is_given_out_once_when_all_have_it() {
        let (blobs, wholes): (Vec<_>, Vec<_>) = (1..4).map(awaited).unzip();
        let mut waiting = Waiting::on(&blobs);
        let mut given = Vec::new();
        // Row by row, but for the last row in another order.
        let order = [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]];
        for (row, (blob, whole)) in blobs.iter().zip(&wholes).enumerate() {
            for index in order[row] {
                assert!(waiting.take_complete(&blobs).is_empty());
                let bytes = whole.blob().chunk(index).unwrap();
                blob.put(index, &Hashed::of(bytes)).unwrap();
                if row == 2 {
                    let complete = waiting.take_complete(&blobs);
                    assert_eq!(complete.len(), 1);
                    for (index, rows) in complete {
                        let of = |whole: &Packed| whole.blob().chunk(index).unwrap();
                        assert_eq!(rows, wholes.iter().map(of).collect::<Vec<_>>());
                        given.push(index);
                    }
                }
            }
        }
        assert_eq!(given, order[2]);
        assert!(waiting.chunks.is_empty());
    }

    #[test]
    fn few_are_given_out_at_a_time() {
        let (_, whole) = awaited(1);
        let blobs = [Arc::clone(whole.blob())];
        let mut waiting = Waiting::on(&blobs);
        let counts = [(); 3].map(|()| waiting.take_complete(&blobs).len());
        assert_eq!(counts, [AT_A_TIME, 5 - AT_A_TIME, 0]);
    }
}
