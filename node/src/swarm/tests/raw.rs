//! A peer that speaks our protocols as it likes.

use std::sync::Arc;

use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::{Stream, Swarm, gossipsub, swarm::SwarmEvent};
use libp2p_stream::{Control, IncomingStreams};

use super::*;
use crate::swarm::{
    behaviour::{Behaviour, BehaviourEvent, topic},
    meter::Meter,
    pull::{ACK, HELLO, PROTOCOL},
    transport,
};

pub(super) struct Raw {
    pub(super) peer: PeerId,
    control: Control,
    incoming: IncomingStreams,
}

fn swarm() -> Swarm<Behaviour> {
    let keypair = Keypair::generate_ed25519();
    let transport = transport::build(&keypair, &Arc::new(Meter::default())).unwrap();
    let behaviour = Behaviour::new(&keypair).unwrap();
    let config = libp2p::swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(Duration::from_secs(60));
    Swarm::new(transport, behaviour, keypair.public().to_peer_id(), config)
}

impl Raw {
    /// Connected with a node.
    pub(super) async fn connect(node: &Node) -> Self {
        let mut swarm = swarm();
        let mut control = swarm.behaviour().stream.new_control();
        let incoming = control.accept(PROTOCOL).unwrap();
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
            control,
            incoming,
        }
    }

    /// A stream to the node, before any greeting.
    pub(super) async fn open(&mut self, node: &Node) -> Stream {
        let open = self.control.open_stream(node.peer(), PROTOCOL);
        timeout(DEADLINE, open).await.unwrap().unwrap()
    }

    /// A stream to the node after the greeting.
    pub(super) async fn greeted(&mut self, node: &Node) -> Stream {
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
        let (_, mut stream) = timeout(DEADLINE, self.incoming.next())
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
    let mut swarm = swarm();
    let peer = *swarm.local_peer_id();
    let topic = topic(&KEY);
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
