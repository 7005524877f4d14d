//! Plain streams of one protocol: opens them on connections that exist, hands inbound ones on.
//!
//! `libp2p-stream` does the same and more, but loses inbound streams that come in bursts, dials,
//! may wait for ever, and keeps an entry for each connection that ever was.

use std::{
    collections::VecDeque,
    convert::Infallible,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol,
    core::{Endpoint, transport::PortUse, upgrade::ReadyUpgrade},
    swarm::{
        ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
        NetworkBehaviour, NotifyHandler, SubstreamProtocol, ToSwarm,
        handler::{
            ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
        },
    },
};
use tokio::sync::{mpsc, oneshot};

use super::limits;

/// Where an opened stream goes.
pub(super) type Opened = oneshot::Sender<Result<Stream, String>>;

/// Opens streams. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Opener(mpsc::Sender<(PeerId, Opened)>);

impl Opener {
    /// A stream to a connected peer; never dials.
    pub(super) async fn open(&self, peer: PeerId) -> Result<Stream, String> {
        let (opened, stream) = oneshot::channel();
        let sent = self.0.send((peer, opened)).await;
        sent.map_err(|_| "the swarm is closed".to_owned())?;
        stream.await.map_err(|_| "not connected".to_owned())?
    }
}

pub(super) struct Behaviour {
    protocol: StreamProtocol,
    open: mpsc::Receiver<(PeerId, Opened)>,
    opener: Opener,
    inbound: mpsc::Sender<(PeerId, Stream)>,
}

impl Behaviour {
    /// Inbound streams go to `inbound`; they are dropped while it is full.
    pub(super) fn new(protocol: StreamProtocol, inbound: mpsc::Sender<(PeerId, Stream)>) -> Self {
        let (opener, open) = mpsc::channel(limits::STREAM_QUEUE);
        Self {
            protocol,
            open,
            opener: Opener(opener),
            inbound,
        }
    }

    pub(super) fn opener(&self) -> Opener {
        self.opener.clone()
    }

    fn handler(&self, peer: PeerId) -> Handler {
        Handler {
            protocol: self.protocol.clone(),
            peer,
            inbound: self.inbound.clone(),
            open: VecDeque::new(),
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(self.handler(peer))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(self.handler(peer))
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: Infallible) {
        match event {}
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Infallible, Opened>> {
        match self.open.poll_recv(cx) {
            // Without a connection the swarm drops the event, and with it the asker's hope.
            Poll::Ready(Some((peer_id, event))) => Poll::Ready(ToSwarm::NotifyHandler {
                peer_id,
                handler: NotifyHandler::Any,
                event,
            }),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

pub(super) struct Handler {
    protocol: StreamProtocol,
    peer: PeerId,
    inbound: mpsc::Sender<(PeerId, Stream)>,
    open: VecDeque<Opened>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Opened;
    type ToBehaviour = Infallible;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Opened;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(self.protocol.clone()), ())
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Opened, Infallible>> {
        // Polled again after each event from the behaviour.
        match self.open.pop_front() {
            Some(opened) => Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(ReadyUpgrade::new(self.protocol.clone()), opened),
            }),
            None => Poll::Pending,
        }
    }

    fn on_behaviour_event(&mut self, opened: Opened) {
        self.open.push_back(opened);
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol, (), Opened>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: stream,
                ..
            }) => {
                let taken = self.inbound.try_send((self.peer, stream));
                if taken.is_err() {
                    tracing::debug!(peer = %self.peer, "inbound stream dropped");
                }
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: stream,
                info: opened,
            }) => {
                // The asker may have given up.
                let _ = opened.send(Ok(stream));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError {
                info: opened,
                error,
            }) => {
                let _ = opened.send(Err(error.to_string()));
            }
            _ => {}
        }
    }
}
