//! A node that lies: the part of its attack that works outside the worker's thread.

use std::time::Instant;

use libp2p::Multiaddr;
use spirt_protocol::{Frame, Identity, Request, RoundMachine, Verified};

use super::collusion::Watcher;
use super::kind::Attack;
use super::service::Desk;
use super::speech::Tongue;
use crate::blobs::Blobs;
use crate::job::Job;
use crate::swarm::Responder;
use crate::worker::message::Done;

/// What bends the node's dealings with others.
#[derive(Debug)]
pub struct Liar(Part);

#[derive(Debug)]
enum Part {
    Watcher(Box<Watcher>),
    Tongue(Box<Tongue>),
    Desk(Desk),
}

impl Liar {
    /// What the attack does outside the worker's thread; nothing, for many.
    pub fn new(attack: &Attack, key: &Identity, job: &Job) -> Option<Self> {
        let part = match attack {
            Attack::Collusion(collusion) => Part::Watcher(Box::new(Watcher::new(*collusion, job))),
            Attack::Speech(lie) => Part::Tongue(Box::new(Tongue::new(*lie, key.clone()))),
            Attack::Service(lie) => Part::Desk(Desk::new(*lie)),
            Attack::Vector(_) | Attack::LabelFlip | Attack::Crowd(_) | Attack::OldWire => {
                return None;
            }
        };
        Some(Self(part))
    }

    /// Lets the attack's crowd loose on the network behind these addresses.
    pub fn gather(attack: &Attack, key: &Identity, job: &Job, bootstrap: &[Multiaddr]) {
        if let Attack::Crowd(lie) = attack {
            lie.gather(&key.peer_id(), job.id, bootstrap);
        }
    }

    pub(super) fn say(&mut self, frame: &Verified<Frame>) -> Vec<Vec<u8>> {
        match &mut self.0 {
            Part::Tongue(tongue) => tongue.say(frame),
            Part::Watcher(_) | Part::Desk(_) => vec![frame.encode()],
        }
    }

    pub(super) fn take(
        &mut self,
        from: &libp2p::PeerId,
        request: &Request,
        reply: Responder,
    ) -> Option<Responder> {
        match &mut self.0 {
            Part::Desk(desk) => desk.take(from, request, reply),
            Part::Watcher(_) | Part::Tongue(_) => Some(reply),
        }
    }

    pub(super) fn hold(&mut self, done: Done) -> Option<Done> {
        match &mut self.0 {
            Part::Watcher(watcher) => watcher.hold(done),
            Part::Tongue(_) | Part::Desk(_) => Some(done),
        }
    }

    pub(super) fn release(&mut self, machine: &RoundMachine, blobs: &Blobs) -> Option<Done> {
        match &mut self.0 {
            Part::Watcher(watcher) => watcher.release(machine, blobs),
            Part::Tongue(_) | Part::Desk(_) => None,
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        match &self.0 {
            Part::Watcher(watcher) => watcher.due(),
            Part::Tongue(_) | Part::Desk(_) => None,
        }
    }
}
