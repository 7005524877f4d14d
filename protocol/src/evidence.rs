//! Proof of equivocation: two envelopes that one author signed for one place.
//!
//! A proof is self-contained: whoever reads it needs nothing but the run's id. The place is
//! (round, session, slot), where a slot is the one contribution or the one seal of an attempt.

use crate::codec;
use crate::frame::{self, FrameError};
use crate::id::{PeerId, RunId};
use crate::message::{Envelope, Message};
use crate::sign::{EnvelopeError, Signed, Verified};

/// Why two envelopes prove nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Not two signed envelopes.
    #[error("the evidence is not two signed envelopes")]
    Malformed,
    /// One of them is refused.
    #[error("the evidence is refused: {0}")]
    Envelope(#[from] EnvelopeError),
    /// An honest author may have signed both.
    #[error("the two envelopes do not contradict each other")]
    Consistent,
}

/// A place in a run in which an honest author signs at most one envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// The contribution of a round.
    Contribution,
    /// The seal of a view and attempt.
    Seal(u16, u8),
}

impl Slot {
    /// The slot of a message, if it has one.
    pub(crate) const fn of(message: &Message) -> Option<Self> {
        match message {
            Message::Contribution(_) => Some(Self::Contribution),
            Message::Seal(seal) => Some(Self::Seal(seal.view, seal.attempt)),
            Message::Join(_)
            | Message::Admit
            | Message::Leave
            | Message::Accuse
            | Message::Vouch => None,
        }
    }
}

/// Whether an honest author never signs both.
pub(crate) fn contradict(a: &Envelope, b: &Envelope) -> bool {
    let same_place = a.author == b.author
        && a.run == b.run
        && a.round == b.round
        && a.session == b.session
        && Slot::of(&a.message).is_some()
        && Slot::of(&a.message) == Slot::of(&b.message);
    // By bytes: a loss that is not a number differs from itself.
    same_place && codec::encode(a) != codec::encode(b)
}

/// The body of an accusation, in the one order of the two.
pub(crate) fn body(a: &Signed, b: &Signed) -> Vec<u8> {
    let (first, second) = if a.bytes <= b.bytes { (a, b) } else { (b, a) };
    [frame::encode_signed(first), frame::encode_signed(second)].concat()
}

/// Checks a proof and names the offender.
pub(crate) fn check(body: &[u8], run: &RunId) -> Result<PeerId, EvidenceError> {
    let malformed = |_: FrameError| EvidenceError::Malformed;
    let (first, rest) = frame::split(body).map_err(malformed)?;
    let (second, rest) = frame::split(rest).map_err(malformed)?;
    if !rest.is_empty() || first.bytes > second.bytes {
        return Err(EvidenceError::Malformed);
    }
    let (Verified(a), Verified(b)) = (first.verify(run)?, second.verify(run)?);
    if contradict(&a, &b) {
        Ok(a.author)
    } else {
        Err(EvidenceError::Consistent)
    }
}
