//! The closed list of what a peer can do wrong.

use std::fmt;

/// One misbehaviour. None of them is an error of ours: each is counted, named in the ledger, and
/// priced by the node. Whether a contribution is aggregated never depends on a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Offence {
    /// Bytes on a topic or stream that no honest peer sends.
    Garbage,
    /// A signature that is not the author's.
    BadSignature,
    /// Two different envelopes signed for one place. Proven to others; banned for good.
    Equivocation,
    /// A payload that is not finite, not of the agreed length, or not what its root says.
    BadPayload,
    /// A header whose shape is not the run's.
    WrongShape,
    /// A chunk that does not match its hash.
    CorruptChunk,
    /// A state that does not match its name.
    FalseState,
    /// The aggregate of a chunk that is not what the rule gives.
    FalseSum,
    /// More messages in a round than an honest peer sends.
    Flood,
}

impl Offence {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Garbage,
        Self::BadSignature,
        Self::Equivocation,
        Self::BadPayload,
        Self::WrongShape,
        Self::CorruptChunk,
        Self::FalseState,
        Self::FalseSum,
        Self::Flood,
    ];

    /// The name in logs, metrics and the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Garbage => "garbage",
            Self::BadSignature => "bad-signature",
            Self::Equivocation => "equivocation",
            Self::BadPayload => "bad-payload",
            Self::WrongShape => "wrong-shape",
            Self::CorruptChunk => "corrupt-chunk",
            Self::FalseState => "false-state",
            Self::FalseSum => "false-sum",
            Self::Flood => "flood",
        }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
