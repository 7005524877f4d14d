//! The driver's side of the swarm.

use std::{
    collections::HashSet,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use libp2p::{Multiaddr, PeerId};
use spirt_protocol::Digest;
use tokio::sync::{mpsc, oneshot};

use crate::blobs::Hashed;

use super::{
    error::{ChunkError, DialError, JoinError, PublishError, RequestError},
    event::{Acceptance, MessageToken},
    meter::Meter,
    pull::client::PullClient,
};

/// What the task, the sessions and the handles all see.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) meter: Arc<Meter>,
    pub(super) gossip_dropped: AtomicU64,
    peers: RwLock<HashSet<PeerId>>,
}

impl Shared {
    pub(super) fn peer_up(&self, peer: PeerId) {
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        peers.insert(peer);
    }

    pub(super) fn peer_down(&self, peer: &PeerId) {
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        peers.remove(peer);
    }

    pub(super) fn is_connected(&self, peer: &PeerId) -> bool {
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers.contains(peer)
    }

    pub(super) fn peers(&self) -> Vec<PeerId> {
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers.iter().copied().collect()
    }
}

/// A request to the task.
#[derive(Debug)]
pub(super) enum Command {
    Join([u8; 32], oneshot::Sender<Result<(), JoinError>>),
    Publish(Vec<u8>, oneshot::Sender<Result<(), PublishError>>),
    Judge(MessageToken, Acceptance),
    Dial(Multiaddr, oneshot::Sender<Result<(), DialError>>),
    Members(oneshot::Sender<Vec<Multiaddr>>),
    Disconnect(PeerId),
    Ban(PeerId),
    Pardon(PeerId),
    Score(PeerId, f64),
    Shutdown(oneshot::Sender<()>),
}

/// Bytes and losses since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes written, as on the wire for TCP (Noise and Yamux included); stream bytes for QUIC.
    pub sent: u64,
    /// Bytes read, likewise.
    pub received: u64,
    /// Gossip messages dropped because the driver was too slow.
    pub gossip_dropped: u64,
}

/// Controls a running swarm. Cheap to clone; all clones are equal.
#[derive(Clone, Debug)]
pub struct Handle {
    local: PeerId,
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
    pull: PullClient,
}

impl Handle {
    pub(super) fn new(
        local: PeerId,
        commands: mpsc::Sender<Command>,
        shared: Arc<Shared>,
        pull: PullClient,
    ) -> Self {
        Self {
            local,
            commands,
            shared,
            pull,
        }
    }

    /// Our own id.
    pub fn local_peer(&self) -> PeerId {
        self.local
    }

    /// The peers that we are connected to, in no order; without those that were found to speak another version.
    pub fn peers(&self) -> Vec<PeerId> {
        self.shared.peers()
    }

    /// Whether we are connected to a peer.
    pub fn is_connected(&self, peer: &PeerId) -> bool {
        self.shared.is_connected(peer)
    }

    /// Bytes and losses so far.
    pub fn traffic(&self) -> Traffic {
        Traffic {
            sent: self.shared.meter.sent(),
            received: self.shared.meter.received(),
            gossip_dropped: self.shared.gossip_dropped.load(Ordering::Relaxed),
        }
    }

    /// Subscribes to the topic of a run, announces us as one of its peers, and looks for the
    /// others from now on.
    pub async fn join(&self, topic_key: [u8; 32]) -> Result<(), JoinError> {
        self.ask(|done| Command::Join(topic_key, done))
            .await
            .unwrap_or(Err(JoinError::Closed))
    }

    /// Gossips a message on the joined topic. Our own messages do not come back as events.
    /// A message that was published or received before is `Ok` and is not sent again.
    pub async fn publish(&self, data: Vec<u8>) -> Result<(), PublishError> {
        self.ask(|done| Command::Publish(data, done))
            .await
            .unwrap_or(Err(PublishError::Closed))
    }

    /// Decides what becomes of a received message. Without effect after shutdown.
    pub async fn judge(&self, token: MessageToken, acceptance: Acceptance) {
        let _ = self.commands.send(Command::Judge(token, acceptance)).await;
    }

    /// Asks a connected peer. Waits for a free slot among
    /// [`requests_per_peer`](super::Limits::requests_per_peer) first; the timeout runs from then.
    ///
    /// # Cancel safety
    /// Dropping the future gives the request up; a late response is discarded.
    pub async fn request(
        &self,
        peer: PeerId,
        request: impl Into<Bytes>,
    ) -> Result<Bytes, RequestError> {
        self.pull.request(peer, request.into()).await
    }

    /// Asks a connected peer for one chunk, of `length` bytes, of the blob behind `root`. What comes has the length, and
    /// is hashed, which says whether it is the chunk. Waits as [`Handle::request`] does; the bytes lie in a buffer that is used again when
    /// they are dropped.
    ///
    /// # Cancel safety
    /// Dropping the future gives the request up; a late chunk is read over.
    pub async fn chunk(
        &self,
        peer: PeerId,
        root: Digest,
        index: u32,
        length: usize,
    ) -> Result<Hashed, ChunkError> {
        self.pull.chunk(peer, root, index, length).await
    }

    /// Starts a dial; success shows as [`Event::PeerUp`](super::Event::PeerUp).
    pub async fn dial(&self, addr: Multiaddr) -> Result<(), DialError> {
        self.ask(|done| Command::Dial(addr, done))
            .await
            .unwrap_or(Err(DialError::Closed))
    }

    /// Where the peers of our run listen, with their ids: to enter the network by, another time.
    pub async fn member_addrs(&self) -> Vec<Multiaddr> {
        self.ask(Command::Members).await.unwrap_or_default()
    }

    /// Closes all connections with a peer. It may come back, and is dialled again when the DHT
    /// names it.
    pub async fn disconnect(&self, peer: PeerId) {
        let _ = self.commands.send(Command::Disconnect(peer)).await;
    }

    /// Closes all connections with a peer and refuses it from now on.
    pub async fn ban(&self, peer: PeerId) {
        let _ = self.commands.send(Command::Ban(peer)).await;
    }

    /// Lets a banned peer back in.
    pub async fn pardon(&self, peer: PeerId) {
        let _ = self.commands.send(Command::Pardon(peer)).await;
    }

    /// What the node thinks of a peer, 0 or below: gossip avoids it below -10, sends it nothing of
    /// ours below -40, and does not listen to it below -80.
    pub async fn score(&self, peer: PeerId, score: f64) {
        let _ = self.commands.send(Command::Score(peer, score)).await;
    }

    /// Leaves the topic, closes all connections and ends the task, within 200 ms.
    pub async fn shutdown(&self) {
        let _ = self.ask(Command::Shutdown).await;
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (done, answer) = oneshot::channel();
        self.commands.send(command(done)).await.ok()?;
        answer.await.ok()
    }
}
