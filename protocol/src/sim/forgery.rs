//! What a liar signs that no honest machine says.

use std::collections::BTreeSet;
use std::sync::Arc;

use fastrand::Rng;

use crate::frame::Frame;
use crate::id::{Digest, Round, StateId};
use crate::manifest::Vouched;
use crate::message::{Envelope, Message, Seal};
use crate::sign::{Identity, Verified};

/// States that nobody holds.
pub(super) fn false_vouch(identity: &Identity, honest: &Frame, rng: &mut Rng) -> Verified<Frame> {
    let round = honest.round().0 + rng.u64(0..4);
    let states = (round..round + 3)
        .map(|round| {
            (
                Round(round),
                StateId(Digest::of(&rng.u64(..).to_le_bytes()).0),
            )
        })
        .collect();
    resign(identity, honest, &Vouched { states }.encode())
}

/// The same envelope with another body.
pub(super) fn resign(identity: &Identity, frame: &Frame, body: &[u8]) -> Verified<Frame> {
    let envelope = frame.envelope();
    sign(identity, envelope, envelope.round, envelope.message, body)
}

fn sign(
    identity: &Identity,
    envelope: &Envelope,
    round: Round,
    message: Message,
    body: &[u8],
) -> Verified<Frame> {
    let body: Arc<[u8]> = body.into();
    Frame::sign(
        identity,
        envelope.run,
        envelope.session,
        round,
        message,
        body,
    )
}

/// A contribution for a later round, from a state that does not exist.
pub(super) fn ahead(identity: &Identity, frame: &Frame, rng: &mut Rng) -> Verified<Frame> {
    let Message::Contribution(mut contribution) = *frame.message() else {
        return resign(identity, frame, frame.body());
    };
    contribution.parent = StateId(Digest::of(&rng.u64(..).to_le_bytes()).0);
    let round = Round(frame.round().0 + rng.u64(0..3));
    let message = Message::Contribution(contribution);
    sign(identity, frame.envelope(), round, message, frame.body())
}

/// Some of the digests in a seal.
pub(super) fn some_of(frame: &Frame, rng: &mut Rng) -> Vec<u8> {
    let named: BTreeSet<Digest> = frame.sealed_entries().filter(|_| rng.bool()).collect();
    named.iter().flat_map(|digest| digest.0).collect()
}

/// Twenty messages that contradict each other, or are one too many.
pub(super) fn flood(identity: &Identity, frame: &Frame, rng: &mut Rng) -> Vec<Verified<Frame>> {
    let envelope = frame.envelope();
    let mut frames = Vec::new();
    for _ in 0..10 {
        let noise = Digest::of(&rng.u64(..).to_le_bytes()).0;
        let seal = Message::Seal(Seal {
            view: rng.u16(0..3),
            attempt: rng.u8(1..=3),
        });
        frames.push(sign(identity, envelope, envelope.round, seal, &noise));
        if matches!(envelope.message, Message::Contribution(_)) {
            frames.push(sign(
                identity,
                envelope,
                envelope.round,
                envelope.message,
                &noise,
            ));
        }
    }
    frames
}
