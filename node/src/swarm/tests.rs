//! Tests over real TCP on the loopback interface. They wait for events, with deadlines.

mod bounds;
mod chunks;
mod hostile;
mod mesh;
mod raw;
mod requests;
mod secure;

use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId, identity::Keypair, multiaddr::Protocol};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use super::{Acceptance, Event, Handle, PublishError, Responder, SwarmConfig, start};

const DEADLINE: Duration = Duration::from_secs(20);
const KEY: [u8; 32] = [7; 32];

/// A node whose driver accepts all gossip and answers requests with [`response`].
struct Node {
    handle: Handle,
    /// With `/p2p/<id>`.
    addr: Multiaddr,
    gossip: mpsc::Receiver<Vec<u8>>,
    events: mpsc::Receiver<Event>,
}

/// A request is the wanted length as 4 bytes and a fill byte.
fn request(length: u32, fill: u8) -> Vec<u8> {
    let mut request = length.to_be_bytes().to_vec();
    request.push(fill);
    request
}

fn answer(request: &[u8], reply: Responder) {
    if let [a, b, c, d, fill] = *request {
        let length = u32::from_be_bytes([a, b, c, d]);
        reply.send(vec![fill; length as usize]);
    }
}

fn config(bootstrap: &[Multiaddr]) -> SwarmConfig {
    let mut config = SwarmConfig::new(Keypair::generate_ed25519());
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    config.bootstrap = bootstrap.to_vec();
    config
}

impl Node {
    async fn start(bootstrap: &[Multiaddr]) -> Self {
        Self::with(config(bootstrap)).await
    }

    /// The verdict on a message is its first byte: `r` rejects, `i` ignores, others accept.
    async fn with(config: SwarmConfig) -> Self {
        let (handle, mut stream) = start(config).await.unwrap();
        let (gossip_tx, gossip) = mpsc::channel(4096);
        let (events_tx, events) = mpsc::channel(4096);
        let listening = timeout(DEADLINE, stream.recv()).await.unwrap();
        let Some(Event::Listening(addr)) = listening else {
            panic!("first event: {listening:?}");
        };
        let judge = handle.clone();
        tokio::spawn(async move {
            while let Some(event) = stream.recv().await {
                match event {
                    Event::Gossip { token, data, .. } => {
                        let verdict = match data.first() {
                            Some(b'r') => Acceptance::Reject,
                            Some(b'i') => Acceptance::Ignore,
                            _ => Acceptance::Accept,
                        };
                        judge.judge(token, verdict).await;
                        let _ = gossip_tx.try_send(data);
                    }
                    Event::Request { data, reply, .. } => answer(&data, reply),
                    event => drop(events_tx.try_send(event)),
                }
            }
        });
        let addr = addr.with(Protocol::P2p(handle.local_peer()));
        Self {
            handle,
            addr,
            gossip,
            events,
        }
    }

    fn peer(&self) -> PeerId {
        self.handle.local_peer()
    }

    async fn joined(bootstrap: &[Multiaddr]) -> Self {
        let node = Self::start(bootstrap).await;
        node.handle.join(KEY).await.unwrap();
        node
    }

    async fn wait_for_peers(&self, peers: usize) {
        wait_until("peers", || self.handle.peers().len() >= peers).await;
    }

    /// Publishes as soon as somebody has subscribed.
    async fn publish(&self, data: Vec<u8>) {
        let began = Instant::now();
        while let Err(error) = self.handle.publish(data.clone()).await {
            assert_eq!(error, PublishError::NoPeersSubscribed);
            assert!(began.elapsed() < DEADLINE, "nobody subscribes");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn gossip(&mut self) -> Vec<u8> {
        let message = timeout(DEADLINE, self.gossip.recv()).await;
        message.expect("a gossip message in time").unwrap()
    }

    /// The next event for which `pick` has a value; others are skipped.
    async fn event<T>(&mut self, pick: impl Fn(Event) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.events.recv().await.expect("the swarm runs");
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        timeout(DEADLINE, search).await.expect("the event in time")
    }
}

async fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "{what}: not in time");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Nodes of one run, all connected with all; the first is the bootstrap of the others.
async fn cluster(n_nodes: usize) -> Vec<Node> {
    let mut nodes = vec![Node::joined(&[]).await];
    for i in 1..n_nodes {
        let mut bootstrap = nodes[0].addr.clone();
        if i == 1 {
            bootstrap.pop();
        }
        nodes.push(Node::joined(&[bootstrap]).await);
    }
    for node in &nodes {
        node.wait_for_peers(n_nodes - 1).await;
    }
    nodes
}
