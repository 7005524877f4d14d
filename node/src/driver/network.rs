//! What comes from the network: peers that come and go, gossip, faults.

use std::collections::BTreeSet;

use spirt_protocol::{
    EnvelopeError, Frame, FrameError, Input, Offence, Reception, Verified, WIRE_VERSION,
};

use super::Driver;
use super::copies::Announced;
use crate::peer;
use crate::swarm::{Acceptance, Event};

impl Driver {
    pub(super) async fn on_event(&mut self, event: Event) {
        match event {
            Event::PeerUp(peer) => {
                if let Some(peer) = peer::from_libp2p(&peer) {
                    self.feed(Input::PeerUp(peer));
                }
            }
            Event::PeerDown(peer) => {
                if let Some(peer) = peer::from_libp2p(&peer) {
                    self.feed(Input::PeerDown(peer));
                }
            }
            Event::Gossip { from, token, data } => {
                let acceptance = self.on_gossip(&from, &data);
                self.wiring.swarm.judge(token, acceptance).await;
            }
            Event::Request { from, data, reply } => self.on_request(&from, &data, reply),
            Event::Misbehaved(peer, fault) => {
                tracing::warn!(%peer, ?fault, "a peer broke a protocol");
                self.blame(peer::from_libp2p(&peer), Offence::Garbage);
            }
            Event::OtherVersion { peer, version } => {
                tracing::warn!(
                    %peer,
                    "refused a peer that speaks wire version {version}: this build speaks {WIRE_VERSION}"
                );
            }
            Event::Listening(addr) => self.report.listen.push(addr),
            Event::SlowPeer(peer) => tracing::debug!(%peer, "a peer is slow to take gossip"),
            Event::BootstrapFailed { addr, error } => {
                tracing::warn!(%addr, %error, "cannot reach a bootstrap address");
            }
        }
    }

    /// Writes down where the members listen, when there are others than before: after a restart the
    /// node enters the network by them.
    pub(super) async fn remember_peers(&mut self) {
        let connected: BTreeSet<_> = self.wiring.swarm.peers().into_iter().collect();
        if connected.is_empty() || connected == self.remembered {
            return;
        }
        let addrs = self.wiring.swarm.member_addrs().await;
        if addrs.is_empty() {
            return;
        }
        self.remembered = connected;
        if let Err(error) = self.wiring.data_dir.save_peers(&addrs) {
            tracing::warn!(%error, "cannot write down the addresses of the peers");
        }
    }

    pub(super) fn on_gossip(&mut self, from: &libp2p::PeerId, data: &[u8]) -> Acceptance {
        match Frame::verify(data, &self.job.id) {
            Ok(frame) => {
                let reception = self.receive(frame);
                if reception.is_worth_relaying() {
                    Acceptance::Accept
                } else {
                    Acceptance::Ignore
                }
            }
            Err(error) if error.is_innocent() => Acceptance::Ignore,
            Err(error) => {
                tracing::warn!(peer = %from, %error, "refused a message");
                let offence = match error {
                    FrameError::Envelope(EnvelopeError::BadSignature) => Offence::BadSignature,
                    _ => Offence::Garbage,
                };
                self.blame(peer::from_libp2p(from), offence);
                Acceptance::Reject
            }
        }
    }

    pub(super) fn receive(&mut self, frame: Verified<Frame>) -> Reception {
        let now = self.now();
        let (author, round) = (frame.author(), frame.round());
        let announced = Announced::by(&frame);
        let reception = self.machine.receive(frame, now);
        *self.receptions.entry(reception).or_default() += 1;
        if reception == Reception::Late {
            self.report.late(author, round);
        }
        if let (Some(announced), Reception::Fresh | Reception::Late) = (announced, reception) {
            self.report.heard.hear(announced);
        }
        reception
    }
}
