//! The protocol of spirt: what peers say, how they sign it, and how a round goes.
//!
//! **Sans-io.** No socket, no file, no clock, no task, no randomness lives here. A caller feeds
//! verified frames and its own results into a [`RoundMachine`] together with the time, carries out
//! the [`Output`]s that it polls, and calls back when [`RoundMachine::poll_timeout`] says so. The
//! same inputs give the same outputs, so a whole swarm can be simulated from a seed (feature
//! `sim`).
//!
//! | module | owns |
//! |---|---|
//! | [`id`](Digest) | names: peers, runs, states, rounds, time |
//! | `message`, `codec` | everything on the wire, and its one encoding |
//! | `sign`, `frame`, `evidence` | signatures, the gossip frame, proofs of equivocation |
//! | `spec`, `manifest`, [`blob`] | what a run is, what its state is, how long bytes are cut |
//! | `parts` | who computes what, where members share the work of the rule |
//! | `machine` | Join, Compute, Collect, Agree, Aggregate, Apply |
//!
//! It knows nothing of vectors, rules or models: it says *aggregate these digests*, and is told
//! the digest of the result.

pub mod blob;
mod codec;
mod evidence;
mod frame;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod id;
mod machine;
mod manifest;
mod message;
mod offence;
mod parts;
mod sign;
#[cfg(feature = "sim")]
pub mod sim;
mod spec;

pub use codec::{DecodeError, MAX_ENVELOPE_BYTES, MAX_RECORD_BYTES, MAX_RESPONSE_BYTES};
pub use evidence::EvidenceError;
pub use frame::{Frame, FrameError, MAX_BODY_BYTES, MAX_FRAME_BYTES};
pub use id::{Digest, ParseNameError, ParsePeerIdError, PeerId, Round, RunId, StateId, Time};
pub use machine::{
    Config, Event, Gradient, Input, Output, PhaseName, Reception, RoundMachine, RoundRecord,
};
pub use manifest::{MAX_BANNED, MAX_VOUCHED, Manifest, Vouched};
pub use message::{
    Contribution, Encoding, Envelope, INT8_BLOCK, Join, MAX_PER_MILLE, Message, Request, Response,
    SIGN_BLOCK, Seal, WIRE_VERSION,
};
pub use offence::Offence;
pub use parts::{Holding, MAX_ASKED, Parts, set_name};
pub use sign::{EnvelopeError, Identity, Signed, Verified};
pub use spec::{
    MAX_DIMENSION, MAX_INLINE_BYTES, MAX_PEERS, Membership, RunSpec, SpecError, Timing,
};
