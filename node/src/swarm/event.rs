//! What the swarm tells the driver.

use bytes::Bytes;
use libp2p::{Multiaddr, PeerId, gossipsub::MessageId};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::limits;

/// Something happened in the network.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// We can be reached at this address (without `/p2p`).
    Listening(Multiaddr),
    /// The first connection with a peer is up. It need not take part in our run.
    PeerUp(PeerId),
    /// The last connection with a peer is gone. Members of our topic are redialled a few times.
    PeerDown(PeerId),
    /// A message on our topic. It is passed on to others only after
    /// [`judge`](super::Handle::judge) with [`Acceptance::Accept`], which must come within 5 s.
    Gossip {
        /// Who passed it to us; not necessarily its author.
        from: PeerId,
        /// To judge it by.
        token: MessageToken,
        /// The message.
        data: Vec<u8>,
    },
    /// A peer asks for something.
    Request {
        /// Who asks.
        from: PeerId,
        /// The request, at most [`REQUEST`](limits::REQUEST) bytes.
        data: Bytes,
        /// To answer by.
        reply: Responder,
    },
    /// A peer does not take our gossip as fast as we send it; some was dropped.
    SlowPeer(PeerId),
    /// A bootstrap address could not be reached while we had no peer. It will be tried again.
    BootstrapFailed {
        /// The address as configured.
        addr: Multiaddr,
        /// Why.
        error: String,
    },
    /// A peer speaks another version of the wire format: it is connected, but has nothing to say to us.
    OtherVersion {
        /// Who.
        peer: PeerId,
        /// Its version.
        version: u16,
    },
    /// A peer broke a protocol.
    Misbehaved(PeerId, Fault),
}

/// How a peer broke a protocol of this layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Bytes on `/spirt/pull/1` that are no frame, an oversize one, or an answer to no question.
    /// The peer has been disconnected.
    Garbage,
    /// It began a frame and stopped, or it does not read what it asked for. Its stream was closed.
    Stalled,
    /// A gossip message above [`GOSSIP_MESSAGE`](limits::GOSSIP_MESSAGE). It was rejected.
    Oversize,
}

/// The verdict on a gossip message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// Valid: pass it on.
    Accept,
    /// Invalid: do not pass it on; whoever sends it is at fault.
    Reject,
    /// Of no use, but nobody's fault: do not pass it on.
    Ignore,
}

/// Names a received message until it is judged. A dropped token counts as
/// [`Acceptance::Ignore`], once gossipsub forgets the message.
#[derive(Debug)]
#[must_use = "an unjudged message is not passed on"]
pub struct MessageToken {
    pub(super) id: MessageId,
    pub(super) source: PeerId,
    /// Held so that one peer has a bounded number of unjudged messages.
    pub(super) _slot: OwnedSemaphorePermit,
}

/// Answers one request. Dropping it tells the peer that it is refused.
#[derive(Debug)]
pub struct Responder(oneshot::Sender<Bytes>);

impl Responder {
    pub(crate) fn new(reply: oneshot::Sender<Bytes>) -> Self {
        Self(reply)
    }

    /// Sends the response. One above [`RESPONSE`](limits::RESPONSE) bytes is sent as a refusal.
    /// A peer that has gone meanwhile is nobody's fault, so there is no result.
    pub fn send(self, response: impl Into<Bytes>) {
        let response = response.into();
        if response.len() > limits::RESPONSE {
            tracing::error!(bytes = response.len(), "response too large, refused");
            return;
        }
        // The serve task is gone when the peer is.
        let _ = self.0.send(response);
    }
}

/// The events of a swarm, in order; requests are queued apart, so that neither kind can crowd
/// out the other.
#[derive(Debug)]
pub struct EventStream {
    events: mpsc::Receiver<Event>,
    requests: mpsc::Receiver<Event>,
}

impl EventStream {
    pub(super) fn new(events: mpsc::Receiver<Event>, requests: mpsc::Receiver<Event>) -> Self {
        Self { events, requests }
    }

    /// The next event, `None` after shutdown.
    ///
    /// # Cancel safety
    /// No event is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<Event> {
        tokio::select! {
            Some(event) = self.events.recv() => Some(event),
            Some(event) = self.requests.recv() => Some(event),
            else => None,
        }
    }
}
