//! The state of a run before a round, and what peers say that they hold.

use bincode::{Decode, Encode};

use crate::codec::{self, DecodeError, MAX_ENVELOPE_BYTES, MAX_RECORD_BYTES};
use crate::id::{Digest, PeerId, Round, RunId, StateId};
use crate::spec::{MAX_PEERS, RunSpec};

/// Most peers that a run remembers as banned; the oldest names give way.
pub const MAX_BANNED: usize = 1024;

/// Everything that the next rounds depend on. Its hash is the [`StateId`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Manifest {
    /// The run.
    pub run: RunId,
    /// The round that starts from this state.
    pub round: Round,
    /// Root of the blob with parameters and optimizer state, see [`crate::blob`].
    pub model: Digest,
    /// Bytes of that blob.
    pub length: u64,
    /// The peers that count in the round, ascending.
    pub roster: Vec<PeerId>,
    /// The peers that are excluded for good, oldest first.
    pub banned: Vec<PeerId>,
}

impl Manifest {
    /// The state that a run begins with: its founder alone on the roster, and the initial model.
    pub fn first(spec: &RunSpec, model: Digest, length: u64) -> Self {
        let (run, roster) = (spec.id(), vec![spec.founder]);
        Self {
            run,
            round: Round(0),
            model,
            length,
            roster,
            banned: Vec::new(),
        }
    }

    /// The state's name.
    pub fn id(&self) -> StateId {
        let mut hasher = blake3::Hasher::new_derive_key("spirt 1 state");
        hasher.update(&self.encode());
        StateId(*hasher.finalize().as_bytes())
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// When the bytes are not canonical, or a list is too long or out of order.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let manifest: Self = codec::decode::<Self, MAX_RECORD_BYTES>(bytes)?;
        let ok = manifest.roster.len() <= usize::from(MAX_PEERS)
            && manifest.banned.len() <= MAX_BANNED
            && manifest.roster.is_sorted_by(|a, b| a < b);
        if ok {
            Ok(manifest)
        } else {
            Err(DecodeError::Malformed)
        }
    }

    /// Whether `peer` counts in the round.
    pub fn lists(&self, peer: &PeerId) -> bool {
        self.roster.binary_search(peer).is_ok()
    }
}

/// Most states that a peer vouches for at once.
pub const MAX_VOUCHED: usize = 8;

/// The body of a [`crate::Message::Vouch`]: the states that a peer stands behind, latest last.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Vouched {
    /// Rounds, ascending, and the states before them.
    pub states: Vec<(Round, StateId)>,
}

impl Vouched {
    /// The canonical bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads the body of a vouch.
    ///
    /// # Errors
    /// When the bytes are not canonical, or the list is too long or out of order.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let vouched: Self = codec::decode::<Self, MAX_ENVELOPE_BYTES>(bytes)?;
        let ok =
            vouched.states.len() <= MAX_VOUCHED && vouched.states.is_sorted_by(|a, b| a.0 < b.0);
        if ok {
            Ok(vouched)
        } else {
            Err(DecodeError::Malformed)
        }
    }
}
