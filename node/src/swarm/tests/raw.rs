//! A peer that speaks our protocols as it likes.

use std::sync::Arc;

use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::{Stream, Swarm, gossipsub, swarm::SwarmEvent};
use tokio::sync::mpsc;

use super::*;
use crate::swarm::{
    behaviour::{Behaviour, BehaviourEvent},
    dialect::Dialect,
    limits,
    meter::Meter,
    pull::{ACK, HELLO},
    streams::Opener,
    transport,
};

pub(super) struct Raw {
    pub(super) peer: PeerId,
    opener: Opener,
    incoming: mpsc::Receiver<(PeerId, Stream)>,
}

fn swarm() -> (Swarm<Behaviour>, mpsc::Receiver<(PeerId, Stream)>) {
    let keypair = Keypair::generate_ed25519();
    let transport = transport::build(&keypair, &Arc::new(Meter::default())).unwrap();
    let (inbound, incoming) = mpsc::channel(limits::STREAM_QUEUE);
    let behaviour = Behaviour::new(&keypair, &Dialect::of(1), inbound).unwrap();
    let config = libp2p::swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(Duration::from_secs(60));
    let peer = keypair.public().to_peer_id();
    (Swarm::new(transport, behaviour, peer, config), incoming)
}

impl Raw {
    /// Connected with a node.
    pub(super) async fn connect(node: &Node) -> Self {
        let (mut swarm, incoming) = swarm();
        let opener = swarm.behaviour().streams.opener();
        let peer = *swarm.local_peer_id();
        swarm.dial(node.addr.clone()).unwrap();
        tokio::spawn(async move {
            loop {
                swarm.select_next_some().await;
            }
        });
        wait_until("raw peer", || node.handle.peers().contains(&peer)).await;
        Self {
            peer,
            opener,
            incoming,
        }
    }

    /// A stream to the node, before any greeting.
    pub(super) async fn open(&self, node: &Node) -> Stream {
        let open = self.opener.open(node.peer());
        timeout(DEADLINE, open).await.unwrap().unwrap()
    }

    /// A stream to the node after the greeting.
    pub(super) async fn greeted(&self, node: &Node) -> Stream {
        let mut stream = self.open(node).await;
        stream.write_all(HELLO).await.unwrap();
        stream.flush().await.unwrap();
        let mut ack = [0; 8];
        stream.read_exact(&mut ack).await.unwrap();
        assert_eq!(ack, *ACK);
        stream
    }

    /// The node's stream to us, after the greeting.
    pub(super) async fn accept(&mut self) -> Stream {
        let (_, mut stream) = timeout(DEADLINE, self.incoming.recv())
            .await
            .unwrap()
            .unwrap();
        let mut hello = [0; 8];
        stream.read_exact(&mut hello).await.unwrap();
        assert_eq!(hello, *HELLO);
        stream.write_all(ACK).await.unwrap();
        stream.flush().await.unwrap();
        stream
    }
}

/// Gossips one message to a node that has joined, under the limits of gossipsub alone.
pub(super) async fn gossip(node: &Node, data: Vec<u8>) -> PeerId {
    let (mut swarm, _incoming) = swarm();
    let peer = *swarm.local_peer_id();
    let topic = Dialect::of(1).topic(&KEY);
    swarm.behaviour_mut().gossip.subscribe(&topic).unwrap();
    swarm.dial(node.addr.clone()).unwrap();
    let subscribed = async {
        loop {
            let event = swarm.select_next_some().await;
            if let SwarmEvent::Behaviour(BehaviourEvent::Gossip(gossipsub::Event::Subscribed {
                ..
            })) = event
            {
                return;
            }
        }
    };
    timeout(DEADLINE, subscribed).await.unwrap();
    let gossip = &mut swarm.behaviour_mut().gossip;
    gossip.publish(topic.hash(), data).unwrap();
    tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    peer
}
