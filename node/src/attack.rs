//! `--attack`: play a Byzantine peer, for tests, experiments and the demo.
//!
//! The honest code knows one thing of it: the [`Mask`], which stands between the driver and the
//! world. An honest node's mask changes nothing. In a build without the feature `attacks` there is no
//! other one: no text names an [`Attack`], and [`Liar`] has no value.
//!
//! | family | what it bends |
//! |---|---|
//! | `vector` | its own vector, before it is signed |
//! | `collusion` | its own vector, once it has seen those of the others |
//! | `labels` | the samples that it trains on |
//! | `speech` | what it publishes |
//! | `service` | what it answers to requests |
//! | `crowd` | the network itself: many names, many records |
//! | `old-wire` | nothing but the names of the protocols |

#[cfg(feature = "attacks")]
mod collusion;
#[cfg(feature = "attacks")]
mod crowd;
#[cfg(not(feature = "attacks"))]
mod honest;
#[cfg(feature = "attacks")]
mod kind;
#[cfg(feature = "attacks")]
mod liar;
#[cfg(feature = "attacks")]
mod service;
#[cfg(feature = "attacks")]
mod speech;
#[cfg(all(test, feature = "attacks"))]
mod tests;
#[cfg(feature = "attacks")]
mod vector;

use std::time::Instant;

use spirt_protocol::{Frame, Request, RoundMachine, Verified};

use crate::blobs::Blobs;
use crate::swarm::Responder;
use crate::worker::message::Done;

#[cfg(not(feature = "attacks"))]
pub use honest::{Attack, Liar};
#[cfg(feature = "attacks")]
pub use kind::Attack;
#[cfg(feature = "attacks")]
pub use liar::Liar;

/// What stands between the driver and the world. Nothing, unless the node lies.
#[derive(Debug, Default)]
pub struct Mask(Option<Liar>);

impl Mask {
    /// The mask of a liar.
    pub const fn of(liar: Option<Liar>) -> Self {
        Self(liar)
    }

    /// The bytes that go out instead of a frame, in order.
    pub fn say(&mut self, frame: &Verified<Frame>) -> Vec<Vec<u8>> {
        match &mut self.0 {
            None => vec![frame.encode()],
            Some(liar) => liar.say(frame),
        }
    }

    /// Takes the request of a peer away from the node; gives the reply back if it does not.
    pub fn take(
        &mut self,
        from: &libp2p::PeerId,
        request: &Request,
        reply: Responder,
    ) -> Option<Responder> {
        match &mut self.0 {
            None => Some(reply),
            Some(liar) => liar.take(from, request, reply),
        }
    }

    /// Keeps a result of the worker back; gives it back if it does not.
    pub fn hold(&mut self, done: Done) -> Option<Done> {
        match &mut self.0 {
            None => Some(done),
            Some(liar) => liar.hold(done),
        }
    }

    /// A result that was kept back and is now said, bent.
    pub fn release(&mut self, machine: &RoundMachine, blobs: &Blobs) -> Option<Done> {
        self.0.as_mut()?.release(machine, blobs)
    }

    /// When to look at [`Mask::release`] at the latest.
    pub fn due(&self) -> Option<Instant> {
        self.0.as_ref()?.due()
    }
}
