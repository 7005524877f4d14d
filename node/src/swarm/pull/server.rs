//! The serving side: one task per peer, so that no peer can hold up another.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{
    AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _, io::AsyncRead, io::AsyncWrite,
    stream::FuturesUnordered,
};
use libp2p::{PeerId, Stream};
use spirt_protocol::{Digest, Request, Response};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::{AbortHandle, JoinSet},
    time::timeout,
};

use super::{
    ACK, HELLO,
    frame::{End, Kind, expect, read_frame, within, write_parts},
};
use crate::blobs::{Blobs, Board, Serving, Telling};
use crate::peer;
use crate::swarm::{
    config::Limits,
    event::{Event, Fault, Responder},
    limits,
};

/// How long a question for what became of payloads waits for news.
const HOLDINGS_PATIENCE: Duration = Duration::from_millis(500);
/// How long it waits from then on for news of the others: who asks needs all, and to ask again takes a way there and back.
const HOLDINGS_GATHERING: Duration = Duration::from_millis(100);

/// Takes inbound streams until the swarm ends. A peer has one: a newer one replaces the older.
pub(crate) async fn serve(
    mut incoming: mpsc::Receiver<(PeerId, Stream)>,
    requests: mpsc::Sender<Event>,
    faults: mpsc::Sender<(PeerId, Fault)>,
    limits: Limits,
    blobs: Option<Blobs>,
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
                    asker: peer::from_libp2p(&peer),
                    blobs: blobs.clone(),
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
    source: Source,
    /// Held until the answer is written.
    _slot: OwnedSemaphorePermit,
}

/// Where an answer comes from.
enum Source {
    /// The driver has too much to do.
    Nowhere,
    /// The driver.
    Driver(oneshot::Receiver<Bytes>),
    /// The blobs.
    Chunk {
        blobs: Blobs,
        root: Digest,
        index: u32,
    },
    /// What is told of payloads in parts.
    Holds(Board, Vec<Digest>),
    /// The sums of a set.
    Sums(Board, Digest),
}

/// An answer: its kind, what stands before the bytes, and the bytes.
struct Answer {
    id: u32,
    kind: Kind,
    head: Vec<u8>,
    body: Bytes,
    _slot: OwnedSemaphorePermit,
}

struct Server {
    peer: PeerId,
    /// The same peer, as the protocol names it.
    asker: Option<spirt_protocol::PeerId>,
    requests: mpsc::Sender<Event>,
    limits: Limits,
    blobs: Option<Blobs>,
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
            let Some(source) = self.source(frame.body) else {
                return End::Closed;
            };
            let job = Job {
                id: frame.id,
                source,
                _slot: slot,
            };
            if jobs.send(job).await.is_err() {
                return End::Closed;
            }
        }
    }

    /// Where the answer to a request will come from; `None` when the driver has ended.
    fn source(&self, request: Bytes) -> Option<Source> {
        if let Some(blobs) = self.blobs.clone() {
            match Request::decode(&request) {
                Ok(Request::Chunk { root, index }) => {
                    return Some(Source::Chunk { blobs, root, index });
                }
                Ok(Request::Holds(roots)) => {
                    return Some(Source::Holds(blobs.board().clone(), roots));
                }
                Ok(Request::Sums(set)) => return Some(Source::Sums(blobs.board().clone(), set)),
                // The driver judges what is no request.
                Ok(_) | Err(_) => {}
            }
        }
        let (reply, answer) = oneshot::channel();
        let request = Event::Request {
            from: self.peer,
            data: request,
            reply: Responder::new(reply),
        };
        match self.requests.try_send(request) {
            Ok(()) => Some(Source::Driver(answer)),
            Err(mpsc::error::TrySendError::Full(_)) => Some(Source::Nowhere),
            Err(mpsc::error::TrySendError::Closed(_)) => None,
        }
    }

    async fn answer<W: AsyncWrite + Unpin>(
        &self,
        mut writer: W,
        mut queue: mpsc::Receiver<Job>,
    ) -> End {
        let mut pending = FuturesUnordered::new();
        loop {
            let answer = tokio::select! {
                job = queue.recv() => {
                    let Some(job) = job else {
                        return End::Closed;
                    };
                    pending.push(self.wait(job));
                    continue;
                }
                Some(answer) = pending.next() => answer,
            };
            let body = [&answer.head[..], &answer.body];
            let stall = self.limits.stall_timeout;
            if let Err(end) = write_parts(&mut writer, answer.id, answer.kind, body, stall).await {
                return end;
            }
        }
    }

    async fn wait(&self, job: Job) -> Answer {
        let (kind, head, body) = match job.source {
            Source::Nowhere => (Kind::Busy, Vec::new(), Bytes::new()),
            Source::Driver(answer) => match timeout(self.limits.request_timeout, answer).await {
                Ok(Ok(body)) => (Kind::Response, Vec::new(), body),
                Ok(Err(_)) | Err(_) => (Kind::Refused, Vec::new(), Bytes::new()),
            },
            Source::Chunk { blobs, root, index } => match self.chunk(&blobs, root, index).await {
                Serving::Chunk(chunk) => (Kind::Response, Response::bytes_head(chunk.len()), chunk),
                Serving::Unknown => (Kind::Response, Response::Unknown.encode(), Bytes::new()),
                Serving::Closed => (Kind::Busy, Vec::new(), Bytes::new()),
                Serving::Enough => (Kind::Refused, Vec::new(), Bytes::new()),
            },
            // Without news the asker is told so after a while: it may have heard of other payloads meanwhile.
            Source::Holds(board, roots) => {
                let something = board.tells(&roots, Telling::Something);
                if timeout(HOLDINGS_PATIENCE, something).await.is_ok() {
                    let everything = board.tells(&roots, Telling::Everything);
                    // As much as there is by then.
                    let _ = timeout(HOLDINGS_GATHERING, everything).await;
                }
                respond(Response::Bytes(board.holdings(&roots)))
            }
            Source::Sums(board, set) => {
                let patience = self.limits.request_timeout / 2;
                let named = timeout(patience, board.named(&set)).await;
                respond(named.map_or(Response::Unknown, |hashes| Response::Bytes(hashes.to_vec())))
            }
        };
        Answer {
            id: job.id,
            kind,
            head,
            body,
            _slot: job._slot,
        }
    }

    /// A chunk from the blobs. What is not to be shown yet is waited for, half as long as the peer waits for an answer.
    async fn chunk(&self, blobs: &Blobs, root: Digest, index: u32) -> Serving {
        let Some(asker) = self.asker else {
            return Serving::Enough;
        };
        let shown = async {
            loop {
                let opened = blobs.opened();
                match blobs.serve(&root, index, asker) {
                    Serving::Closed => opened.await,
                    other => return other,
                }
            }
        };
        let patience = self.limits.request_timeout / 2;
        timeout(patience, shown).await.unwrap_or(Serving::Closed)
    }
}

fn respond(response: Response) -> (Kind, Vec<u8>, Bytes) {
    (Kind::Response, response.encode(), Bytes::new())
}
