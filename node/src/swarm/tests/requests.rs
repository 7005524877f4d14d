//! Requests and responses between honest nodes.

use futures::future::join_all;

use super::*;
use crate::swarm::{RequestError, limits};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_pipelined_responses_of_256_kib() {
    let nodes = cluster(2).await;
    let [asking, serving] = &nodes[..] else {
        panic!("two nodes");
    };
    let before = asking.handle.traffic();
    let requests = (0..100).map(|fill| {
        asking
            .handle
            .request(serving.peer(), request(256 * 1024, fill))
    });
    for (fill, response) in (0..).zip(join_all(requests).await) {
        let response = response.unwrap();
        assert_eq!(response.len(), 256 * 1024);
        assert!(response.iter().all(|byte| *byte == fill));
    }
    let after = asking.handle.traffic();
    let received = after.received - before.received;
    let useful = 100 * 256 * 1024;
    assert!(
        received >= useful && received < useful * 102 / 100,
        "{received} bytes"
    );
    assert!(after.sent > before.sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_asks_everybody_at_once() {
    let nodes = cluster(6).await;
    let pairs = nodes.iter().flat_map(|asking| {
        let others = nodes.iter().filter(|node| node.peer() != asking.peer());
        others.map(move |serving| asking.handle.request(serving.peer(), request(1024, 3)))
    });
    for response in join_all(pairs).await {
        assert_eq!(response.unwrap().len(), 1024);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sizes_are_bounded_and_refusals_are_told() {
    let nodes = cluster(2).await;
    let peer = nodes[1].peer();
    let ask = |request: Vec<u8>| nodes[0].handle.request(peer, request);
    let largest = u32::try_from(limits::RESPONSE).unwrap();
    assert_eq!(
        ask(request(largest, 1)).await.unwrap().len(),
        limits::RESPONSE
    );
    assert_eq!(ask(request(0, 1)).await.unwrap().len(), 0);
    assert_eq!(
        ask(request(largest + 1, 1)).await,
        Err(RequestError::Refused)
    );
    // The test's driver drops what it does not understand.
    assert_eq!(
        ask(vec![0; limits::REQUEST]).await,
        Err(RequestError::Refused)
    );
    let over = limits::REQUEST + 1;
    assert_eq!(ask(vec![0; over]).await, Err(RequestError::TooLarge(over)));
    let stranger = Keypair::generate_ed25519().public().to_peer_id();
    let unknown = nodes[0].handle.request(stranger, vec![1]).await;
    assert_eq!(unknown, Err(RequestError::NotConnected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_to_a_vanished_peer_fails_quickly() {
    let asking = Node::start(&[]).await;
    // This one's driver never answers.
    let (serving, mut events) = start(config(std::slice::from_ref(&asking.addr)))
        .await
        .unwrap();
    let peer = serving.local_peer();
    asking.wait_for_peers(1).await;
    let pending = asking.handle.request(peer, vec![1]);
    let vanish = async {
        let mut held = Vec::new();
        while let Some(event) = events.recv().await {
            let asked = matches!(event, Event::Request { .. });
            held.push(event);
            if asked {
                break;
            }
        }
        serving.shutdown().await;
        Instant::now()
    };
    let (failed, gone_at) = tokio::join!(async { (pending.await, Instant::now()) }, vanish);
    assert_eq!(failed.0, Err(RequestError::Disconnected));
    assert!(failed.1.saturating_duration_since(gone_at) < Duration::from_secs(2));
    wait_until("peer down", || asking.handle.peers().is_empty()).await;
    let next = asking.handle.request(peer, vec![1]).await;
    assert_eq!(next, Err(RequestError::NotConnected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overloaded_driver_is_busy_and_a_silent_one_times_out() {
    let mut serving = config(&[]);
    serving.limits.request_queue = 1;
    let (serving, mut events) = start(serving).await.unwrap();
    let Some(Event::Listening(addr)) = events.recv().await else {
        panic!("not listening");
    };
    let mut asking = config(&[addr]);
    asking.limits.request_timeout = Duration::from_millis(500);
    let asking = Node::with(asking).await;
    asking.wait_for_peers(1).await;
    let peer = serving.local_peer();
    let requests = (0..4).map(|i| asking.handle.request(peer, vec![i]));
    let answers = join_all(requests).await;
    let count = |error| {
        let failed = answers.iter().filter_map(|answer| answer.as_ref().err());
        failed.filter(|failure| **failure == error).count()
    };
    assert_eq!(count(RequestError::Busy), 3);
    assert_eq!(count(RequestError::Timeout), 1);
    // The stream survives: a driver that wakes up serves again.
    let serve = async {
        while let Some(event) = events.recv().await {
            if let Event::Request { data, reply, .. } = event {
                reply.send(data);
            }
        }
    };
    let answer = tokio::select! {
        answer = asking.handle.request(peer, vec![9]) => answer,
        () = serve => panic!("the swarm ended"),
    };
    // The queue of one may still have held the old request.
    assert!(matches!(answer, Ok(_) | Err(RequestError::Busy)));
}
