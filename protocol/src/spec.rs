//! What all peers of a run agree on. Its hash *is* the run's name, so peers with another opinion
//! are in another run.

use std::time::Duration;

use bincode::{Decode, Encode};

use crate::codec::{self, MAX_RECORD_BYTES};
use crate::id::{Digest, PeerId, RunId, Time};
use crate::message::{Encoding, MAX_PER_MILLE, WIRE_VERSION};

/// Most peers on a roster: every header and seal reaches every peer.
pub const MAX_PEERS: u16 = 64;
/// Most elements of a payload.
pub const MAX_DIMENSION: u64 = 1 << 28;
/// Most bytes of a payload that may travel inside a gossip message.
pub const MAX_INLINE_BYTES: u64 = 32 * 1024;
const MAX_TEXT_BYTES: usize = 256;

/// Everything that the peers of a run agree on.
///
/// Model, data, optimizer and rule are texts here: their rooms parse them, the protocol only
/// makes sure that all peers have the same ones.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RunSpec {
    /// The wire format, [`WIRE_VERSION`].
    pub wire: u16,
    /// Tells runs with otherwise equal specifications apart, and seeds all that is random.
    pub seed: u64,
    /// The one peer on the first roster; with it, everybody knows the first state.
    pub founder: PeerId,
    /// The model, such as `mlp:hidden=32`.
    pub model: String,
    /// The data, such as `digits`.
    pub data: String,
    /// Digest of the data set's content.
    pub data_digest: Digest,
    /// The optimizer that applies an aggregate, such as `sgd:lr=1`.
    pub optimizer: String,
    /// Local training between two rounds, such as `steps=20,batch=32,lr=0.1`.
    pub local: String,
    /// The aggregation rule, such as `trimmed-mean`.
    pub rule: String,
    /// Byzantine peers that the rule must tolerate.
    pub max_byzantine: u16,
    /// Peers that may fail in one round in any way, crashes included; at least 1 and at least
    /// `max_byzantine`. One more is the number of attempts to agree.
    pub max_faulty: u16,
    /// Fewest peers with which a round ends; a smaller group waits.
    pub min_peers: u16,
    /// Fewest contributions that the rule takes; with fewer, a round ends without an update.
    pub min_inputs: u16,
    /// Most peers on the roster, 1 to [`MAX_PEERS`].
    pub max_peers: u16,
    /// The run's rounds; 0 for no end.
    pub rounds: u64,
    /// Elements of every contribution.
    pub dimension: u64,
    /// How contributions are written.
    pub encoding: Encoding,
    /// Payloads of at most this many bytes travel inside the gossip message.
    pub inline_max: u64,
    /// Time limits.
    pub timing: Timing,
    /// Who may take part.
    pub membership: Membership,
}

/// The time limits of a round, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Timing {
    /// Least time between the starts of two rounds.
    pub pace: u32,
    /// Least time that a round waits for contributions while some are missing.
    pub collect_min: u32,
    /// Most time that a round waits for contributions once it has enough.
    pub collect_max: u32,
    /// Length of an attempt to agree: a message, relayed, arrives within it.
    pub attempt: u32,
}

impl Timing {
    /// [`Timing::pace`] as a duration.
    pub fn pace(&self) -> Duration {
        Duration::from_millis(self.pace.into())
    }

    /// [`Timing::collect_min`] as a duration.
    pub fn collect_min(&self) -> Duration {
        Duration::from_millis(self.collect_min.into())
    }

    /// [`Timing::collect_max`] as a duration.
    pub fn collect_max(&self) -> Duration {
        Duration::from_millis(self.collect_max.into())
    }

    /// [`Timing::attempt`] as a duration.
    pub fn attempt(&self) -> Duration {
        Duration::from_millis(self.attempt.into())
    }

    /// The end of `attempts` attempts that start at `start`.
    pub(crate) fn after_attempts(&self, start: Time, attempts: u32) -> Time {
        start + self.attempt() * attempts
    }
}

/// Who may be on the roster.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Membership {
    /// Anybody. Identities cost nothing, so a bound on Byzantine peers means little here.
    Open,
    /// These peers only, ascending.
    Allow(Vec<PeerId>),
}

impl Membership {
    /// Whether `peer` may be on the roster.
    pub fn admits(&self, peer: &PeerId) -> bool {
        match self {
            Self::Open => true,
            Self::Allow(peers) => peers.binary_search(peer).is_ok(),
        }
    }
}

/// Why a specification is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The bytes are no specification.
    #[error("the run specification cannot be read: {0}")]
    Decode(#[from] codec::DecodeError),
    /// Another version of the wire format.
    #[error("the run speaks wire version {theirs}, this build speaks {WIRE_VERSION}")]
    Version {
        /// The run's version.
        theirs: u16,
    },
    /// A field out of its range.
    #[error("run specification: {field} must be {must}")]
    Field {
        /// The field.
        field: &'static str,
        /// What it must be.
        must: &'static str,
    },
}

impl RunSpec {
    /// The run's name: BLAKE3 of the canonical bytes, domain separated.
    pub fn id(&self) -> RunId {
        let mut hasher = blake3::Hasher::new_derive_key("spirt 1 run");
        hasher.update(&self.encode());
        RunId(*hasher.finalize().as_bytes())
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads and checks a specification.
    ///
    /// # Errors
    /// When the bytes are not canonical, of another version, or a field is out of range.
    pub fn decode(bytes: &[u8]) -> Result<Self, SpecError> {
        let spec: Self = codec::decode::<Self, MAX_RECORD_BYTES>(bytes)?;
        spec.check()?;
        Ok(spec)
    }

    /// Whether payloads are too long to travel inline, so that they are pulled.
    pub fn pulls(&self) -> bool {
        let length = self.encoding.length(self.dimension);
        length.is_none_or(|length| length > self.inline_max)
    }

    /// Peers (or contributions) without which a round does not end.
    pub fn quorum(&self) -> usize {
        usize::from(self.min_peers.max(self.min_inputs))
    }

    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// Names the first field out of its range.
    pub fn check(&self) -> Result<(), SpecError> {
        if self.wire != WIRE_VERSION {
            return Err(SpecError::Version { theirs: self.wire });
        }
        let texts = [
            ("model", &self.model),
            ("data", &self.data),
            ("optimizer", &self.optimizer),
            ("local", &self.local),
            ("rule", &self.rule),
        ];
        for (field, text) in texts {
            let ok = (1..=MAX_TEXT_BYTES).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_graphic());
            require(ok, field, "1 to 256 printable ASCII characters")?;
        }
        require(
            (1..=MAX_PEERS).contains(&self.max_peers),
            "max_peers",
            "1 to 64",
        )?;
        require(
            (1..=self.max_peers).contains(&self.min_peers),
            "min_peers",
            "1 to max_peers",
        )?;
        require(
            (1..=self.max_peers).contains(&self.min_inputs),
            "min_inputs",
            "1 to max_peers",
        )?;
        require(
            self.max_faulty >= self.max_byzantine.max(1) && self.max_faulty < MAX_PEERS,
            "max_faulty",
            "at least 1, at least max_byzantine, and below 64",
        )?;
        require(
            (1..=MAX_DIMENSION).contains(&self.dimension),
            "dimension",
            "1 to 2^28",
        )?;
        if let Encoding::TopK { per_mille } = self.encoding {
            let range = 1..=MAX_PER_MILLE;
            require(range.contains(&per_mille), "encoding", "top-k of 1 to 500")?;
        }
        require(
            self.inline_max <= MAX_INLINE_BYTES,
            "inline_max",
            "at most 32768",
        )?;
        self.timing.check()?;
        if let Membership::Allow(peers) = &self.membership {
            let ascending = peers.is_sorted_by(|a, b| a < b);
            require(
                ascending && !peers.is_empty(),
                "membership",
                "peers in ascending order",
            )?;
        }
        Ok(())
    }
}

impl Timing {
    fn check(&self) -> Result<(), SpecError> {
        let hour = 3_600_000;
        require(self.pace <= hour, "pace", "at most one hour")?;
        require(
            (1..=hour).contains(&self.attempt),
            "attempt",
            "1 ms to one hour",
        )?;
        require(
            self.collect_max <= 24 * hour,
            "collect_max",
            "at most one day",
        )?;
        require(
            self.collect_min <= self.collect_max,
            "collect_min",
            "at most collect_max",
        )
    }
}

fn require(ok: bool, field: &'static str, must: &'static str) -> Result<(), SpecError> {
    if ok {
        Ok(())
    } else {
        Err(SpecError::Field { field, must })
    }
}
