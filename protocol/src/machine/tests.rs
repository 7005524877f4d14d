//! The parts of the machine, each alone. Whole rounds are in `tests/it`.

pub(crate) mod agree;
mod arrivals;
mod choice;
mod log;
mod standing;

use crate::frame::{self, Frame};
use crate::id::{Digest, PeerId, Round, RunId, StateId};
use crate::message::{Contribution, Encoding, Join, Message, Seal};
use crate::sign::{Identity, Verified};

const RUN: RunId = RunId([7; 32]);

/// The key of peer number `i`.
fn key(i: u8) -> Identity {
    Identity::from_seed(&[i; 32])
}

fn peer(i: u8) -> PeerId {
    key(i).peer_id()
}

/// The state before a round, on one of several ways.
fn state(way: u8, round: u64) -> (Round, StateId) {
    let mut id = [way; 32];
    id[0] = round as u8;
    (Round(round), StateId(id))
}

/// What peer `i` says in a session of round 5.
fn say(i: u8, session: u64, message: Message, body: &[u8]) -> Verified<Frame> {
    Frame::sign(&key(i), RUN, session, Round(5), message, body.into())
}

fn contribution(i: u8, session: u64, body: &[u8]) -> Verified<Frame> {
    let header = Contribution {
        parent: StateId([1; 32]),
        length: 16,
        encoding: Encoding::F32,
        dimension: 4,
        samples: 1,
        loss: 0.0,
    };
    say(i, session, Message::Contribution(header), body)
}

fn seal(i: u8, session: u64, attempt: u8, entries: &[Digest]) -> Verified<Frame> {
    let mut entries = entries.to_vec();
    entries.sort_unstable();
    let body: Vec<u8> = entries.iter().flat_map(|entry| entry.0).collect();
    say(i, session, Message::Seal(Seal { view: 0, attempt }), &body)
}

fn admit(i: u8, joiner: u8, nonce: u32) -> Verified<Frame> {
    let join = say(joiner, 1, Message::Join(Join { nonce }), b"");
    say(i, 1, Message::Admit, &frame::encode_signed(join.signed()))
}

fn accuse(i: u8, liar: u8) -> Verified<Frame> {
    let (one, two) = (contribution(liar, 1, b"1"), contribution(liar, 1, b"2"));
    let body = crate::evidence::body(one.signed(), two.signed());
    say(i, 1, Message::Accuse, &body)
}
