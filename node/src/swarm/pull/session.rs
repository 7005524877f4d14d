//! One session per peer asked: the task that owns the stream to it.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::{PeerId, Stream};
use spirt_protocol::Response;
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

use super::{
    ACK, HELLO,
    frame::{
        End, Frame, Header, Kind, expect, read_body, read_header, read_into, skip, within,
        write_frame,
    },
};
use crate::blobs::{Filling, Hashed};
use crate::buffers::Buffers;
use crate::swarm::{
    config::Limits,
    error::{ChunkError, RequestError},
    event::Fault,
    handle::Shared,
    limits,
    streams::Opener,
};

const OPEN_ATTEMPTS: u32 = 6;
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);
const OPEN_RETRY: Duration = Duration::from_millis(20);
/// Requests that we gave up keep their id until the answer comes. A peer that owes this many
/// times what may be in flight is not answering at all.
const OWED: usize = 4;

/// Where an answer goes.
pub(super) enum Answer {
    /// As it is.
    Bytes(oneshot::Sender<Result<Bytes, RequestError>>),
    /// A chunk of so many bytes, into a buffer that is used again.
    Chunk(usize, oneshot::Sender<Result<Hashed, ChunkError>>),
}

impl Answer {
    /// Whether nobody waits for it any more.
    fn is_closed(&self) -> bool {
        match self {
            Self::Bytes(answer) => answer.is_closed(),
            Self::Chunk(_, answer) => answer.is_closed(),
        }
    }

    fn fail(self, error: RequestError) {
        // The caller may have given up.
        match self {
            Self::Bytes(answer) => drop(answer.send(Err(error))),
            Self::Chunk(_, answer) => drop(answer.send(Err(error.into()))),
        }
    }
}

/// What a session is asked to do.
pub(super) enum Call {
    /// Open the stream, so that it is there when needed.
    Warm,
    Request(Bytes, Answer),
}

/// Runs until its queue closes. Holds no stream until the first call.
pub(super) struct Runner {
    pub(super) peer: PeerId,
    pub(super) opener: Opener,
    pub(super) shared: Arc<Shared>,
    pub(super) faults: mpsc::Sender<(PeerId, Fault)>,
    pub(super) limits: Limits,
    pub(super) buffers: Buffers,
}

impl Runner {
    pub(super) async fn run(self, mut queue: mpsc::Receiver<Call>) {
        while let Some(call) = queue.recv().await {
            match self.open().await {
                Ok(stream) => {
                    let end = self.converse(stream, call, &mut queue).await;
                    self.report(&end);
                }
                Err(error) => {
                    tracing::debug!(peer = %self.peer, %error, "no stream");
                    fail(call, &error);
                    while let Ok(call) = queue.try_recv() {
                        fail(call, &error);
                    }
                }
            }
        }
    }

    fn report(&self, end: &End) {
        tracing::debug!(peer = %self.peer, ?end, "stream ended");
        let fault = match end {
            End::Closed => return,
            End::Garbage(_) => Fault::Garbage,
            End::Stalled => Fault::Stalled,
        };
        // The queue is full only when there are faults enough to act on.
        let _ = self.faults.try_send((self.peer, fault));
    }

    async fn open(&self) -> Result<Stream, RequestError> {
        let mut failure = RequestError::Timeout;
        for attempt in 0..OPEN_ATTEMPTS {
            if attempt > 0 {
                sleep(OPEN_RETRY * (1 << attempt)).await;
            }
            if !self.shared.is_connected(&self.peer) {
                return Err(RequestError::Disconnected);
            }
            let greeted = async {
                let stream = self.opener.open(self.peer).await;
                let mut stream = stream.map_err(RequestError::Open)?;
                Ok(self.greet(&mut stream).await.map(|()| stream))
            };
            failure = match timeout(OPEN_TIMEOUT, greeted).await {
                Ok(Ok(Ok(stream))) => return Ok(stream),
                Ok(Ok(Err(end @ End::Garbage(_)))) => {
                    self.report(&end);
                    return Err(RequestError::Garbage);
                }
                Ok(Ok(Err(_))) => RequestError::Open("the peer closed it".into()),
                Ok(Err(error)) => error,
                Err(_) => RequestError::Timeout,
            };
        }
        Err(failure)
    }

    async fn greet(&self, stream: &mut Stream) -> Result<(), End> {
        within(OPEN_TIMEOUT, stream.write_all(HELLO)).await?;
        within(OPEN_TIMEOUT, stream.flush()).await?;
        expect(stream, ACK).await
    }

    /// Sends calls and takes answers until the stream ends; fails what is then unanswered.
    async fn converse(&self, stream: Stream, first: Call, queue: &mut mpsc::Receiver<Call>) -> End {
        let stall = self.limits.stall_timeout;
        let (mut reader, mut writer) = stream.split();
        let waiting = Mutex::new(HashMap::<u32, Answer>::new());
        let waiting = || waiting.lock().unwrap_or_else(PoisonError::into_inner);

        let send = async {
            let mut id = 0_u32;
            let mut call = first;
            loop {
                if let Call::Request(body, answer) = call
                    && !answer.is_closed()
                {
                    id = id.wrapping_add(1);
                    waiting().insert(id, answer);
                    if waiting().len() > OWED * self.limits.requests_per_peer {
                        return Err(End::Stalled);
                    }
                    let kind = Kind::Request;
                    write_frame(&mut writer, &Frame { id, kind, body }, stall).await?;
                }
                call = queue.recv().await.ok_or(End::Closed)?;
            }
        };
        let receive = async {
            loop {
                let header = read_header(&mut reader, limits::RESPONSE, stall).await?;
                let answer = waiting().remove(&header.id);
                let answer = answer.ok_or(End::Garbage("answer to no question"))?;
                self.receive(&mut reader, header, answer).await?;
            }
        };
        let end: Result<Infallible, End> = tokio::select! {
            end = send => end,
            end = receive => end,
        };
        let end = match end {
            Ok(never) => match never {},
            Err(end) => end,
        };
        let error = match end {
            End::Closed => RequestError::Disconnected,
            End::Garbage(_) => RequestError::Garbage,
            End::Stalled => RequestError::Timeout,
        };
        for (_, answer) in waiting().drain() {
            answer.fail(error.clone());
        }
        end
    }

    /// Reads an answer's body and hands it to whoever waits for it.
    async fn receive<R: AsyncRead + Unpin>(
        &self,
        reader: &mut R,
        header: Header,
        answer: Answer,
    ) -> Result<(), End> {
        let stall = self.limits.stall_timeout;
        let error = match header.kind {
            Kind::Response => None,
            Kind::Refused => Some(RequestError::Refused),
            Kind::Busy => Some(RequestError::Busy),
            Kind::Request => return Err(End::Garbage("a request on our own stream")),
        };
        if error.is_some() || answer.is_closed() {
            skip(reader, header.length, stall).await?;
            answer.fail(error.unwrap_or(RequestError::Timeout));
            return Ok(());
        }
        match answer {
            Answer::Bytes(answer) => {
                let body = read_body(reader, header.length, stall).await?;
                // The caller may have given up meanwhile.
                let _ = answer.send(Ok(body));
            }
            Answer::Chunk(length, answer) => {
                let chunk = self.receive_chunk(reader, header.length, length).await?;
                let _ = answer.send(chunk);
            }
        }
        Ok(())
    }

    /// Reads the answer to the request for a chunk of `wanted` bytes. Memory is taken for an answer of the right form
    /// only.
    async fn receive_chunk<R: AsyncRead + Unpin>(
        &self,
        reader: &mut R,
        length: usize,
        wanted: usize,
    ) -> Result<Result<Hashed, ChunkError>, End> {
        let stall = self.limits.stall_timeout;
        let unknown = Response::Unknown.encode();
        if length == unknown.len() {
            let body = read_body(reader, length, stall).await?;
            let is_unknown = *body == *unknown;
            return Ok(Err(if is_unknown {
                ChunkError::Unknown
            } else {
                ChunkError::Wrong
            }));
        }
        let head = Response::bytes_head(wanted);
        if length != head.len() + wanted {
            skip(reader, length, stall).await?;
            return Ok(Err(ChunkError::Wrong));
        }
        let read = read_body(reader, head.len(), stall).await?;
        if *read != *head {
            skip(reader, wanted, stall).await?;
            return Ok(Err(ChunkError::Wrong));
        }
        let mut filling = Filling::new(self.buffers.take(wanted));
        read_into(reader, &mut filling, stall).await?;
        Ok(filling.finish().ok_or(ChunkError::Wrong))
    }
}

fn fail(call: Call, error: &RequestError) {
    if let Call::Request(_, answer) = call {
        answer.fail(error.clone());
    }
}
