//! The closed list of attacks, and their texts.

use std::fmt;
use std::str::FromStr;

use spirt_aggregation::attack::Collusion;
use spirt_protocol::WIRE_VERSION;
use spirt_training::Split;

use crate::blobs::Hashed;

use super::{crowd, service, speech, vector};

/// What a Byzantine peer does, besides being a peer.
///
/// [`Display`](fmt::Display) and [`FromStr`] are inverse to each other.
#[derive(Debug, Clone, PartialEq)]
pub enum Attack {
    /// Changes its own vector.
    Vector(vector::Lie),
    /// Waits for the vectors of the others, and makes its own from them.
    Collusion(Collusion),
    /// Trains on samples whose labels are turned round: the first class is the last.
    LabelFlip,
    /// Publishes what no honest peer does.
    Speech(speech::Lie),
    /// Answers requests as no honest peer does.
    Service(service::Lie),
    /// Comes as many, or fills tables.
    Crowd(crowd::Lie),
    /// Speaks the wire version before this one, as a peer that nobody updated. No lie; but an honest
    /// build speaks one version only.
    OldWire,
}

impl Attack {
    /// The data that this liar trains on, if not the run's.
    pub fn data(&self, honest: &Split) -> Option<Split> {
        if *self != Self::LabelFlip {
            return None;
        }
        let last = honest.train.classes() - 1;
        let train = honest.train.relabelled(|label| last - label);
        Some(Split {
            train: train.expect("turned round, a class is still one"),
            test: honest.test.clone(),
        })
    }

    /// Whether requests of all kinds have to come past the liar.
    pub const fn bends_service(&self) -> bool {
        matches!(self, Self::Service(lie) if !matches!(lie, service::Lie::FalseSum))
    }

    /// The version of the wire format that it speaks.
    pub fn version(&self) -> u16 {
        WIRE_VERSION - u16::from(*self == Self::OldWire)
    }

    /// Replaces the vector by what the attacker sends.
    pub fn corrupt(&self, vector: &mut [f32], seed: u64) {
        if let Self::Vector(lie) = self {
            lie.corrupt(vector, seed);
        }
    }

    /// Replaces what the rule gave by what the attacker serves of it.
    pub fn falsify(&self, sums: &mut [Hashed]) {
        if *self == Self::Service(service::Lie::FalseSum) {
            for sum in sums {
                let mut bytes = sum.bytes().to_vec();
                // The lowest bit of a value: the lie that changes least.
                bytes[0] ^= 1;
                *sum = Hashed::of(bytes.into());
            }
        }
    }

    /// All texts that are accepted, options in square brackets.
    pub fn syntaxes() -> Vec<&'static str> {
        [
            vector::Lie::SYNTAXES,
            Collusion::SYNTAXES,
            &["label-flip"],
            speech::Lie::SYNTAXES,
            service::Lie::SYNTAXES,
            crowd::Lie::SYNTAXES,
            &["old-wire"],
        ]
        .concat()
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vector(lie) => lie.fmt(f),
            Self::Collusion(collusion) => collusion.fmt(f),
            Self::LabelFlip => f.write_str("label-flip"),
            Self::Speech(lie) => f.write_str(lie.name()),
            Self::Service(lie) => f.write_str(lie.name()),
            Self::Crowd(lie) => lie.fmt(f),
            Self::OldWire => f.write_str("old-wire"),
        }
    }
}

impl FromStr for Attack {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "label-flip" {
            return Ok(Self::LabelFlip);
        }
        if text == "old-wire" {
            return Ok(Self::OldWire);
        }
        let speech = || speech::Lie::from_name(text).map(Self::Speech);
        let service = || service::Lie::from_name(text).map(Self::Service);
        let crowd = || crowd::Lie::parse(text).map(Self::Crowd);
        let vector = || vector::Lie::parse(text).map(Self::Vector);
        let collusion = || text.parse().ok().map(Self::Collusion);
        speech()
            .or_else(service)
            .or_else(crowd)
            .or_else(vector)
            .or_else(collusion)
            .ok_or_else(|| {
                let accepted = Self::syntaxes().join(", ");
                format!("unknown attack '{text}' (accepted: {accepted})")
            })
    }
}
