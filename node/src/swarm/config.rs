//! What the caller decides about the network.

use std::time::Duration;

use libp2p::{Multiaddr, identity::Keypair};
use spirt_protocol::WIRE_VERSION;

use crate::blobs::Blobs;
use crate::buffers::Buffers;

/// How to start a swarm.
#[derive(Clone, Debug)]
pub struct SwarmConfig {
    /// The ed25519 key of the node; its public half is the peer id.
    pub keypair: Keypair,
    /// The version of the wire format. Peers that speak another one are told apart, and left alone.
    pub version: u16,
    /// Addresses to listen on; `/tcp/0` takes a free port. QUIC addresses need the feature `quic`.
    pub listen: Vec<Multiaddr>,
    /// Addresses at which others reach this node, beside those listened on.
    pub external: Vec<Multiaddr>,
    /// Whether only these are announced, and the addresses listened on kept to oneself.
    pub external_only: bool,
    /// Addresses to enter the network by, with or without `/p2p/<id>`. One that turns out to be
    /// this node itself is left alone, so that all nodes can share one list.
    pub bootstrap: Vec<Multiaddr>,
    /// Bounds on memory and time.
    pub limits: Limits,
    /// What is served chunk by chunk, without the driver. `None`: the driver answers such requests, too.
    pub blobs: Option<Blobs>,
    /// Where received chunks go.
    pub buffers: Buffers,
}

impl SwarmConfig {
    /// This build's version, no listen or bootstrap addresses, default limits.
    pub fn new(keypair: Keypair) -> Self {
        Self {
            keypair,
            version: WIRE_VERSION,
            listen: Vec::new(),
            external: Vec::new(),
            external_only: false,
            bootstrap: Vec::new(),
            limits: Limits::default(),
            blobs: Some(Blobs::default()),
            buffers: Buffers::default(),
        }
    }
}

/// Local bounds; they may differ between nodes. All counts must be at least 1.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Events waiting for the driver (1024). Beyond it gossip is dropped and counted. Each may
    /// hold 48 KiB.
    pub event_queue: usize,
    /// Requests of peers waiting for the driver (256). Beyond it they are answered with "busy".
    pub request_queue: usize,
    /// Messages passed on by one peer that the driver has not judged yet (256); more are dropped,
    /// so that one peer cannot fill the queue.
    pub unjudged_per_peer: usize,
    /// Requests in flight to one peer, and served for one peer, at one time (16). Further ones
    /// wait. A response takes up to 2 MiB.
    pub requests_per_peer: usize,
    /// Requests in flight to all peers (512).
    pub requests_total: usize,
    /// How long a request may take once it is in flight, and how long the driver may take to
    /// answer one of a peer (20 s).
    pub request_timeout: Duration,
    /// How long a frame that has begun may stand still, per 64 KiB (10 s).
    pub stall_timeout: Duration,
}

impl Limits {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let counts = [
            (self.event_queue, "event_queue must not be 0"),
            (self.request_queue, "request_queue must not be 0"),
            (self.unjudged_per_peer, "unjudged_per_peer must not be 0"),
            (self.requests_per_peer, "requests_per_peer must not be 0"),
            (self.requests_total, "requests_total must not be 0"),
        ];
        let zero = counts.into_iter().find(|(count, _)| *count == 0);
        zero.map_or(Ok(()), |(_, why)| Err(why))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_queue: 1024,
            request_queue: 256,
            unjudged_per_peer: 256,
            requests_per_peer: 16,
            requests_total: 512,
            request_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_secs(10),
        }
    }
}
