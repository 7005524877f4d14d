//! Who may connect, and how.

use futures::StreamExt as _;
use libp2p::{
    Swarm, SwarmBuilder, noise, ping,
    swarm::{DialError, SwarmEvent},
    tcp, tls, yamux,
};

use super::*;

/// What libp2p offers others: Noise or its own TLS, and its own Yamux.
fn stranger(tls: bool) -> Swarm<ping::Behaviour> {
    let builder = SwarmBuilder::with_existing_identity(Keypair::generate_ed25519()).with_tokio();
    let (tcp, yamux) = (tcp::Config::default(), yamux::Config::default);
    let ping = |_: &Keypair| ping::Behaviour::default();
    if tls {
        let builder = builder.with_tcp(tcp, tls::Config::new, yamux).unwrap();
        builder.with_behaviour(ping).unwrap().build()
    } else {
        let builder = builder.with_tcp(tcp, noise::Config::new, yamux).unwrap();
        builder.with_behaviour(ping).unwrap().build()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_that_speak_either_security_protocol_can_connect() {
    let node = Node::start(&[]).await;
    for tls in [false, true] {
        let mut stranger = stranger(tls);
        stranger.dial(node.addr.clone()).unwrap();
        let pinged = async {
            loop {
                if let SwarmEvent::Behaviour(event) = stranger.select_next_some().await {
                    return event;
                }
            }
        };
        let event = timeout(DEADLINE, pinged).await.expect("an answer in time");
        assert_eq!(event.peer, node.peer());
        assert!(event.result.is_ok(), "TLS {tls}: {event:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_under_anothers_name_is_not_talked_to() {
    let node = Node::start(&[]).await;
    let other = Keypair::generate_ed25519().public().to_peer_id();
    let mut addr = node.addr.clone();
    addr.pop();
    for tls in [false, true] {
        let mut stranger = stranger(tls);
        stranger
            .dial(addr.clone().with(Protocol::P2p(other)))
            .unwrap();
        let failed = async {
            loop {
                if let SwarmEvent::OutgoingConnectionError { error, .. } =
                    stranger.select_next_some().await
                {
                    return error;
                }
            }
        };
        let error = timeout(DEADLINE, failed).await.expect("an error in time");
        assert!(
            matches!(error, DialError::WrongPeerId { obtained, .. } if obtained == node.peer()),
            "TLS {tls}: {error:?}"
        );
    }
}
