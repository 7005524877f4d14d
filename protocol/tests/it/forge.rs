//! Keys by name, and frames signed by hand: what a liar can say, and what the golden files hold.
//!
//! Written from `docs/wire.md` and not from the crate, so that the two check each other.

use ed25519_dalek::{Signer as _, SigningKey};
use spirt_protocol::{
    Contribution, Digest, Encoding, Envelope, Frame, FrameError, Identity, Membership, Message,
    PeerId, Round, RunId, RunSpec, StateId, Timing, Verified,
};

/// A peer's key, from its name.
#[derive(Debug, Clone)]
pub(crate) struct Key(SigningKey);

/// The bytes of a wire type.
pub(crate) fn encode<T: bincode::Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, bincode::config::standard()).expect("wire types encode")
}

impl Key {
    pub(crate) fn of(name: &str) -> Self {
        Self::from_seed(&Digest::of(name.as_bytes()).0)
    }

    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    pub(crate) fn peer(&self) -> PeerId {
        PeerId(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity::from_seed(&self.0.to_bytes())
    }

    /// The signature of envelope bytes.
    pub(crate) fn signature(&self, envelope: &[u8]) -> [u8; 64] {
        let domain: &[u8] = b"spirt/envelope/1\0";
        self.0.sign(&[domain, envelope].concat()).to_bytes()
    }

    /// `u16 length ‖ envelope ‖ signature` of any bytes.
    pub(crate) fn sign_bytes(&self, envelope: &[u8]) -> Vec<u8> {
        let length = u16::try_from(envelope.len()).expect("short");
        let signature = self.signature(envelope);
        [&length.to_le_bytes()[..], envelope, &signature].concat()
    }

    /// `u16 length ‖ envelope ‖ signature`.
    pub(crate) fn sign(&self, envelope: &Envelope) -> Vec<u8> {
        self.sign_bytes(&encode(envelope))
    }

    /// What this key says; the root is that of `body`.
    pub(crate) fn envelope(
        &self,
        (run, session, round): (RunId, u64, u64),
        message: Message,
        body: &[u8],
    ) -> Envelope {
        Envelope {
            author: self.peer(),
            run,
            session,
            round: Round(round),
            message,
            root: Digest::of(body),
        }
    }

    /// The bytes of a frame.
    pub(crate) fn frame(&self, place: (RunId, u64, u64), message: Message, body: &[u8]) -> Vec<u8> {
        let mut bytes = self.sign(&self.envelope(place, message, body));
        bytes.extend_from_slice(body);
        bytes
    }

    /// A frame, as a machine takes it.
    pub(crate) fn say(
        &self,
        place: (RunId, u64, u64),
        message: Message,
        body: &[u8],
    ) -> Result<Verified<Frame>, FrameError> {
        Frame::verify(&self.frame(place, message, body), &place.0)
    }
}

/// The header of a payload of the run of [`spec`].
pub(crate) const fn header(parent: StateId) -> Message {
    Message::Contribution(Contribution {
        parent,
        length: 16,
        encoding: Encoding::F32,
        dimension: 4,
        samples: 32,
        loss: 0.5,
    })
}

/// The body of a seal.
pub(crate) fn seal_body(entries: &[Digest]) -> Vec<u8> {
    let mut entries = entries.to_vec();
    entries.sort_unstable();
    entries.dedup();
    entries.iter().flat_map(|digest| digest.0).collect()
}

/// The body of an accusation: the two signed envelopes, in order of their bytes.
pub(crate) fn evidence(a: &[u8], b: &[u8]) -> Vec<u8> {
    if a[2..] <= b[2..] {
        [a, b].concat()
    } else {
        [b, a].concat()
    }
}

/// A run of payloads of 4 elements, which travel inline.
pub(crate) fn spec(founder: PeerId) -> RunSpec {
    RunSpec {
        wire: 1,
        seed: 7,
        founder,
        model: "softmax".into(),
        data: "digits".into(),
        data_digest: Digest::of(b"digits"),
        optimizer: "sgd:lr=1".into(),
        local: "steps=1".into(),
        rule: "trimmed-mean".into(),
        max_byzantine: 1,
        max_faulty: 1,
        min_peers: 3,
        min_inputs: 3,
        max_peers: 16,
        rounds: 0,
        dimension: 4,
        encoding: Encoding::F32,
        inline_max: 1024,
        timing: Timing {
            pace: 100,
            collect_min: 600,
            collect_max: 5_000,
            attempt: 300,
        },
        membership: Membership::Open,
    }
}
