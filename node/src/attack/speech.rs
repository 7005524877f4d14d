//! Liars that publish what no honest peer does. Each says what its machine says as well, unless that
//! is the lie.

use std::collections::VecDeque;

use spirt_protocol::{Frame, Identity, MAX_FRAME_BYTES, Message, Verified};

use crate::swarm::limits::GOSSIP_MESSAGE;

/// Contributions that a replaying liar remembers, and how many rounds late it says them.
const REMEMBERED: usize = 4;
/// Garbage messages beside each true one.
const GARBAGE: usize = 4;

/// What is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Contributions of one element more than the run has.
    WrongShape,
    /// Messages longer than any frame may be.
    Oversize,
    /// Two different contributions for each round.
    Equivocate,
    /// Its contributions of earlier rounds, as new ones and as they were.
    Replay,
    /// Bytes that are no frame, beside each true one.
    Garbage,
}

impl Lie {
    pub(super) const SYNTAXES: &[&str] =
        &["wrong-shape", "oversize", "equivocate", "replay", "garbage"];
    const ALL: [Self; 5] = [
        Self::WrongShape,
        Self::Oversize,
        Self::Equivocate,
        Self::Replay,
        Self::Garbage,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::WrongShape => "wrong-shape",
            Self::Oversize => "oversize",
            Self::Equivocate => "equivocate",
            Self::Replay => "replay",
            Self::Garbage => "garbage",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lie| lie.name() == name)
    }
}

/// A liar's tongue: its key, and what it said.
#[derive(Debug)]
pub(super) struct Tongue {
    lie: Lie,
    key: Identity,
    said: VecDeque<Verified<Frame>>,
    noise: u64,
}

impl Tongue {
    pub(super) const fn new(lie: Lie, key: Identity) -> Self {
        Self {
            lie,
            key,
            said: VecDeque::new(),
            noise: 0,
        }
    }

    pub(super) fn say(&mut self, frame: &Verified<Frame>) -> Vec<Vec<u8>> {
        let honest = frame.encode();
        let Message::Contribution(header) = *frame.message() else {
            return match self.lie {
                Lie::Garbage => self.garbage(honest),
                _ => vec![honest],
            };
        };
        match self.lie {
            Lie::WrongShape => {
                let mut longer = header;
                longer.dimension += 1;
                longer.length += 4;
                let body = [frame.body(), &[0; 4][..]].concat();
                vec![self.sign(frame, Message::Contribution(longer), &body)]
            }
            Lie::Oversize => {
                let mut long = honest.clone();
                long.resize(GOSSIP_MESSAGE.max(MAX_FRAME_BYTES + 1), 0);
                vec![long, honest]
            }
            Lie::Equivocate => {
                let mut other = header;
                other.samples += 1;
                let other = self.sign(frame, Message::Contribution(other), frame.body());
                vec![honest, other]
            }
            Lie::Replay => self.replay(frame, honest),
            Lie::Garbage => self.garbage(honest),
        }
    }

    fn replay(&mut self, frame: &Verified<Frame>, honest: Vec<u8>) -> Vec<Vec<u8>> {
        self.said.push_back(frame.clone());
        if self.said.len() <= REMEMBERED {
            return vec![honest];
        }
        let Some(old) = self.said.pop_front() else {
            return vec![honest];
        };
        let again = self.sign(frame, *frame.message(), old.body());
        vec![old.encode(), again]
    }

    fn garbage(&mut self, honest: Vec<u8>) -> Vec<Vec<u8>> {
        let mut said = vec![honest];
        for _ in 0..GARBAGE {
            self.noise += 1;
            let mut bytes = vec![0; 500];
            let mut hasher = blake3::Hasher::new();
            hasher.update(&self.key.peer_id().0);
            hasher.update(&self.noise.to_le_bytes());
            hasher.finalize_xof().fill(&mut bytes);
            said.push(bytes);
        }
        said
    }

    /// Another message and body in the place of a frame.
    fn sign(&self, frame: &Frame, message: Message, body: &[u8]) -> Vec<u8> {
        let envelope = frame.envelope();
        Frame::forge(
            &self.key,
            envelope.run,
            envelope.session,
            envelope.round,
            message,
            body,
        )
    }
}
