//! Peers that break the protocols: no panic, nobody else is affected.

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{raw::Raw, *};
use crate::swarm::{Fault, RequestError, limits, pull::frame::HEADER};

/// A victim with short patience, and an honest node that keeps asking it.
async fn victim_and_witness() -> (Node, Node) {
    let mut impatient = config(&[]);
    impatient.limits.stall_timeout = Duration::from_millis(300);
    let victim = Node::with(impatient).await;
    let witness = Node::start(std::slice::from_ref(&victim.addr)).await;
    witness.wait_for_peers(1).await;
    (victim, witness)
}

async fn still_serves(victim: &Node, witness: &Node) {
    let response = witness
        .handle
        .request(victim.peer(), request(300_000, 5))
        .await;
    assert_eq!(response.unwrap().len(), 300_000);
    assert!(victim.handle.peers().contains(&witness.peer()));
}

async fn fault_of(victim: &mut Node, raw: &Raw) -> Fault {
    let pick = |event| match event {
        Event::Misbehaved(peer, fault) if peer == raw.peer => Some(fault),
        _ => None,
    };
    victim.event(pick).await
}

async fn is_dropped(victim: &Node, raw: &Raw) {
    wait_until("dropped", || !victim.handle.peers().contains(&raw.peer)).await;
}

fn header(length: u32, id: u32, kind: u8) -> Vec<u8> {
    let mut header = length.to_be_bytes().to_vec();
    header.extend_from_slice(&id.to_be_bytes());
    header.push(kind);
    assert_eq!(header.len(), HEADER);
    header
}

async fn send(stream: &mut libp2p::Stream, bytes: &[u8]) {
    // The victim may have closed it already.
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_bytes_on_the_tcp_port_do_no_harm() {
    let (victim, witness) = victim_and_witness().await;
    let port = victim.addr.iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    let mut noise = blake3::Hasher::new().finalize_xof();
    for round in 0..16 {
        let mut bytes = vec![0; 4096];
        noise.fill(&mut bytes);
        if round % 2 == 0 {
            let mut prefixed = b"\x13/multistream/1.0.0\n\x07/noise\n".to_vec();
            prefixed.append(&mut bytes);
            bytes = prefixed;
        }
        let mut socket = TcpStream::connect(("127.0.0.1", port.unwrap()))
            .await
            .unwrap();
        let _ = tokio::io::AsyncWriteExt::write_all(&mut socket, &bytes).await;
    }
    still_serves(&victim, &witness).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_and_oversize_frames_disconnect_their_sender() {
    let (mut victim, witness) = victim_and_witness().await;
    let over = u32::try_from(limits::REQUEST + 1).unwrap();
    let attacks: [(bool, Vec<u8>); 5] = [
        (false, b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        (true, header(u32::MAX, 1, 0)),
        (true, header(over, 1, 0)),
        (true, header(0, 1, 77)),
        (true, header(0, 1, 1)),
    ];
    for (greet, bytes) in attacks {
        let raw = Raw::connect(&victim).await;
        let mut stream = if greet {
            raw.greeted(&victim).await
        } else {
            raw.open(&victim).await
        };
        send(&mut stream, &bytes).await;
        assert_eq!(fault_of(&mut victim, &raw).await, Fault::Garbage);
        is_dropped(&victim, &raw).await;
        still_serves(&victim, &witness).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_never_ends_and_a_reader_that_never_reads_lose_their_stream() {
    let (mut victim, witness) = victim_and_witness().await;

    let raw = Raw::connect(&victim).await;
    let mut stream = raw.greeted(&victim).await;
    send(&mut stream, &header(100, 1, 0)).await;
    send(&mut stream, b"ten bytes.").await;
    assert_eq!(fault_of(&mut victim, &raw).await, Fault::Stalled);
    still_serves(&victim, &witness).await;

    let mut stream = raw.greeted(&victim).await;
    for id in 0..40 {
        let mut frame = header(5, id, 0);
        frame.extend(request(1024 * 1024, 1));
        send(&mut stream, &frame).await;
    }
    assert_eq!(fault_of(&mut victim, &raw).await, Fault::Stalled);
    still_serves(&victim, &witness).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_answers_fail_the_request_and_no_other() {
    let (mut victim, witness) = victim_and_witness().await;
    let over = u32::try_from(limits::RESPONSE + 1).unwrap();
    let answers = [
        header(0, 999, 1),
        header(over, 1, 1),
        header(0, 1, 0),
        header(5, 1, 99),
    ];
    for bytes in answers {
        let mut raw = Raw::connect(&victim).await;
        let handle = victim.handle.clone();
        let asked = handle.request(raw.peer, vec![1, 2, 3]);
        let peer = async {
            let mut stream = raw.accept().await;
            let mut frame = [0; HEADER + 3];
            stream.read_exact(&mut frame).await.unwrap();
            send(&mut stream, &bytes).await;
            stream
        };
        let (answer, _stream) = tokio::join!(asked, peer);
        // Which of the two comes first does not matter.
        let answer = answer.unwrap_err();
        assert!(
            matches!(answer, RequestError::Garbage | RequestError::Disconnected),
            "{answer:?}"
        );
        assert_eq!(fault_of(&mut victim, &raw).await, Fault::Garbage);
        is_dropped(&victim, &raw).await;
        still_serves(&victim, &witness).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_stream_is_opened_again() {
    let node = Node::start(&[]).await;
    let mut raw = Raw::connect(&node).await;
    for _ in 0..3 {
        let asked = node.handle.request(raw.peer, vec![1, 2, 3]);
        let peer = async {
            // Greets, then hangs up.
            drop(raw.accept().await);
        };
        let (answer, ()) = tokio::join!(asked, peer);
        assert_eq!(answer, Err(RequestError::Disconnected));
    }
    let asked = node.handle.request(raw.peer, vec![1, 2, 3]);
    let peer = async {
        let mut stream = raw.accept().await;
        let mut frame = [0; HEADER + 3];
        stream.read_exact(&mut frame).await.unwrap();
        frame[8] = 1;
        send(&mut stream, &frame).await;
        stream
    };
    let (answer, mut stream) = tokio::join!(asked, peer);
    assert_eq!(answer.unwrap(), vec![1, 2, 3]);
    stream.close().await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossip_above_the_limit_is_rejected() {
    let mut victim = Node::joined(&[]).await;
    let peer = raw::gossip(&victim, vec![1; limits::GOSSIP_MESSAGE + 1]).await;
    let oversize = |event| matches!(event, Event::Misbehaved(p, Fault::Oversize) if p == peer);
    victim.event(|event| oversize(event).then_some(())).await;
    let small = raw::gossip(&victim, vec![2; 100]).await;
    assert_ne!(small, peer);
    assert_eq!(victim.gossip().await, vec![2; 100]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_banned_peer_stays_out() {
    let mut nodes = cluster(3).await;
    let bad = nodes[2].peer();
    nodes[0].handle.ban(bad).await;
    let down = |event| matches!(event, Event::PeerDown(peer) if peer == bad).then_some(());
    nodes[0].event(down).await;
    let mut late = Node::joined(&[nodes[0].addr.clone()]).await;
    late.wait_for_peers(3).await;
    late.publish(b"i am here".to_vec()).await;
    assert_eq!(nodes[0].gossip().await, b"i am here");
    assert!(!nodes[0].handle.peers().contains(&bad));
    late.events.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bans_are_bounded_and_the_oldest_is_forgotten() {
    let mut nodes = cluster(2).await;
    let oldest = nodes[1].peer();
    nodes[0].handle.ban(oldest).await;
    let down = |event| matches!(event, Event::PeerDown(peer) if peer == oldest).then_some(());
    nodes[0].event(down).await;
    for _ in 1..limits::BANNED_PEERS {
        nodes[0].handle.ban(PeerId::random()).await;
    }
    assert!(nodes[0].handle.peers().is_empty(), "there was room");
    nodes[0].handle.ban(PeerId::random()).await;
    nodes[0].wait_for_peers(1).await;
    assert!(nodes[0].handle.peers().contains(&oldest));
}
