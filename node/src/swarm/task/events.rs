//! What the swarm reports, and what follows from it.

use std::{sync::Arc, time::Instant};

use libp2p::{
    Multiaddr, PeerId,
    core::ConnectedPoint,
    gossipsub, identify, kad, ping,
    swarm::{ConnectionId, DialError, SwarmEvent},
};
use tokio::sync::{Semaphore, mpsc};

use super::Task;
use crate::swarm::{
    behaviour::BehaviourEvent,
    event::{Event, Fault, MessageToken},
    limits,
};

impl Task {
    pub(super) fn swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.behaviour_event(event),
            SwarmEvent::NewListenAddr { address, .. } => self.emit(Event::Listening(address)),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                num_established,
                ..
            } => self.connected(
                peer_id,
                connection_id,
                &endpoint,
                num_established.get() == 1,
            ),
            SwarmEvent::ConnectionClosed {
                peer_id,
                num_established: 0,
                cause,
                ..
            } => {
                tracing::debug!(peer = %peer_id, ?cause, "peer down");
                self.peer_down(peer_id);
            }
            SwarmEvent::OutgoingConnectionError {
                connection_id,
                peer_id,
                error,
            } => self.dial_failed(connection_id, peer_id, &error),
            SwarmEvent::IncomingConnectionError {
                send_back_addr,
                error,
                ..
            } => tracing::debug!(from = %send_back_addr, %error, "incoming connection failed"),
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "listener"),
            SwarmEvent::ListenerClosed {
                addresses, reason, ..
            } => tracing::warn!(?addresses, ?reason, "no longer listening"),
            _ => {}
        }
    }

    fn behaviour_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Gossip(event) => self.gossip_event(event),
            BehaviourEvent::Kad(event) => self.kad_event(event),
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                self.identified(peer_id, info);
            }
            BehaviourEvent::Ping(ping::Event {
                peer,
                connection,
                result: Err(ping::Failure::Timeout | ping::Failure::Other { .. }),
            }) => {
                // Reported at the second failure in a row: a frozen host, or a dead link.
                tracing::debug!(%peer, "no answer to pings");
                self.swarm.close_connection(connection);
            }
            _ => {}
        }
    }

    fn connected(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        endpoint: &ConnectedPoint,
        first: bool,
    ) {
        if endpoint.is_dialer() {
            self.discovery.dialed(connection, peer);
        }
        if first {
            tracing::debug!(%peer, addr = %endpoint.get_remote_address(), "peer up");
            let remote = endpoint.get_remote_address();
            self.discovery.peer_up(peer, remote, Instant::now());
            let slots = Arc::new(Semaphore::new(self.limits.unjudged_per_peer));
            self.unjudged.insert(peer, slots);
            self.parts.shared.peer_up(peer);
            self.emit(Event::PeerUp(peer));
        }
    }

    fn peer_down(&mut self, peer: PeerId) {
        let alone = self.swarm.connected_peers().next().is_none();
        self.discovery.peer_down(peer, alone, Instant::now());
        self.unjudged.remove(&peer);
        self.parts.shared.peer_down(&peer);
        self.parts.pull.forget(&peer);
        self.emit(Event::PeerDown(peer));
    }

    pub(super) fn dial_failed(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        error: &DialError,
    ) {
        tracing::debug!(?peer, %error, "dial failed");
        let own = matches!(error, DialError::LocalPeerId { .. });
        let now = Instant::now();
        if let Some(addr) = self.discovery.dial_failed(connection, peer, own, now) {
            let error = error.to_string();
            self.emit(Event::BootstrapFailed { addr, error });
        }
    }

    fn identified(&mut self, peer: PeerId, info: identify::Info) {
        if let Some(version) = self.parts.dialect.other_version(&info.protocol_version) {
            self.emit(Event::OtherVersion { peer, version });
            // It has no part in what follows: nobody is to wait for answers that it cannot give.
            self.parts.shared.peer_down(&peer);
            self.emit(Event::PeerDown(peer));
        }
        let addrs: Vec<Multiaddr> = self.discovery.book.identified(&peer, info.listen_addrs);
        let kad = &mut self.swarm.behaviour_mut().kad;
        if info.protocols.contains(&kad.protocol_names()[0]) {
            for addr in addrs {
                kad.add_address(&peer, addr);
            }
        }
    }

    fn kad_event(&mut self, event: kad::Event) {
        match event {
            kad::Event::RoutingUpdated {
                is_new_peer: true, ..
            } => self.discovery.routed(),
            kad::Event::InboundRequest {
                request:
                    kad::InboundRequest::AddProvider {
                        record: Some(record),
                    },
            } => {
                let kad = &mut self.swarm.behaviour_mut().kad;
                self.providers.announced(kad, record, Instant::now());
            }
            kad::Event::OutboundQueryProgressed {
                result: kad::QueryResult::GetProviders(result),
                step,
                ..
            } => {
                if let Ok(kad::GetProvidersOk::FoundProviders { providers, .. }) = result {
                    self.found(providers);
                }
                if step.last {
                    self.discovery.find_finished();
                }
            }
            _ => {}
        }
    }

    fn found(&mut self, providers: impl IntoIterator<Item = PeerId>) {
        let now = Instant::now();
        for peer in providers {
            if peer != *self.swarm.local_peer_id() && !self.banned.contains(&peer) {
                self.discovery.book.member(peer, now);
            }
        }
        // At once: the addresses that came with the answer live only as long as the query.
        for action in self.discovery.handle_timeout(now) {
            self.act(action);
        }
    }

    fn gossip_event(&mut self, event: gossipsub::Event) {
        let ours = self.topic.as_ref().map(gossipsub::IdentTopic::hash);
        match event {
            gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            } => {
                if ours == Some(message.topic) {
                    self.gossip(propagation_source, message_id, message.data);
                } else {
                    self.verdict(
                        &message_id,
                        &propagation_source,
                        gossipsub::MessageAcceptance::Ignore,
                    );
                }
            }
            gossipsub::Event::Subscribed { peer_id, topic } if ours == Some(topic.clone()) => {
                self.member(peer_id, Instant::now());
            }
            gossipsub::Event::Unsubscribed { peer_id, topic } if ours == Some(topic.clone()) => {
                self.discovery.book.left(&peer_id);
            }
            gossipsub::Event::SlowPeer { peer_id, .. } => self.emit(Event::SlowPeer(peer_id)),
            _ => {}
        }
    }

    /// Hands a message to the driver, unless that would cost more than its sender may.
    fn gossip(&mut self, from: PeerId, id: gossipsub::MessageId, data: Vec<u8>) {
        if data.len() > limits::GOSSIP_MESSAGE {
            // Passed on, it could break our gossip with honest peers: see `GOSSIP_MESSAGE`.
            self.verdict(&id, &from, gossipsub::MessageAcceptance::Reject);
            self.emit(Event::Misbehaved(from, Fault::Oversize));
            return;
        }
        let slot = self.unjudged.get(&from);
        let slot = slot.and_then(|slots| Arc::clone(slots).try_acquire_owned().ok());
        let room = slot.filter(|_| self.outbox.is_empty());
        let sent = room.is_some_and(|slot| {
            let token = MessageToken {
                id: id.clone(),
                source: from,
                _slot: slot,
            };
            let event = Event::Gossip { from, token, data };
            !matches!(
                self.channels.events.try_send(event),
                Err(mpsc::error::TrySendError::Full(_))
            )
        });
        if !sent {
            self.drop_gossip();
            self.verdict(&id, &from, gossipsub::MessageAcceptance::Ignore);
        }
    }

    fn verdict(
        &mut self,
        id: &gossipsub::MessageId,
        from: &PeerId,
        verdict: gossipsub::MessageAcceptance,
    ) {
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        gossip.report_message_validation_result(id, from, verdict);
    }
}
