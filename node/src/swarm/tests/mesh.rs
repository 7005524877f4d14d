//! Discovery and gossip among several nodes.

use std::collections::HashSet;

use super::*;
use crate::swarm::{JoinError, StartError, limits};

fn message(author: u8, number: u8, length: usize) -> Vec<u8> {
    let mut message = vec![author; length];
    message[1] = number;
    message
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_nodes_find_each_other_and_gossip_reaches_all() {
    let mut nodes = cluster(6).await;
    for (author, node) in (0..).zip(&nodes) {
        node.publish(message(author, 0, 40 * 1024)).await;
    }
    for (me, node) in (0..).zip(&mut nodes) {
        let mut authors = HashSet::new();
        for _ in 0..5 {
            let message = node.gossip().await;
            assert_eq!(message.len(), 40 * 1024);
            authors.insert(message[0]);
        }
        let others: HashSet<u8> = (0..6).filter(|author| *author != me).collect();
        assert_eq!(authors, others);
    }
    // One sender, back to back: frames that share a read buffer must not break the stream.
    for number in 1..=50 {
        nodes[3]
            .handle
            .publish(message(3, number, 40 * 1024))
            .await
            .unwrap();
    }
    for (_, node) in nodes.iter_mut().enumerate().filter(|(i, _)| *i != 3) {
        let mut numbers = HashSet::new();
        for _ in 1..=50 {
            numbers.insert(node.gossip().await[1]);
        }
        assert_eq!(numbers.len(), 50);
        assert_eq!(node.handle.traffic().gossip_dropped, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn largest_messages_back_to_back_all_arrive() {
    let mut nodes = cluster(2).await;
    nodes[0].publish(message(0, 0, 16)).await;
    nodes[1].gossip().await;
    for number in 1..=50 {
        let message = message(0, number, limits::GOSSIP_MESSAGE);
        nodes[0].handle.publish(message).await.unwrap();
    }
    for _ in 1..=50 {
        assert_eq!(nodes[1].gossip().await.len(), limits::GOSSIP_MESSAGE);
    }
    let over = vec![0; limits::GOSSIP_MESSAGE + 1];
    let refused = nodes[0].handle.publish(over).await;
    assert!(matches!(refused, Err(PublishError::TooLarge(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_joins_through_another_when_the_bootstrap_is_gone() {
    let mut nodes = cluster(4).await;
    let first = nodes.remove(0);
    let gone = first.peer();
    first.handle.shutdown().await;
    for node in &mut nodes {
        node.event(|event| matches!(event, Event::PeerDown(peer) if peer == gone).then_some(()))
            .await;
    }
    let mut late = Node::joined(&[first.addr, nodes[1].addr.clone()]).await;
    late.wait_for_peers(3).await;
    for (author, node) in (0..).zip(&nodes) {
        node.publish(message(author, 9, 100)).await;
    }
    for _ in 0..3 {
        assert_eq!(late.gossip().await[1], 9);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_bootstrap_is_reported_and_tried_again() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    drop(silent);
    let addr: Multiaddr = format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap();
    let mut node = Node::joined(std::slice::from_ref(&addr)).await;
    let failed = |event| match event {
        Event::BootstrapFailed { addr, .. } => Some(addr),
        _ => None,
    };
    assert_eq!(node.event(failed).await, addr);
    assert_eq!(node.event(failed).await, addr);
    let mut other = config(&[]);
    other.listen = vec![addr];
    let other = Node::with(other).await;
    node.wait_for_peers(1).await;
    other.wait_for_peers(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_member_is_dialled_again() {
    let mut nodes = cluster(2).await;
    nodes[0].publish(message(0, 0, 16)).await;
    nodes[1].gossip().await;
    let peer = nodes[1].peer();
    // Only the side that did not ask for it dials again.
    nodes[0].handle.disconnect(peer).await;
    let down = |event| matches!(event, Event::PeerDown(p) if p == peer).then_some(());
    nodes[0].event(down).await;
    let up = |event| matches!(event, Event::PeerUp(p) if p == peer).then_some(());
    nodes[0].event(up).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_message_is_not_passed_on_an_accepted_one_is() {
    // A line: the ends refuse each other, so the middle decides what passes.
    let mut left = Node::start(&[]).await;
    let mut middle = Node::start(&[left.addr.clone()]).await;
    let mut right = Node::start(&[middle.addr.clone()]).await;
    left.handle.ban(right.peer()).await;
    right.handle.ban(left.peer()).await;
    for node in [&left, &middle, &right] {
        node.handle.join(KEY).await.unwrap();
    }
    // First both links carry gossip: what comes before the middle knows that the left listens goes no further.
    let calls = async {
        for number in 0.. {
            right
                .publish(format!("from the right, {number}").into())
                .await;
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        heard = left.gossip() => assert!(heard.starts_with(b"from the right")),
        () = calls => unreachable!(),
    }
    for data in [&b"reject"[..], b"ignore", b"accept"] {
        left.handle.publish(data.to_vec()).await.unwrap();
    }
    for data in [&b"reject"[..], b"ignore", b"accept"] {
        let mut heard = middle.gossip().await;
        while heard.starts_with(b"from the right") {
            heard = middle.gossip().await;
        }
        assert_eq!(heard, data);
    }
    assert_eq!(right.gossip().await, b"accept");
    assert!(!right.handle.peers().contains(&left.peer()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_is_quick_sends_the_last_word_and_ends_the_events() {
    let mut nodes = cluster(3).await;
    nodes[1].publish(b"one".to_vec()).await;
    nodes[2].publish(b"two".to_vec()).await;
    nodes[0].gossip().await;
    nodes[0].gossip().await;
    nodes[0].handle.publish(b"goodbye".to_vec()).await.unwrap();
    let began = Instant::now();
    nodes[0].handle.shutdown().await;
    assert!(began.elapsed() < Duration::from_millis(400));
    nodes[1]
        .handle
        .request(nodes[0].peer(), request(1, 1))
        .await
        .unwrap_err();
    assert_eq!(
        nodes[0].handle.publish(vec![1]).await,
        Err(PublishError::Closed)
    );
    let gone = nodes[0].peer();
    for node in &mut nodes[1..] {
        while node.gossip().await != b"goodbye" {}
        wait_until("peer down", || !node.handle.peers().contains(&gone)).await;
    }
    let Node { mut events, .. } = nodes.into_iter().next().unwrap();
    while timeout(DEADLINE, events.recv()).await.unwrap().is_some() {}
}

#[cfg(not(feature = "quic"))]
#[tokio::test]
async fn quic_needs_its_feature() {
    let mut config = config(&[]);
    config.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
    let refused = start(config).await.unwrap_err();
    assert!(matches!(refused, StartError::Listen { .. }), "{refused}");
}

#[cfg(feature = "quic")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_meet_over_quic() {
    let quic = |bootstrap: &[Multiaddr]| {
        let mut config = config(bootstrap);
        config.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
        config
    };
    let first = Node::with(quic(&[])).await;
    let mut second = Node::with(quic(std::slice::from_ref(&first.addr))).await;
    first.handle.join(KEY).await.unwrap();
    second.handle.join(KEY).await.unwrap();
    first.publish(b"hello".to_vec()).await;
    assert_eq!(second.gossip().await, b"hello");
    let before = second.handle.traffic().received;
    let asked = second
        .handle
        .request(first.peer(), request(100_000, 1))
        .await;
    assert_eq!(asked.unwrap().len(), 100_000);
    assert!(second.handle.traffic().received - before >= 100_000);
}

#[tokio::test]
async fn a_limit_of_zero_and_a_second_topic_are_refused() {
    let mut none = config(&[]);
    none.limits.requests_per_peer = 0;
    assert!(matches!(start(none).await, Err(StartError::Config(_))));
    let node = Node::joined(&[]).await;
    assert_eq!(
        node.handle.join([8; 32]).await,
        Err(JoinError::AlreadyJoined)
    );
    assert_eq!(
        node.handle.publish(vec![1]).await,
        Err(PublishError::NoPeersSubscribed)
    );
    let other = Node::start(&[]).await;
    assert_eq!(
        other.handle.publish(vec![1]).await,
        Err(PublishError::NotJoined)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_dozen_nodes_on_one_address_form_a_full_mesh() {
    let mut nodes = cluster(24).await;
    nodes[0].publish(message(0, 0, 100)).await;
    for node in &mut nodes[1..] {
        node.gossip().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_of_two_versions_are_told_apart_and_have_nothing_to_say_to_each_other() {
    let new = Node::joined(&[]).await;
    let mut old = config(std::slice::from_ref(&new.addr));
    old.version -= 1;
    let mut old = Node::with(old).await;
    old.handle.join(KEY).await.unwrap();
    let told = timeout(DEADLINE, async {
        loop {
            if let Some(Event::OtherVersion { peer, version }) = old.events.recv().await {
                return (peer, version);
            }
        }
    });
    assert_eq!(told.await.unwrap(), (new.peer(), 1));
    let asked = old.handle.request(new.peer(), request(1, 1)).await;
    assert!(asked.is_err(), "{asked:?}");
    assert_eq!(
        old.handle.publish(vec![1]).await,
        Err(PublishError::NoPeersSubscribed)
    );
}
