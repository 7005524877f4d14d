//! The payloads of the round under way: which are announced, shown, fetched, and worked on.

use std::sync::Arc;

use bytes::Bytes;
use spirt_protocol::{Digest, Encoding, Input, PeerId, Round};
use tokio::sync::watch;

use super::{Driver, Fetched};
use crate::blobs::{Blob, Packed};
use crate::early::EarlyWork;
use crate::encoding;
use crate::peer;
use crate::transfer::{Account, Content, Manner, TransferError};

/// The payloads of a round, as far as they do not travel inline.
#[derive(Default)]
pub(super) struct Payloads {
    /// The round, once they are shown.
    pub(super) revealed: Option<Round>,
    /// Whether the headers' window is closed. Those who wait for that go on, too, when the round is given up, and this with it.
    pub(super) closed: watch::Sender<bool>,
    /// Those announced before, by author.
    announced: Vec<(PeerId, Digest)>,
    /// What is aggregated of them before the set is agreed on.
    pub(super) early: EarlyWork,
}

impl Driver {
    /// Shows the own payload of a round, now or as soon as it is computed.
    pub(super) fn reveal(&mut self, round: Round) {
        self.payloads.revealed = Some(round);
        self.show_parts();
        if let Some((_, root)) = self.held_back.take_if(|(of, _)| *of == round) {
            self.wiring.blobs.open(&root);
            self.payloads.announced.push((self.machine.me(), root));
        }
        // Whoever has announced a payload of this round needs none of the last: its memory is for those that come now.
        self.tidy_blobs();
        self.payloads.closed.send_replace(true);
        self.work_early();
    }

    /// Begins to aggregate what was announced.
    fn work_early(&mut self) {
        if self.share.is_some() || self.job.spec.encoding != Encoding::F32 {
            return;
        }
        let announced = std::mem::take(&mut self.payloads.announced).into_iter();
        let blobs = announced.filter_map(|(author, root)| {
            let blob = self.wiring.blobs.blob(&root)?;
            Some((author, blob))
        });
        let (transfers, worker) = (self.wiring.transfers.clone(), self.wiring.worker.clone());
        self.payloads.early = EarlyWork::begin(blobs.collect(), transfers, worker);
    }

    /// Obtains a payload: at hand if it travelled inline, else chunk by chunk. Its author is asked at once, so that it begins to
    /// send as soon as its own window closes.
    pub(super) fn fetch(&mut self, root: Digest, length: u64, holders: Vec<PeerId>) {
        let Some(body) = self.machine.body(&root) else {
            self.feed(Input::PayloadFailed(root));
            return;
        };
        if length <= self.job.spec.inline_max {
            let body = Bytes::from_owner(body);
            let (encoding, dimension) = (self.job.spec.encoding, self.job.spec.dimension);
            let is_written_right =
                || encoding::check(encoding, dimension, std::slice::from_ref(&body)).is_ok();
            let good = body.len() as u64 == length && is_written_right();
            if good {
                self.wiring.blobs.insert_inline(body);
            }
            self.feed(if good {
                Input::PayloadReady(root)
            } else {
                Input::PayloadBad(root)
            });
            return;
        }
        let Some(blob) = Blob::awaited(root, length, Bytes::from_owner(body)) else {
            self.feed(Input::PayloadBad(root));
            return;
        };
        let blob = self.wiring.blobs.begin(blob);
        if let Some(author) = holders.first() {
            self.payloads.announced.push((*author, root));
        }
        let transfers = self
            .wiring
            .transfers
            .behind(self.payloads.closed.subscribe());
        let sources = self.sources(holders);
        if let Some(share) = self.share.clone() {
            self.fetch_part(share, blob, sources);
            return;
        }
        let (encoding, dimension) = (self.job.spec.encoding, self.job.spec.dimension);
        self.tasks.spawn(async move {
            let mut account = Account::default();
            let content = match encoding {
                Encoding::F32 => Content::FiniteF32,
                _ => Content::Any,
            };
            let manner = Manner {
                breadth: 1,
                widens: false,
                content,
            };
            let packed = transfers.fetch(Arc::clone(&blob), &sources, manner, &mut account);
            let checked = match packed.await {
                Ok(packed) if content == Content::Any => {
                    is_written_right(encoding, dimension, packed).await
                }
                other => other,
            };
            Fetched::Payload(blob, checked.map(drop), account.offences)
        });
    }

    /// Those who are known to hold a payload, then all others that are connected: they may have it, or parts of it.
    fn sources(&self, holders: Vec<PeerId>) -> Vec<PeerId> {
        let connected = self.wiring.swarm.peers();
        let others = connected.iter().filter_map(peer::from_libp2p);
        holders.into_iter().chain(others).collect()
    }
}

/// A payload that keeps to its encoding; of one in single precision this is seen chunk by chunk, as it comes.
async fn is_written_right(
    encoding: Encoding,
    dimension: u64,
    packed: Packed,
) -> Result<Packed, TransferError> {
    let check = move || {
        let pieces: Vec<Bytes> = packed.chunks().collect();
        match encoding::check(encoding, dimension, &pieces) {
            Ok(()) => Ok(packed),
            Err(error) => {
                tracing::warn!(%error, "a payload breaks its encoding");
                Err(TransferError::Bad)
            }
        }
    };
    let checked = tokio::task::spawn_blocking(check).await;
    checked.unwrap_or(Err(TransferError::Missing))
}
