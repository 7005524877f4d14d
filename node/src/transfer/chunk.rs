//! One chunk of a blob, asked of one peer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use spirt_protocol::PeerId;

use super::{Content, Transfers};
use crate::blobs::Blob;
use crate::peer;
use crate::swarm::{ChunkError, RequestError};

/// A request for what is not to be shown yet is held back this long at least before it is put off.
const PARKED_AT_LEAST: Duration = Duration::from_secs(1);

/// A chunk that was asked for, and what came of it.
pub(super) struct Landed {
    pub(super) source: usize,
    pub(super) index: u32,
    /// When it was asked for, if it came.
    pub(super) result: Result<Instant, Miss>,
}

/// Why a chunk did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Miss {
    /// The source does not have it.
    Unknown,
    /// The source is alive and asks for patience.
    Later,
    /// The source was too slow.
    Slow,
    /// The source cannot be reached, or refuses.
    Unreachable,
    /// Something else than the chunk came.
    Wrong,
    /// The chunk came, and breaks the run's specification.
    Bad,
}

/// One chunk from one peer, checked and in the blob; when it was asked for.
pub(super) async fn fetch(
    hub: &Transfers,
    from: PeerId,
    blob: Arc<Blob>,
    index: u32,
    content: Content,
) -> Result<Instant, Miss> {
    let length = blob.chunk_length(index).ok_or(Miss::Unknown)?;
    let kib = u32::try_from(length.div_ceil(1024)).unwrap_or(u32::MAX);
    let budget = Arc::clone(&hub.budget).acquire_many_owned(kib).await;
    let _budget = budget.map_err(|_| Miss::Unreachable)?;
    let name = peer::to_libp2p(from).ok_or(Miss::Unreachable)?;
    let asked = Instant::now();
    let answer = hub.swarm.chunk(name, blob.root(), index, length).await;
    let chunk = answer.map_err(|error| {
        tracing::debug!(%from, index, %error, "no chunk");
        match error {
            ChunkError::Unknown => Miss::Unknown,
            // Whoever asks for patience has held the request back as long as it may; else it plays for time.
            ChunkError::Later if asked.elapsed() < PARKED_AT_LEAST => Miss::Slow,
            ChunkError::Later => Miss::Later,
            ChunkError::Wrong => Miss::Wrong,
            ChunkError::Request(RequestError::Timeout) => Miss::Slow,
            ChunkError::Request(_) => Miss::Unreachable,
        }
    })?;
    blob.put(index, &chunk).map_err(|_| Miss::Wrong)?;
    hub.landed.notify_waiters();
    let good = content == Content::Any || chunk.is_finite();
    if good { Ok(asked) } else { Err(Miss::Bad) }
}
