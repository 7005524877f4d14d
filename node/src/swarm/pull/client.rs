//! The asking side: one session task per peer owns the stream to it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use libp2p::PeerId;
use spirt_protocol::{Digest, Request};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::AbortHandle,
    time::timeout,
};

use super::session::{Answer, Call, Runner};
use crate::blobs::Hashed;
use crate::buffers::Buffers;
use crate::swarm::{
    config::Limits,
    error::{ChunkError, RequestError},
    event::Fault,
    handle::Shared,
    limits,
    streams::Opener,
};

#[derive(Clone)]
struct Session {
    calls: mpsc::Sender<Call>,
    slots: Arc<Semaphore>,
    task: AbortHandle,
}

struct Inner {
    opener: Opener,
    shared: Arc<Shared>,
    faults: mpsc::Sender<(PeerId, Fault)>,
    limits: Limits,
    buffers: Buffers,
    total: Semaphore,
    /// `None` after shutdown.
    sessions: Mutex<Option<HashMap<PeerId, Session>>>,
}

/// Asks peers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PullClient(Arc<Inner>);

impl std::fmt::Debug for PullClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PullClient").finish_non_exhaustive()
    }
}

impl PullClient {
    pub(crate) fn new(
        opener: Opener,
        shared: Arc<Shared>,
        faults: mpsc::Sender<(PeerId, Fault)>,
        limits: Limits,
        buffers: Buffers,
    ) -> Self {
        Self(Arc::new(Inner {
            buffers,
            opener,
            shared,
            faults,
            total: Semaphore::new(limits.requests_total),
            limits,
            sessions: Mutex::new(Some(HashMap::new())),
        }))
    }

    pub(crate) async fn request(
        &self,
        peer: PeerId,
        request: Bytes,
    ) -> Result<Bytes, RequestError> {
        if request.len() > limits::REQUEST {
            return Err(RequestError::TooLarge(request.len()));
        }
        let (answer, answered) = oneshot::channel();
        let call = Call::Request(request, Answer::Bytes(answer));
        self.ask(peer, call, answered).await?
    }

    pub(crate) async fn chunk(
        &self,
        peer: PeerId,
        root: Digest,
        index: u32,
        length: usize,
    ) -> Result<Hashed, ChunkError> {
        let request = Request::Chunk { root, index }.encode();
        let (answer, answered) = oneshot::channel();
        let call = Call::Request(request.into(), Answer::Chunk(length, answer));
        self.ask(peer, call, answered).await?
    }

    /// Makes a call once there is room for it.
    async fn ask<T>(
        &self,
        peer: PeerId,
        call: Call,
        answered: oneshot::Receiver<T>,
    ) -> Result<T, RequestError> {
        let Session { calls, slots, .. } = self.session(peer)?;
        // Both close when the peer goes down.
        let _slot = slots.acquire().await;
        let _slot = _slot.map_err(|_| RequestError::Disconnected)?;
        let _total = self.0.total.acquire().await;
        let _total = _total.map_err(|_| RequestError::Closed)?;
        let call = async {
            let sent = calls.send(call).await;
            sent.map_err(|_| RequestError::Disconnected)?;
            drop(calls);
            answered.await.map_err(|_| RequestError::Disconnected)
        };
        let answer = timeout(self.0.limits.request_timeout, call).await;
        answer.map_err(|_| RequestError::Timeout)?
    }

    /// Opens the stream to a peer ahead of the first request.
    pub(crate) fn warm(&self, peer: PeerId) {
        if let Ok(session) = self.session(peer) {
            // A full queue will open the stream as well.
            let _ = session.calls.try_send(Call::Warm);
        }
    }

    /// The peer is gone: fails what waits for it.
    pub(crate) fn forget(&self, peer: &PeerId) {
        if let Some(session) = self.sessions().as_mut().and_then(|all| all.remove(peer)) {
            session.end();
        }
    }

    /// Fails everything, from now on too.
    pub(crate) fn close(&self) {
        self.0.total.close();
        for session in self.sessions().take().into_iter().flatten() {
            session.1.end();
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Option<HashMap<PeerId, Session>>> {
        let sessions = self.0.sessions.lock();
        sessions.unwrap_or_else(PoisonError::into_inner)
    }

    fn session(&self, peer: PeerId) -> Result<Session, RequestError> {
        let mut sessions = self.sessions();
        let sessions = sessions.as_mut().ok_or(RequestError::Closed)?;
        // Under the lock: `forget` comes after the peer was taken off the list.
        if !self.0.shared.is_connected(&peer) {
            return Err(RequestError::NotConnected);
        }
        let session = sessions.entry(peer).or_insert_with(|| {
            let room = self.0.limits.requests_per_peer;
            let (calls, queue) = mpsc::channel(room);
            let runner = Runner {
                peer,
                opener: self.0.opener.clone(),
                shared: Arc::clone(&self.0.shared),
                faults: self.0.faults.clone(),
                limits: self.0.limits.clone(),
                buffers: self.0.buffers.clone(),
            };
            Session {
                calls,
                slots: Arc::new(Semaphore::new(room)),
                task: tokio::spawn(runner.run(queue)).abort_handle(),
            }
        });
        Ok(session.clone())
    }
}

impl Session {
    fn end(self) {
        self.slots.close();
        self.task.abort();
    }
}
