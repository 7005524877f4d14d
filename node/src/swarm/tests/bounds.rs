//! Discovery and frames without a network, in virtual time.

use futures::io::Cursor;
use libp2p::kad::RecordKey;

use super::*;
use crate::swarm::{
    book::Book,
    discovery::{Action, Discovery},
    limits,
    pull::frame::{End, Frame, HEADER, Kind, read_frame, write_frame},
};

fn peer() -> PeerId {
    Keypair::generate_ed25519().public().to_peer_id()
}

fn addr(text: &str) -> Multiaddr {
    text.parse().unwrap()
}

#[test]
fn bootstrap_is_tried_at_growing_distance_while_alone() {
    let start = Instant::now();
    let mut now = start;
    let bootstrap = vec![addr("/ip4/10.0.0.1/tcp/1")];
    let mut discovery = Discovery::new(peer(), bootstrap, now);
    let mut tried = Vec::new();
    while tried.len() < 8 {
        now = discovery.poll_timeout().unwrap();
        for action in discovery.handle_timeout(now) {
            let Action::Dial(dial) = action else {
                panic!("{action:?}");
            };
            tried.push((now - start).as_secs());
            let failed = discovery.dial_failed(dial.connection_id(), None, false, now);
            assert!(failed.is_some());
        }
        assert!(discovery.poll_timeout().unwrap() > now);
    }
    assert_eq!(tried, [0, 1, 3, 7, 15, 30, 45, 60]);
}

#[test]
fn our_own_bootstrap_address_is_left_alone() {
    let now = Instant::now();
    let me = peer();
    let own = addr("/ip4/10.0.0.1/tcp/1").with(Protocol::P2p(me));
    let mut discovery = Discovery::new(me, vec![own, addr("/ip4/10.0.0.2/tcp/1")], now);
    let actions = discovery.handle_timeout(now);
    let [Action::Dial(dial)] = &actions[..] else {
        panic!("{actions:?}");
    };
    assert_eq!(
        discovery.dial_failed(dial.connection_id(), None, true, now),
        None
    );
    let next = discovery.poll_timeout().unwrap();
    assert!(discovery.handle_timeout(next).is_empty());
}

#[test]
fn the_search_slows_down_and_starts_over_after_solitude() {
    let start = Instant::now();
    let mut now = start;
    let mut discovery = Discovery::new(peer(), Vec::new(), now);
    discovery.join(RecordKey::new(&KEY), now);
    assert_eq!(discovery.poll_timeout(), None);
    let other = peer();
    discovery.peer_up(other, &addr("/ip4/10.0.0.1/tcp/1"), now);
    let mut searches = Vec::new();
    while searches.len() < 8 {
        now = discovery.poll_timeout().unwrap();
        let actions = discovery.handle_timeout(now);
        assert!(matches!(&actions[..], [.., Action::Find(_)]));
        discovery.find_finished();
        searches.push((now - start).as_millis());
    }
    assert_eq!(searches, [100, 600, 1100, 1600, 2100, 2600, 12600, 22600]);
    discovery.peer_down(other, true, now);
    assert_eq!(discovery.poll_timeout(), None);
    discovery.peer_up(other, &addr("/ip4/10.0.0.1/tcp/1"), now);
    assert_eq!(
        discovery.poll_timeout(),
        Some(now + Duration::from_millis(100))
    );
}

#[test]
fn a_dead_member_is_given_up_until_it_is_named_again() {
    let mut now = Instant::now();
    let mut book = Book::default();
    let dead = peer();
    book.member(dead, now);
    let mut n_dials = 0;
    while let Some(due) = book.next_due() {
        now = now.max(due);
        assert_eq!(book.take_due(now).len(), 1);
        assert_eq!(book.next_due(), None);
        book.dial_failed(&dead, now);
        n_dials += 1;
    }
    assert_eq!(n_dials, limits::DIAL_ATTEMPTS);
    book.member(dead, now);
    assert_eq!(book.next_due(), None);
    book.member(dead, now + Duration::from_secs(60));
    assert!(book.next_due().is_some());
}

#[test]
fn the_book_is_bounded_and_keeps_the_connected() {
    let now = Instant::now();
    let mut book = Book::default();
    let friend = peer();
    book.connected(friend, &addr("/ip4/10.0.0.1/tcp/1"), now);
    for _ in 0..2 * limits::KNOWN_PEERS {
        book.member(peer(), now);
    }
    assert_eq!(book.take_due(now).len(), limits::DIALS);
    assert_eq!(book.take_due(now).len(), 0);
    let many = vec![addr("/ip4/10.0.0.1/tcp/1"); 100];
    assert_eq!(
        book.identified(&friend, many).len(),
        limits::ADDRESSES_PER_PEER
    );
}

#[test]
fn loopback_addresses_count_only_on_the_same_machine() {
    let now = Instant::now();
    let mut book = Book::default();
    let (near, far) = (peer(), peer());
    book.connected(near, &addr("/ip4/127.0.0.1/tcp/1"), now);
    book.connected(far, &addr("/ip4/10.0.0.1/tcp/1"), now);
    let listens = [
        "/ip4/127.0.0.1/tcp/2",
        "/ip4/10.0.0.1/tcp/2",
        "/ip4/0.0.0.0/tcp/2",
    ]
    .map(addr);
    assert_eq!(book.identified(&near, listens.to_vec()), listens[..2]);
    assert_eq!(book.identified(&far, listens.to_vec()), listens[1..2]);
}

#[tokio::test]
async fn a_frame_is_read_as_written_and_no_hostile_one_allocates() {
    let stall = Duration::from_secs(1);
    let frame = Frame {
        id: 0x0102_0304,
        kind: Kind::Response,
        body: vec![9; 100_000].into(),
    };
    let mut bytes = Cursor::new(Vec::new());
    write_frame(&mut bytes, &frame, stall).await.unwrap();
    let bytes = bytes.into_inner();
    assert_eq!(bytes[..HEADER], [0, 1, 0x86, 0xa0, 1, 2, 3, 4, 1]);
    let read = read_frame(&mut Cursor::new(&bytes), 100_000, stall)
        .await
        .unwrap();
    assert_eq!(read, frame);
    let over = read_frame(&mut Cursor::new(&bytes), 99_999, stall).await;
    assert!(matches!(over, Err(End::Garbage(_))));
    for end in [0, 5, HEADER, 99_999] {
        let cut = read_frame(&mut Cursor::new(&bytes[..end]), 100_000, stall).await;
        assert!(matches!(cut, Err(End::Closed)), "cut at {end}");
    }
}
