//! Errors of the network layer, one enum per operation. None of them changes the swarm's state.

use libp2p::Multiaddr;

/// The swarm could not be started. The operator's configuration or machine is at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be listened on: in use, not ours, or of a transport that is not built in.
    #[error("cannot listen on {addr}: {error}")]
    Listen {
        /// The address as configured.
        addr: Multiaddr,
        /// What the transport said.
        error: String,
    },
    /// The transport could not be built, for example without a DNS configuration.
    #[error("cannot set up the transport: {0}")]
    Transport(String),
    /// A limit is 0, or a protocol refused its parameters.
    #[error("cannot set up the network: {0}")]
    Config(String),
}

/// [`join`](super::Handle::join) failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// A swarm joins one topic in its life.
    #[error("another topic is joined already")]
    AlreadyJoined,
    /// The DHT store or gossipsub refused. Must not happen.
    #[error("cannot join: {0}")]
    Refused(String),
    /// The swarm has shut down.
    #[error("the swarm is closed")]
    Closed,
}

/// [`publish`](super::Handle::publish) failed; nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Nobody that we are connected to has subscribed yet. Try again in about 250 ms.
    #[error("no peer is subscribed to the topic")]
    NoPeersSubscribed,
    /// Longer than [`GOSSIP_MESSAGE`](super::limits::GOSSIP_MESSAGE).
    #[error("the message of {0} bytes is too large")]
    TooLarge(usize),
    /// Every peer is too slow to take another message. Try again later.
    #[error("the queues of all {0} peers are full")]
    QueuesFull(usize),
    /// No topic is joined.
    #[error("no topic is joined")]
    NotJoined,
    /// Signing failed. Must not happen.
    #[error("cannot publish: {0}")]
    Refused(String),
    /// The swarm has shut down.
    #[error("the swarm is closed")]
    Closed,
}

/// [`request`](super::Handle::request) failed. Whether the peer saw the request is unknown,
/// except for `TooLarge` and `NotConnected`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Longer than [`REQUEST`](super::limits::REQUEST).
    #[error("the request of {0} bytes is too large")]
    TooLarge(usize),
    /// There is no connection to this peer. Requests never dial.
    #[error("not connected to the peer")]
    NotConnected,
    /// The connection or the stream ended before the response.
    #[error("the peer disconnected")]
    Disconnected,
    /// The stream could not be opened.
    #[error("cannot open a stream: {0}")]
    Open(String),
    /// No response in time.
    #[error("the peer did not answer in time")]
    Timeout,
    /// The peer declined, or its driver did not answer.
    #[error("the peer refused")]
    Refused,
    /// The peer has too much to do. Ask another one, or later.
    #[error("the peer is busy")]
    Busy,
    /// The peer broke the protocol; it has been disconnected.
    #[error("the peer broke the protocol")]
    Garbage,
    /// The swarm has shut down.
    #[error("the swarm is closed")]
    Closed,
}

/// A [`chunk`](super::Handle::chunk) did not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// The peer does not have it.
    #[error("the peer does not have it")]
    Unknown,
    /// The peer will have it, or show it, later.
    #[error("the peer asks for patience")]
    Later,
    /// What came cannot be the chunk: it has another length, or is none.
    #[error("something else than the chunk came")]
    Wrong,
    /// Nothing came.
    #[error(transparent)]
    Request(RequestError),
}

impl From<RequestError> for ChunkError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Busy => Self::Later,
            other => Self::Request(other),
        }
    }
}

/// [`dial`](super::Handle::dial) could not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The address is not usable, or a limit is reached.
    #[error("cannot dial: {0}")]
    Refused(String),
    /// The swarm has shut down.
    #[error("the swarm is closed")]
    Closed,
}
