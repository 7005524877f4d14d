//! Everything that goes on the wire. A change here is a change of `docs/wire.md`, and `cargo xtask
//! tidy` holds the two together.
//!
//! An [`Envelope`] is what a peer signs. It begins with the author and the run, so that a receiver
//! can check the run and the signature over the received bytes before it decodes anything.

use bincode::{Decode, Encode};

use crate::id::{Digest, PeerId, Round, RunId, StateId};

/// Version of the wire format; part of the signature's domain and of every protocol name.
pub const WIRE_VERSION: u16 = 1;

/// What a peer signs: who says what, in which round of which run.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct Envelope {
    /// The signer.
    pub author: PeerId,
    /// The run that the message belongs to.
    pub run: RunId,
    /// Grows with each start of the author's process, and whenever it goes back to an earlier round:
    /// so that a peer that has forgotten what it said, and speaks anew, is not taken for one that
    /// says two things.
    pub session: u64,
    /// The round that the message is about.
    pub round: Round,
    /// What is said.
    pub message: Message,
    /// BLAKE3 of the body that travels behind the signature; of nothing when there is none.
    pub root: Digest,
}

/// What a peer can say.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
pub enum Message {
    /// The header of the author's payload for the round.
    Contribution(Contribution),
    /// The author signs for what the body names by digest, ascending, 32 bytes each: in attempt 1
    /// entries that it holds, checked; later the first seals that it accepted.
    Seal(Seal),
    /// The author, not on the roster, asks to be.
    Join(Join),
    /// The author, on the roster, passes on the signed [`Message::Join`] in the body.
    Admit,
    /// The author leaves the roster.
    Leave,
    /// The body proves that somebody signed two different things for one place.
    Accuse,
    /// The author holds the states in the body: see [`crate::Vouched`].
    Vouch,
}

/// The header of a payload. Its `root` (in the envelope) is BLAKE3 of the payload when that
/// travels inline, else of the list of its chunks' hashes.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
pub struct Contribution {
    /// The state that the payload was computed from; so each header is a vote on the state.
    pub parent: StateId,
    /// Bytes of the payload.
    pub length: u64,
    /// How the payload writes its vector.
    pub encoding: Encoding,
    /// Elements of the vector.
    pub dimension: u64,
    /// Samples that the payload was computed from.
    pub samples: u64,
    /// Mean training loss over these samples.
    pub loss: f32,
}

/// Elements of a block of [`Encoding::Int8`].
pub const INT8_BLOCK: u64 = 256;
/// Elements of a block of [`Encoding::Sign`].
pub const SIGN_BLOCK: u64 = 4096;

/// Most that [`Encoding::TopK`] keeps of a thousand elements: with more, binary32 is shorter.
pub const MAX_PER_MILLE: u16 = 500;

/// How a payload writes a vector. The length follows from the dimension, so nothing can expand beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Encoding {
    /// IEEE 754 binary32, little-endian, 4 bytes an element.
    F32,
    /// The upper half of a binary32, little-endian, 2 bytes an element.
    Bf16,
    /// IEEE 754 binary16, little-endian, 2 bytes an element.
    F16,
    /// Blocks of [`INT8_BLOCK`] elements: a scale as binary32, then a signed byte from -127 for each.
    Int8,
    /// The elements of largest magnitude, so many of a thousand, rounded up: an index as `u32` and a binary32 each, by
    /// ascending index. The others are zero.
    TopK {
        /// Kept elements of a thousand, 1 to [`MAX_PER_MILLE`].
        per_mille: u16,
    },
    /// Blocks of [`SIGN_BLOCK`] elements: a magnitude as binary32, then a bit for each, lowest first, set for minus.
    Sign,
}

impl Encoding {
    /// Bytes of a vector of `dimension` elements, `None` when that overflows.
    pub const fn length(self, dimension: u64) -> Option<u64> {
        match self {
            Self::F32 => dimension.checked_mul(4),
            Self::Bf16 | Self::F16 => dimension.checked_mul(2),
            Self::Int8 => dimension.checked_add(4 * dimension.div_ceil(INT8_BLOCK)),
            Self::TopK { .. } => self.kept(dimension).checked_mul(8),
            Self::Sign => {
                let scales = 4 * dimension.div_ceil(SIGN_BLOCK);
                dimension.div_ceil(8).checked_add(scales)
            }
        }
    }

    /// Elements that are written of a vector of `dimension`.
    pub const fn kept(self, dimension: u64) -> u64 {
        match self {
            Self::TopK { per_mille } => {
                let thousands = dimension / 1000 * per_mille as u64;
                thousands + (dimension % 1000 * per_mille as u64).div_ceil(1000)
            }
            _ => dimension,
        }
    }
}

/// A statement on what counts in a round: see `docs/rounds.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Seal {
    /// How often the author gave up agreeing on this round's set, and began anew with what it held
    /// by then.
    pub view: u16,
    /// The attempt that begins, from 1. The body names what was accepted when the one before ended.
    pub attempt: u8,
}

/// A request to be on the roster from the next round border.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Join {
    /// Distinguishes repetitions, which gossip would otherwise take for copies.
    pub nonce: u32,
}

/// What one peer asks another over their stream.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Request {
    /// The specification of a run, or of the one run that the peer takes part in.
    Spec(Option<RunId>),
    /// A signed [`Message::Vouch`] for the states that the peer holds now.
    Vouch,
    /// All frames of a round.
    Frames(Round),
    /// The manifest of a state.
    Manifest(StateId),
    /// The chunk hashes behind a root.
    Chunks(Digest),
    /// One chunk of the blob behind a root.
    Chunk {
        /// The blob.
        root: Digest,
        /// Which chunk, from 0.
        index: u32,
    },
    /// What became of the peer's parts of the payloads behind these roots, at most [`crate::MAX_ASKED`] of them.
    Holds(Vec<Digest>),
    /// The hashes of what the peer aggregated of a set of contributions, by [`crate::set_name`]; the chunks are asked for
    /// by the same name.
    Sums(Digest),
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Response {
    /// The peer does not have it, or not any more.
    Unknown,
    /// A canonical [`crate::RunSpec`].
    Spec(Vec<u8>),
    /// Whole frames: for [`Request::Vouch`] one, for [`Request::Frames`] as many as fit.
    Frames(Vec<Vec<u8>>),
    /// A canonical [`crate::Manifest`].
    Manifest(Vec<u8>),
    /// For [`Request::Chunks`] the list of hashes, for [`Request::Chunk`] the chunk; for [`Request::Holds`] a
    /// [`crate::Holding`] for each root, for [`Request::Sums`] the hashes of the peer's chunks, in order.
    Bytes(Vec<u8>),
}

impl Request {
    /// The request's bytes.
    pub fn encode(&self) -> Vec<u8> {
        crate::codec::encode(self)
    }

    /// Reads a request.
    ///
    /// # Errors
    /// When the bytes are not exactly one canonical request.
    pub fn decode(bytes: &[u8]) -> Result<Self, crate::DecodeError> {
        crate::codec::decode::<Self, { crate::codec::MAX_ENVELOPE_BYTES }>(bytes)
    }
}

impl Response {
    /// What stands before `length` bytes in [`Response::Bytes`]: whoever has them need not copy them.
    pub fn bytes_head(length: usize) -> Vec<u8> {
        let mut head = crate::codec::encode(&Self::Bytes(Vec::new()));
        head.pop();
        head.extend(crate::codec::encode(&(length as u64)));
        head
    }

    /// The response's bytes.
    pub fn encode(&self) -> Vec<u8> {
        crate::codec::encode(self)
    }

    /// Reads a response of at most [`crate::MAX_RESPONSE_BYTES`].
    ///
    /// # Errors
    /// When the bytes are not exactly one canonical response.
    pub fn decode(bytes: &[u8]) -> Result<Self, crate::DecodeError> {
        crate::codec::decode::<Self, { crate::codec::MAX_RESPONSE_BYTES }>(bytes)
    }
}
