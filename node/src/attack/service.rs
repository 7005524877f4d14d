//! Liars that answer requests as no honest peer does.

use spirt_protocol::{Digest, Request, Response};

use crate::latest::Latest;
use crate::swarm::Responder;

/// Requests that a stalling liar keeps waiting at a time; the oldest is then refused.
const KEPT_WAITING: usize = 256;
/// Bytes of a false answer.
const FALSE_BYTES: usize = 256;

/// How requests are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Serves no payload, though it announced it.
    Withhold,
    /// Serves payloads to every second peer.
    Selective,
    /// Never answers, and never refuses.
    Stall,
    /// Vouches truly, but serves other bytes for state and payload.
    FalseState,
    /// Serves sums that the rule does not give, where the work of the rule is shared.
    FalseSum,
}

impl Lie {
    pub(super) const SYNTAXES: &[&str] =
        &["withhold", "selective", "stall", "false-state", "false-sum"];
    const ALL: [Self; 5] = [
        Self::Withhold,
        Self::Selective,
        Self::Stall,
        Self::FalseState,
        Self::FalseSum,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Withhold => "withhold",
            Self::Selective => "selective",
            Self::Stall => "stall",
            Self::FalseState => "false-state",
            Self::FalseSum => "false-sum",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lie| lie.name() == name)
    }
}

/// A liar's counter, and who waits in front of it.
#[derive(Debug)]
pub(super) struct Desk {
    lie: Lie,
    waiting: Latest<Responder, KEPT_WAITING>,
}

impl Desk {
    pub(super) fn new(lie: Lie) -> Self {
        Self {
            lie,
            waiting: Latest::default(),
        }
    }

    pub(super) fn take(
        &mut self,
        from: &libp2p::PeerId,
        request: &Request,
        reply: Responder,
    ) -> Option<Responder> {
        let is_payload = matches!(request, Request::Chunks(_) | Request::Chunk { .. });
        match self.lie {
            Lie::Withhold if is_payload => reply.send(Response::Unknown.encode()),
            Lie::Selective if is_payload && is_odd(from) => reply.send(Response::Unknown.encode()),
            // A peer that does not say which run it is of would keep itself out.
            Lie::Stall if !matches!(request, Request::Spec(_)) => {
                self.waiting.push(reply);
            }
            Lie::FalseState if is_payload => {
                reply.send(Response::Bytes(noise(request)).encode());
            }
            Lie::FalseState if matches!(request, Request::Manifest(_)) => {
                reply.send(Response::Manifest(noise(request)).encode());
            }
            Lie::Withhold | Lie::Selective | Lie::Stall | Lie::FalseState | Lie::FalseSum => {
                return Some(reply);
            }
        }
        None
    }
}

/// Every second peer: names are hashes.
fn is_odd(peer: &libp2p::PeerId) -> bool {
    let bytes = peer.to_bytes();
    bytes.last().is_some_and(|last| last % 2 == 1)
}

/// Bytes that look like an answer and are none.
fn noise(request: &Request) -> Vec<u8> {
    let seed = Digest::of(&request.encode());
    let bytes = seed.0.iter().copied().cycle();
    bytes.take(FALSE_BYTES).collect()
}
