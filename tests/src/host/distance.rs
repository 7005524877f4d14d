//! A node that seems far away: a relay to it in which everything takes its time.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Pieces that are under way at most, in each direction of a connection.
const UNDER_WAY: usize = 1024;
/// Bytes of one.
const PIECE_BYTES: usize = 16 * 1024;

/// Something that was sent, and when it arrives. Nothing where the stream ends.
type Piece = (Instant, Vec<u8>);

/// Relays to `target`, for as long as this process lives, and returns where. Whatever is sent there, or comes back, takes
/// `delay` longer.
///
/// # Panics
/// When this machine gives no port.
pub fn relay(target: SocketAddr, delay: Duration) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for guest in listener.incoming() {
            // Who cannot be relayed sees its connection closed.
            let _ = guest.and_then(|guest| connect(guest, target, delay));
        }
    });
    address
}

fn connect(guest: TcpStream, target: SocketAddr, delay: Duration) -> io::Result<()> {
    let host = TcpStream::connect(target)?;
    for stream in [&guest, &host] {
        stream.set_nodelay(true)?;
    }
    carry(guest.try_clone()?, host.try_clone()?, delay);
    carry(host, guest, delay);
    Ok(())
}

/// Carries what comes `from` one end to the other.
fn carry(mut from: TcpStream, to: TcpStream, delay: Duration) {
    let (sender, pieces) = sync_channel::<Piece>(UNDER_WAY);
    thread::spawn(move || deliver(to, &pieces));
    thread::spawn(move || {
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let length = from.read(&mut piece).unwrap_or_default();
            piece.truncate(length);
            let sent = sender.send((Instant::now() + delay, piece));
            if sent.is_err() || length == 0 {
                break;
            }
        }
    });
}

fn deliver(mut to: TcpStream, pieces: &Receiver<Piece>) {
    for (arrives, piece) in pieces {
        thread::sleep(arrives.saturating_duration_since(Instant::now()));
        if piece.is_empty() || to.write_all(&piece).is_err() {
            break;
        }
    }
    // The other end may be gone already.
    let _ = to.shutdown(Shutdown::Write);
}
