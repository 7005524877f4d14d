//! The build that cannot lie: types without a value, so that no branch on them is ever taken.

use std::str::FromStr;
use std::time::Instant;

use libp2p::Multiaddr;
use spirt_protocol::{Frame, Identity, Request, RoundMachine, Verified};
use spirt_training::Split;

use crate::blobs::{Blobs, Hashed};
use crate::job::Job;
use crate::swarm::Responder;
use crate::worker::message::Done;

/// An attack; there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Attack {}

impl Attack {
    /// The data that a liar trains on.
    pub fn data(&self, _: &Split) -> Option<Split> {
        match *self {}
    }

    /// Whether requests of all kinds have to come past the liar.
    pub const fn bends_service(&self) -> bool {
        match *self {}
    }

    /// The version of the wire format that it speaks.
    pub const fn version(&self) -> u16 {
        match *self {}
    }

    /// Replaces sums by what the attacker serves.
    pub fn falsify(&self, _: &mut [Hashed]) {
        match *self {}
    }

    /// Replaces a vector by what the attacker sends.
    pub fn corrupt(&self, _: &mut [f32], _: u64) {
        match *self {}
    }
}

impl FromStr for Attack {
    type Err = String;

    fn from_str(_: &str) -> Result<Self, String> {
        Err("this build cannot attack: build it with the feature `attacks`".into())
    }
}

/// A node that lies; there is none.
#[derive(Debug)]
pub enum Liar {}

impl Liar {
    /// What the attack does outside the worker's thread.
    pub fn new(attack: &Attack, _: &Identity, _: &Job) -> Option<Self> {
        match *attack {}
    }

    /// Lets the attack's crowd in.
    pub fn gather(attack: &Attack, _: &Identity, _: &Job, _: &[Multiaddr]) {
        match *attack {}
    }

    pub(super) fn say(&mut self, _: &Verified<Frame>) -> Vec<Vec<u8>> {
        match *self {}
    }

    pub(super) fn take(
        &mut self,
        _: &libp2p::PeerId,
        _: &Request,
        _: Responder,
    ) -> Option<Responder> {
        match *self {}
    }

    pub(super) fn hold(&mut self, _: Done) -> Option<Done> {
        match *self {}
    }

    pub(super) fn release(&mut self, _: &RoundMachine, _: &Blobs) -> Option<Done> {
        match *self {}
    }

    pub(super) fn due(&self) -> Option<Instant> {
        match *self {}
    }
}
