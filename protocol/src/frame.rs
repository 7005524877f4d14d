//! The gossip message: a signed envelope and the body that its root commits to.
//!
//! `u16 length ‖ envelope ‖ signature[64] ‖ body`, little-endian. See `docs/wire.md`.

use std::sync::Arc;

use crate::evidence::{self, EvidenceError};
use crate::id::{Digest, PeerId, Round, RunId};
use crate::manifest::Vouched;
use crate::message::{Envelope, Message};
use crate::sign::{EnvelopeError, Identity, SIGNATURE_BYTES, Signed, Verified};
use crate::spec::MAX_INLINE_BYTES;

/// Most bytes of a body: an inline payload, or a list of 1,024 chunk hashes.
pub const MAX_BODY_BYTES: usize = MAX_INLINE_BYTES as usize;
/// Most bytes of a frame.
pub const MAX_FRAME_BYTES: usize =
    2 + crate::codec::MAX_ENVELOPE_BYTES + SIGNATURE_BYTES + MAX_BODY_BYTES;
/// Most rounds between a request to join and its admission. Where rounds are short, a request from far away is many of
/// them old when it arrives.
const MAX_JOIN_AGE: u64 = 1024;
/// Most entries that a seal names.
pub(crate) const MAX_SEAL_ENTRIES: usize = MAX_BODY_BYTES / 32;

/// A signed envelope and its body. Only ever handed out as [`Verified`].
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    signed: Arc<Signed>,
    envelope: Envelope,
    body: Arc<[u8]>,
    digest: Digest,
}

/// Why bytes are not a frame of the run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than any frame.
    #[error("{0} bytes are more than a frame may have")]
    TooLong(usize),
    /// Ends before its parts do.
    #[error("the frame is cut short")]
    Truncated,
    /// The envelope is refused.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The body is not what the root commits to.
    #[error("the body does not match the signed root")]
    Body,
    /// The body of an accusation proves nothing.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

impl FrameError {
    /// Whether an honest peer may have sent it: a message of another run, heard by mistake.
    pub const fn is_innocent(&self) -> bool {
        matches!(self, Self::Envelope(EnvelopeError::ForeignRun))
    }
}

impl Frame {
    /// Signs `message` with its body.
    pub(crate) fn sign(
        identity: &Identity,
        run: RunId,
        session: u64,
        round: Round,
        message: Message,
        body: Arc<[u8]>,
    ) -> Verified<Self> {
        let author = identity.peer_id();
        let root = Digest::of(&body);
        let envelope = Envelope {
            author,
            run,
            session,
            round,
            message,
            root,
        };
        let signed = Arc::new(identity.sign(&envelope));
        let digest = signed.digest();
        Verified(Self {
            signed,
            envelope,
            body,
            digest,
        })
    }

    /// The bytes of a frame that nobody checks: for peers that lie.
    #[cfg(feature = "forge")]
    pub fn forge(
        identity: &Identity,
        run: RunId,
        session: u64,
        round: Round,
        message: Message,
        body: &[u8],
    ) -> Vec<u8> {
        let Verified(frame) = Self::sign(identity, run, session, round, message, body.into());
        frame.encode()
    }

    /// Reads a frame of `run` and checks everything that its bytes alone can show: the signature
    /// before anything is decoded, the body against the signed root, and that lists are in order
    /// and evidence is conclusive. Allocates no more than the frame's own size.
    ///
    /// # Errors
    /// Says what is wrong; only [`FrameError::is_innocent`] errors can be honest.
    pub fn verify(bytes: &[u8], run: &RunId) -> Result<Verified<Self>, FrameError> {
        if bytes.len() > MAX_FRAME_BYTES {
            return Err(FrameError::TooLong(bytes.len()));
        }
        let (signed, body) = split(bytes)?;
        if body.len() > MAX_BODY_BYTES {
            return Err(FrameError::TooLong(bytes.len()));
        }
        let Verified(envelope) = signed.verify(run)?;
        if Digest::of(body) != envelope.root {
            return Err(FrameError::Body);
        }
        check_body(&envelope, body)?;
        let (digest, signed) = (signed.digest(), Arc::new(signed));
        Ok(Verified(Self {
            signed,
            envelope,
            body: body.into(),
            digest,
        }))
    }

    /// The bytes that [`Frame::verify`] reads.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = encode_signed(&self.signed);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Bytes of [`Frame::encode`].
    pub fn encoded_len(&self) -> usize {
        2 + self.signed.bytes.len() + SIGNATURE_BYTES + self.body.len()
    }

    /// The name of the envelope; entries of a round go by it.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The decoded envelope.
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The signer.
    pub const fn author(&self) -> PeerId {
        self.envelope.author
    }

    /// The round.
    pub const fn round(&self) -> Round {
        self.envelope.round
    }

    /// What is said.
    pub const fn message(&self) -> &Message {
        &self.envelope.message
    }

    /// The body.
    pub const fn body(&self) -> &Arc<[u8]> {
        &self.body
    }

    /// Whom the message is about, if it is about another peer: the joiner of an
    /// [`Message::Admit`], the offender of an [`Message::Accuse`]. Both are the author of the first
    /// envelope in the body, which was checked when the frame was.
    pub fn subject(&self) -> Option<PeerId> {
        let about = matches!(self.message(), Message::Admit | Message::Accuse);
        let (author, _) = self.body.get(2..)?.split_first_chunk::<32>()?;
        about.then_some(PeerId(*author))
    }

    /// The envelope's bytes and signature.
    pub(crate) fn signed(&self) -> &Signed {
        &self.signed
    }

    /// The entries that a seal's body lists.
    pub(crate) fn sealed_entries(&self) -> impl Iterator<Item = Digest> + '_ {
        let (entries, _) = self.body.as_chunks::<32>();
        entries.iter().copied().map(Digest)
    }
}

/// `u16 length ‖ envelope ‖ signature`.
pub(crate) fn encode_signed(signed: &Signed) -> Vec<u8> {
    let length = u16::try_from(signed.bytes.len()).expect("envelopes have at most 1024 bytes");
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend_from_slice(&signed.bytes);
    bytes.extend_from_slice(&signed.signature);
    bytes
}

/// Splits `u16 length ‖ envelope ‖ signature` from what follows.
pub(crate) fn split(bytes: &[u8]) -> Result<(Signed, &[u8]), FrameError> {
    let (length, rest) = bytes
        .split_first_chunk::<2>()
        .ok_or(FrameError::Truncated)?;
    let length = usize::from(u16::from_le_bytes(*length));
    let (envelope, rest) = rest.split_at_checked(length).ok_or(FrameError::Truncated)?;
    let (signature, body) = rest
        .split_first_chunk::<SIGNATURE_BYTES>()
        .ok_or(FrameError::Truncated)?;
    Ok((
        Signed {
            bytes: envelope.to_vec(),
            signature: *signature,
        },
        body,
    ))
}

fn check_body(envelope: &Envelope, body: &[u8]) -> Result<(), FrameError> {
    let ok = match envelope.message {
        Message::Contribution(_) => !body.is_empty(),
        Message::Seal(seal) => {
            let (entries, rest) = body.as_chunks::<32>();
            seal.attempt > 0 && rest.is_empty() && entries.is_sorted_by(|a, b| a < b)
        }
        Message::Join(_) | Message::Leave => body.is_empty(),
        Message::Admit => admitted(body, &envelope.run, envelope.round).is_some(),
        Message::Accuse => {
            evidence::check(body, &envelope.run)?;
            true
        }
        Message::Vouch => Vouched::decode(body).is_ok(),
    };
    if ok { Ok(()) } else { Err(FrameError::Body) }
}

/// The joiner whose signed request is the body of an [`Message::Admit`]: made for that round or
/// at most [`MAX_JOIN_AGE`] before, so that an old request cannot be replayed for ever.
pub(crate) fn admitted(body: &[u8], run: &RunId, round: Round) -> Option<PeerId> {
    let (signed, rest) = split(body).ok()?;
    let Verified(join) = signed.verify(run).ok()?;
    let is_join = matches!(join.message, Message::Join(_)) && rest.is_empty();
    (is_join && may_admit(join.round, round)).then_some(join.author)
}

/// Whether a request to join that was made in a round may be granted in another.
pub(crate) fn may_admit(asked: Round, now: Round) -> bool {
    asked <= now && now.since(asked) <= MAX_JOIN_AGE
}
