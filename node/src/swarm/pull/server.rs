//! The serving side: one task per peer, so that no peer can hold up another.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use futures::{
    AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _, io::AsyncRead, io::AsyncWrite,
    stream::FuturesUnordered,
};
use libp2p::{PeerId, Stream};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::{AbortHandle, JoinSet},
    time::timeout,
};

use super::{
    ACK, HELLO,
    frame::{End, Frame, Kind, expect, read_frame, within, write_frame},
};
use crate::swarm::{
    config::Limits,
    event::{Event, Fault, Responder},
    limits,
};

/// Takes inbound streams until the swarm ends. A peer has one: a newer one replaces the older.
pub(crate) async fn serve(
    mut incoming: mpsc::Receiver<(PeerId, Stream)>,
    requests: mpsc::Sender<Event>,
    faults: mpsc::Sender<(PeerId, Fault)>,
    limits: Limits,
) {
    let mut tasks = JoinSet::new();
    let mut streams: HashMap<PeerId, AbortHandle> = HashMap::new();
    loop {
        tokio::select! {
            biased;
            stream = incoming.recv() => {
                let Some((peer, stream)) = stream else {
                    return;
                };
                let server = Server {
                    peer,
                    requests: requests.clone(),
                    limits: limits.clone(),
                };
                let faults = faults.clone();
                let task = tasks.spawn(async move {
                    let fault = match server.run(stream).await {
                        End::Closed => return peer,
                        End::Garbage(what) => {
                            tracing::debug!(%peer, what, "garbage on a stream");
                            Fault::Garbage
                        }
                        End::Stalled => Fault::Stalled,
                    };
                    // The queue is full only when there are faults enough to act on.
                    let _ = faults.try_send((peer, fault));
                    peer
                });
                if let Some(older) = streams.insert(peer, task) {
                    older.abort();
                }
            }
            Some(ended) = tasks.join_next_with_id() => {
                // An aborted task has been replaced already.
                if let Ok((id, peer)) = ended
                    && streams.get(&peer).is_some_and(|task| task.id() == id)
                {
                    streams.remove(&peer);
                }
            }
        }
    }
}

/// A request on its way to its answer.
struct Job {
    id: u32,
    /// `None` if the driver has too much to do.
    answer: Option<oneshot::Receiver<Bytes>>,
    /// Held until the answer is written.
    _slot: OwnedSemaphorePermit,
}

struct Server {
    peer: PeerId,
    requests: mpsc::Sender<Event>,
    limits: Limits,
}

impl Server {
    async fn run(&self, mut stream: Stream) -> End {
        let stall = self.limits.stall_timeout;
        let greeted = timeout(stall, async {
            expect(&mut stream, HELLO).await?;
            within(stall, stream.write_all(ACK)).await?;
            within(stall, stream.flush()).await
        });
        match greeted.await {
            Ok(Ok(())) => {}
            Ok(Err(end)) => return end,
            Err(_) => return End::Stalled,
        }
        let (reader, writer) = stream.split();
        let (jobs, queue) = mpsc::channel(self.limits.requests_per_peer);
        tokio::select! {
            end = self.receive(reader, jobs) => end,
            end = self.answer(writer, queue) => end,
        }
    }

    async fn receive<R: AsyncRead + Unpin>(&self, mut reader: R, jobs: mpsc::Sender<Job>) -> End {
        let slots = Arc::new(Semaphore::new(self.limits.requests_per_peer));
        loop {
            let stall = self.limits.stall_timeout;
            let frame = match read_frame(&mut reader, limits::REQUEST, stall).await {
                Ok(frame) if frame.kind == Kind::Request => frame,
                Ok(_) => return End::Garbage("an answer on the peer's own stream"),
                Err(end) => return end,
            };
            // A peer that asks for more than it may waits here, in its own task.
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
                return End::Closed;
            };
            let (reply, answer) = oneshot::channel();
            let request = Event::Request {
                from: self.peer,
                data: frame.body,
                reply: Responder::new(reply),
            };
            let answer = match self.requests.try_send(request) {
                Ok(()) => Some(answer),
                Err(mpsc::error::TrySendError::Full(_)) => None,
                Err(mpsc::error::TrySendError::Closed(_)) => return End::Closed,
            };
            let job = Job {
                id: frame.id,
                answer,
                _slot: slot,
            };
            if jobs.send(job).await.is_err() {
                return End::Closed;
            }
        }
    }

    async fn answer<W: AsyncWrite + Unpin>(
        &self,
        mut writer: W,
        mut queue: mpsc::Receiver<Job>,
    ) -> End {
        let mut pending = FuturesUnordered::new();
        loop {
            let (frame, _slot) = tokio::select! {
                job = queue.recv() => {
                    let Some(job) = job else {
                        return End::Closed;
                    };
                    pending.push(self.wait(job));
                    continue;
                }
                Some(answered) = pending.next() => answered,
            };
            let stall = self.limits.stall_timeout;
            if let Err(end) = write_frame(&mut writer, &frame, stall).await {
                return end;
            }
        }
    }

    async fn wait(&self, job: Job) -> (Frame, OwnedSemaphorePermit) {
        let (kind, body) = match job.answer {
            None => (Kind::Busy, Bytes::new()),
            Some(answer) => match timeout(self.limits.request_timeout, answer).await {
                Ok(Ok(body)) => (Kind::Response, body),
                Ok(Err(_)) | Err(_) => (Kind::Refused, Bytes::new()),
            },
        };
        let id = job.id;
        (Frame { id, kind, body }, job._slot)
    }
}
