//! Signatures: who may speak as whom. Domain-separated ed25519 over the received bytes.
//!
//! [`Signed`] is bytes with a signature next to them, of unknown worth. [`Verified`] is the proof
//! that a check passed; only this crate can make one.

use std::ops::Deref;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::codec::{self, DecodeError, MAX_ENVELOPE_BYTES};
use crate::id::{Digest, PeerId, RunId};
use crate::message::Envelope;

/// Signed bytes begin with this, so that a signature made here means nothing to another protocol
/// that uses the same key (Noise, gossipsub), and the other way round.
const DOMAIN: &[u8] = b"spirt/envelope/1\0";
/// Bytes of a signature.
pub(crate) const SIGNATURE_BYTES: usize = 64;

/// A peer's signing key.
#[derive(Clone)]
pub struct Identity {
    key: SigningKey,
}

impl Identity {
    /// The identity with this ed25519 seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self {
            key: SigningKey::from_bytes(seed),
        }
    }

    /// The public half.
    pub fn peer_id(&self) -> PeerId {
        PeerId(self.key.verifying_key().to_bytes())
    }

    /// Signs an envelope, whose author must be this identity.
    pub(crate) fn sign(&self, envelope: &Envelope) -> Signed {
        debug_assert_eq!(envelope.author, self.peer_id());
        let bytes = codec::encode(envelope);
        let signature = self.key.sign(&domain_separated(&bytes)).to_bytes();
        Signed { bytes, signature }
    }
}

#[cfg(feature = "fuzz")]
impl Identity {
    /// Signs bytes that need not be an envelope.
    pub(crate) fn sign_bytes(&self, bytes: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.key.sign(&domain_separated(bytes)).to_bytes()
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.peer_id())
    }
}

fn domain_separated(bytes: &[u8]) -> Vec<u8> {
    [DOMAIN, bytes].concat()
}

/// An envelope's bytes and the signature that came with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) signature: [u8; SIGNATURE_BYTES],
}

/// Why a signed envelope is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Too short to name an author and a run.
    #[error("the envelope is cut short")]
    Truncated,
    /// Of another run; the signature was not looked at.
    #[error("the envelope belongs to another run")]
    ForeignRun,
    /// The author's bytes are no safe public key.
    #[error("the author is not a valid ed25519 key")]
    WeakKey,
    /// The signature is not the author's.
    #[error("the signature is not the author's")]
    BadSignature,
    /// Signed, yet not an envelope.
    #[error("the signed bytes are no envelope: {0}")]
    Decode(#[from] DecodeError),
}

impl Signed {
    /// The digest that names this envelope.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// Checks run and signature over the bytes as received, and only then decodes them.
    ///
    /// Costs one strict ed25519 verification, about 30 microseconds.
    ///
    /// # Errors
    /// When the bytes are not an envelope of `run` signed by the author that they name.
    pub fn verify(&self, run: &RunId) -> Result<Verified<Envelope>, EnvelopeError> {
        let (author, rest) = self
            .bytes
            .split_first_chunk::<32>()
            .ok_or(EnvelopeError::Truncated)?;
        let (named_run, _) = rest
            .split_first_chunk::<32>()
            .ok_or(EnvelopeError::Truncated)?;
        if named_run != run.as_bytes() {
            return Err(EnvelopeError::ForeignRun);
        }
        let key = VerifyingKey::from_bytes(author).map_err(|_| EnvelopeError::WeakKey)?;
        if key.is_weak() {
            return Err(EnvelopeError::WeakKey);
        }
        key.verify_strict(
            &domain_separated(&self.bytes),
            &Signature::from_bytes(&self.signature),
        )
        .map_err(|_| EnvelopeError::BadSignature)?;
        Ok(Verified(codec::decode::<Envelope, MAX_ENVELOPE_BYTES>(
            &self.bytes,
        )?))
    }
}

/// A value whose signatures and hashes were checked. Cannot be made outside this crate.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified<T>(pub(crate) T);

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
