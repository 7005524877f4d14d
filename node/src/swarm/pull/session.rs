//! One session per peer asked: the task that owns the stream to it.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::{PeerId, Stream};
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

use super::{
    ACK, HELLO,
    frame::{End, Frame, Kind, expect, read_frame, within, write_frame},
};
use crate::swarm::{
    config::Limits, error::RequestError, event::Fault, handle::Shared, limits, streams::Opener,
};

const OPEN_ATTEMPTS: u32 = 6;
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);
const OPEN_RETRY: Duration = Duration::from_millis(20);
/// Requests that we gave up keep their id until the answer comes. A peer that owes this many
/// times what may be in flight is not answering at all.
const OWED: usize = 4;

pub(super) type Answer = oneshot::Sender<Result<Bytes, RequestError>>;

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
                let frame = read_frame(&mut reader, limits::RESPONSE, stall).await?;
                let answer = waiting().remove(&frame.id);
                let answer = answer.ok_or(End::Garbage("answer to no question"))?;
                // The caller may have given up.
                let _ = answer.send(match frame.kind {
                    Kind::Response => Ok(frame.body),
                    Kind::Refused => Err(RequestError::Refused),
                    Kind::Busy => Err(RequestError::Busy),
                    Kind::Request => return Err(End::Garbage("a request on our own stream")),
                });
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
            let _ = answer.send(Err(error.clone()));
        }
        end
    }
}

fn fail(call: Call, error: &RequestError) {
    if let Call::Request(_, answer) = call {
        let _ = answer.send(Err(error.clone()));
    }
}
