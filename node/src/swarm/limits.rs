//! The fixed bounds of the network layer, in one place.

use std::time::Duration;

/// Largest message given to [`publish`](super::Handle::publish), and largest one accepted.
///
/// gossipsub refuses frames above [`GOSSIP_FRAME`], but compares its whole read buffer, which may
/// hold 8 KiB of the next frame: the room between the two must stay above 16 KiB.
pub const GOSSIP_MESSAGE: usize = 48 * 1024 - 512;
/// gossipsub `max_transmit_size`.
pub const GOSSIP_FRAME: usize = 64 * 1024;
/// Largest request body on `/spirt/pull/1`.
pub const REQUEST: usize = 8 * 1024;
/// Largest response body on `/spirt/pull/1`: a chunk of 2 MiB and its envelope.
pub const RESPONSE: usize = 2 * 1024 * 1024 + 64;

/// Incoming connections still being set up.
pub const PENDING_IN: u32 = 32;
/// Outgoing connections still being set up.
pub const PENDING_OUT: u32 = 32;
/// Incoming connections.
pub const ESTABLISHED_IN: u32 = 96;
/// Outgoing connections: the full mesh ends at 64 peers.
pub const ESTABLISHED_OUT: u32 = 64;
/// Connections in all.
pub const ESTABLISHED: u32 = 128;
/// Connections with one peer.
pub const ESTABLISHED_PER_PEER: u32 = 3;
/// Yamux streams in one connection.
pub const STREAMS_PER_CONNECTION: usize = 64;
/// Bytes of a Yamux frame with its header: seven records of TLS, so that none is cut. Each frame costs messages between tasks
/// and system calls. Longer ones gain nothing more, and the allocator would take their memory from the system each time.
pub(super) const YAMUX_FRAME: usize = 7 * 16 * 1024;
/// The same without its header.
pub(super) const YAMUX_BODY: usize = YAMUX_FRAME - 12;
/// Bytes read from a socket at a time, and encrypted before they are written: those of a frame, and what stands around it.
pub(super) const SOCKET_BUFFER: usize = 128 * 1024;
/// Bytes that the system takes from a connection before it can send them. What is in its hands nothing overtakes: a seal and
/// the credit for the other direction wait behind it, on a slow link for longer than all else that makes a round.
pub(super) const UNSENT: u32 = 64 * 1024;
/// Bytes that the other side of a connection may send ahead of their readers: the 256 KiB that Yamux grants each stream, and
/// what it may add for links that are fast and long. Transfers ask for less at a time.
pub const CONNECTION_WINDOW: usize = STREAMS_PER_CONNECTION * 256 * 1024 + 4 * 1024 * 1024;
/// Inbound streams of one connection still being negotiated.
pub const NEGOTIATING_STREAMS: usize = 64;
/// A connection without streams or mesh membership is closed after this time.
pub const IDLE_CONNECTION: Duration = Duration::from_secs(120);

/// Life of a provider record: how long a dead node stays findable.
pub const PROVIDER_TTL: Duration = Duration::from_secs(600);
/// How often a provider record is renewed.
pub const PROVIDER_RENEWAL: Duration = Duration::from_secs(180);
/// Providers kept for one run.
pub const PROVIDERS_PER_KEY: usize = 512;
/// Runs for which providers are kept.
pub const PROVIDER_KEYS: usize = 256;

/// Peers whose addresses are remembered.
pub const KNOWN_PEERS: usize = 256;
/// Addresses remembered of one peer.
pub const ADDRESSES_PER_PEER: usize = 8;
/// Dials of known peers under way at one time.
pub const DIALS: usize = 16;
/// Failed dials in a row after which a peer is left alone until the DHT names it again.
pub const DIAL_ATTEMPTS: u8 = 8;
/// Banned peers; the oldest is forgotten beyond this.
pub const BANNED_PEERS: usize = 1024;

pub(super) const COMMAND_QUEUE: usize = 256;
/// Streams waiting to be opened, and inbound ones waiting for their task.
pub(super) const STREAM_QUEUE: usize = 128;
pub(super) const FAULT_QUEUE: usize = 64;
/// Peer and listen events kept while the event queue is full.
pub(super) const OUTBOX: usize = 1024;
/// How long a shutdown may take.
pub(super) const SHUTDOWN: Duration = Duration::from_millis(200);
