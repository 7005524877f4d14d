//! The whole boundary of the machine on one screen: what goes in, what comes out.

use std::sync::Arc;

use crate::frame::Frame;
use crate::id::{Digest, PeerId, Round, StateId};
use crate::manifest::Manifest;
use crate::offence::Offence;
use crate::sign::Verified;

/// What the machine is told, besides frames (see [`super::RoundMachine::receive`]).
#[derive(Debug, Clone)]
pub enum Input {
    /// A connection to a peer is up.
    PeerUp(PeerId),
    /// The last connection to a peer is gone.
    PeerDown(PeerId),
    /// Answers [`Output::Compute`]: this node's payload is stored and can be served.
    GradientReady(Gradient),
    /// The payload behind this root is held, was checked against the spec, and can be served.
    PayloadReady(Digest),
    /// The payload behind this root breaks the spec, whoever serves it.
    PayloadBad(Digest),
    /// Answers [`Output::Fetch`]: none of the holders served the payload.
    PayloadFailed(Digest),
    /// Answers [`Output::Aggregate`].
    Aggregated(Round),
    /// Answers [`Output::Apply`], or ends a round without an update.
    Applied {
        /// The round that was applied.
        round: Round,
        /// Root of the blob of the model after it.
        model: Digest,
        /// Bytes of that blob.
        length: u64,
    },
    /// Answers [`Output::FetchState`]: the model behind the manifest is loaded and can be served.
    StateReady(Manifest),
    /// Answers [`Output::FetchState`]: none of the holders served it.
    StateFailed(StateId),
    /// The operator wants to go: say goodbye.
    Leave,
}

/// A computed payload, ready to be announced.
#[derive(Debug, Clone)]
pub struct Gradient {
    /// The round that it was computed for.
    pub round: Round,
    /// The payload itself when it is short enough to travel inline, else its chunk list.
    pub body: Arc<[u8]>,
    /// Samples that it was computed from.
    pub samples: u64,
    /// Mean training loss over these samples.
    pub loss: f32,
}

/// What the caller must do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send this frame to all peers of the run.
    Publish(Verified<Frame>),
    /// Compute this node's payload for the round, on its share of the data among the roster.
    Compute {
        /// The round.
        round: Round,
        /// The peers that the data is spread over, ascending.
        roster: Vec<PeerId>,
    },
    /// The headers' window of this round is closed: show the own payload, which was held back, to whoever asks, and get
    /// those of others. Who only watches the round has nothing to show. Says nothing in a run whose payloads travel inline.
    Reveal(Round),
    /// Obtain the payload behind a root and check it against the spec.
    Fetch {
        /// Root of the payload (its own digest when inline).
        root: Digest,
        /// Bytes of the payload.
        length: u64,
        /// Who holds it, the author first.
        holders: Vec<PeerId>,
    },
    /// Ask a peer for the frames of a round.
    Pull {
        /// Whom.
        peer: PeerId,
        /// Which round.
        round: Round,
    },
    /// Ask a peer for a vouch.
    Query(PeerId),
    /// Obtain a state: its manifest, and the model that the manifest names.
    FetchState {
        /// The state.
        state: StateId,
        /// Who vouched for it.
        holders: Vec<PeerId>,
    },
    /// Run the rule over these contributions, in this order.
    Aggregate {
        /// The round.
        round: Round,
        /// Author and payload root, by ascending author.
        contributions: Vec<(PeerId, Digest)>,
    },
    /// Apply the aggregate to the model; with `update` false the model stays as it is.
    Apply {
        /// The round.
        round: Round,
        /// Whether there is an aggregate.
        update: bool,
    },
    /// A peer misbehaved.
    Report(PeerId, Offence),
    /// Something that operators and logs want to know.
    Notify(Event),
}

/// What happened, for logs, metrics and the ledger. Nothing depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A round began.
    Started {
        /// The round.
        round: Round,
        /// The state that it starts from.
        state: StateId,
        /// Peers on the roster.
        roster: usize,
        /// Whether this node is one of them.
        member: bool,
    },
    /// A round cannot end yet: too few peers are in.
    Waiting {
        /// The round.
        round: Round,
        /// Peers that are in.
        have: usize,
        /// Peers that are needed.
        need: usize,
    },
    /// A round's set is agreed.
    Agreed(RoundRecord),
    /// The node looks for the state that the others stand behind.
    CatchingUp,
    /// The node took over a state.
    Adopted {
        /// The round that starts from it.
        round: Round,
        /// The state.
        state: StateId,
        /// Peers that vouched for it.
        vouchers: usize,
    },
    /// The last round of the run is applied.
    Done(StateId),
    /// This node said goodbye.
    Left,
}

/// Who was in a round, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundRecord {
    /// The round.
    pub round: Round,
    /// Whether there were enough contributions for an update.
    pub update: bool,
    /// Attempts that the agreement took; 0 when the first seals of all were equal.
    pub attempts: u8,
    /// Authors of the contributions that are aggregated, ascending.
    pub contributors: Vec<PeerId>,
    /// Peers on the roster without a contribution in the set.
    pub absent: Vec<PeerId>,
    /// Peers that count from the next round on.
    pub joined: Vec<PeerId>,
    /// Peers that said goodbye.
    pub left: Vec<PeerId>,
    /// Peers that are excluded from now on.
    pub banned: Vec<PeerId>,
}

/// What became of a frame. Tells gossip whether to pass it on, and has a counter each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reception {
    /// New and of use.
    Fresh,
    /// Known already.
    Duplicate,
    /// A contribution that came after this node had sealed the round, or had shown its own payload.
    Late,
    /// Of a round that is over.
    Stale,
    /// Of a round that is too far ahead.
    Early,
    /// From a peer that does not count in the round.
    Outsider,
    /// From a peer that is excluded.
    Banned,
    /// A contribution of this round or the next whose header breaks the spec: others need not wait for its
    /// author either, once they know of it.
    Misfit,
    /// Computed from another state, or a misfit of which nobody needs to know.
    Mismatch,
    /// More than an honest peer sends.
    Excess,
}

impl Reception {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Fresh,
        Self::Duplicate,
        Self::Late,
        Self::Stale,
        Self::Early,
        Self::Outsider,
        Self::Banned,
        Self::Misfit,
        Self::Mismatch,
        Self::Excess,
    ];

    /// The name in logs, metrics and the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Duplicate => "duplicate",
            Self::Late => "late",
            Self::Stale => "stale",
            Self::Early => "early",
            Self::Outsider => "outsider",
            Self::Banned => "banned",
            Self::Misfit => "misfit",
            Self::Mismatch => "mismatch",
            Self::Excess => "excess",
        }
    }

    /// Whether other peers may need the frame. What is stale here may be news to a peer that lags
    /// behind; what is out of bounds helps nobody.
    pub const fn is_worth_relaying(self) -> bool {
        match self {
            Self::Fresh | Self::Late | Self::Stale | Self::Early | Self::Misfit => true,
            Self::Duplicate | Self::Outsider | Self::Banned | Self::Mismatch | Self::Excess => {
                false
            }
        }
    }
}
