//! A network in user space: each node behind a link up and a link down, of a rate, and a delay between any two.
//!
//! A TCP proxy stands before each node's listener. Who dials through it is found out from the system's table of sockets, so
//! that the bytes of a connection pass the links of both its ends. What it leaves out: loss, and the slow start of TCP.

mod link;
mod owner;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use link::Link;

/// Bytes that are read and delivered at a time.
const PIECE: usize = 16 * 1024;
/// Pieces of a connection on their way in one direction.
const IN_FLIGHT: usize = 128;
/// Bytes that the system may hold for a connection besides: little, or they would be a second queue.
const SOCKET_BYTES: u32 = 64 * 1024;
/// How far ahead of a link pieces are read: more than timers are late.
const AHEAD: Duration = Duration::from_millis(4);
/// Connections that wait to be accepted.
const BACKLOG: u32 = 64;

/// What all links are like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// From one node to another.
    pub(super) delay: Duration,
    /// Bytes per second, up and down each.
    pub(super) rate: f64,
}

/// The links of one node.
#[derive(Debug, Clone)]
struct Links {
    up: Arc<Link>,
    down: Arc<Link>,
}

/// The network. Dropping it cuts all connections.
pub(super) struct Network {
    runtime: Runtime,
    shared: Arc<Shared>,
}

struct Shared {
    shape: Shape,
    /// By process id.
    nodes: Mutex<Vec<(u32, Links)>>,
    /// Connections of which nobody knows who dialled.
    strange: AtomicU64,
}

/// A place in the network for a node that is still to start.
pub(super) struct Place {
    /// Where others reach it.
    pub(super) front: SocketAddr,
    links: Links,
}

impl Network {
    pub(super) fn new(shape: Shape) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("cannot start the network")?;
        let shared = Arc::new(Shared {
            shape,
            nodes: Mutex::default(),
            strange: AtomicU64::new(0),
        });
        Ok(Self { runtime, shared })
    }

    /// Opens a front for a node that will listen on `behind`.
    pub(super) fn place(&self, behind: SocketAddr) -> Result<Place> {
        let listener = self
            .runtime
            .block_on(async { listen() })
            .context("cannot open a front")?;
        let front = listener.local_addr().context("a front has an address")?;
        let link = || Arc::new(Link::new(self.shared.shape.rate));
        let links = Links {
            up: link(),
            down: link(),
        };
        let accept = accept(listener, behind, links.clone(), Arc::clone(&self.shared));
        self.runtime.spawn(accept);
        Ok(Place { front, links })
    }

    /// The node at a place runs as this process from now on.
    pub(super) fn settle(&self, place: &Place, pid: u32) {
        self.shared.nodes().push((pid, place.links.clone()));
    }

    /// Connections that were refused since nobody knows who dialled.
    pub(super) fn strange(&self) -> u64 {
        self.shared.strange.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn nodes(&self) -> std::sync::MutexGuard<'_, Vec<(u32, Links)>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The links of the node that the other end of an accepted connection belongs to.
    fn links_of(&self, dialler: SocketAddr) -> Option<Links> {
        let inode = owner::inode(dialler)?;
        let nodes = self.nodes();
        let mut nodes = nodes.iter();
        let found = nodes.find(|(pid, _)| owner::holds(*pid, inode));
        found.map(|(_, links)| links.clone())
    }
}

fn listen() -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(SOCKET_BYTES)?;
    socket.set_send_buffer_size(SOCKET_BYTES)?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    socket.listen(BACKLOG)
}

async fn connect(behind: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(SOCKET_BYTES)?;
    socket.set_send_buffer_size(SOCKET_BYTES)?;
    socket.connect(behind).await
}

async fn accept(listener: TcpListener, behind: SocketAddr, host: Links, shared: Arc<Shared>) {
    while let Ok((stream, dialler)) = listener.accept().await {
        let (host, shared) = (host.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let Some(guest) = shared.links_of(dialler) else {
                shared.strange.fetch_add(1, Ordering::Relaxed);
                return;
            };
            let delay = shared.shape.delay;
            // The way of the handshake's first packet.
            tokio::time::sleep(delay).await;
            let Ok(inside) = connect(behind).await else {
                return;
            };
            // Who is not waited for would hold small messages back.
            let _ = (stream.set_nodelay(true), inside.set_nodelay(true));
            let (from_guest, to_guest) = stream.into_split();
            let (from_host, to_host) = inside.into_split();
            tokio::join!(
                carry(from_guest, to_host, [guest.up, host.down], delay),
                carry(from_host, to_guest, [host.up, guest.down], delay),
            );
        });
    }
}

/// Carries one direction of a connection, over a link up and a link down, until either end closes it.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    [up, down]: [Arc<Link>; 2],
    delay: Duration,
) {
    let (sender, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(IN_FLIGHT);
    let send = async move {
        let mut buffer = vec![0; PIECE];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let left = up.pass(Instant::now(), length);
            let piece = buffer[..length].to_vec();
            if sender.send((left + delay, piece)).await.is_err() {
                return;
            }
            sleep_until(left - AHEAD).await;
        }
    };
    let deliver = async move {
        while let Some((arrives, piece)) = pieces.recv().await {
            sleep_until(arrives).await;
            sleep_until(down.pass(arrives, piece.len())).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(send, deliver);
}
