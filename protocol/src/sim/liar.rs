//! How a liar bends what its honest machine says. Owns no time and no queue: it says what goes to
//! whom, and how late.

use std::time::Duration;

use fastrand::Rng;

use crate::frame::Frame;
use crate::id::Digest;
use crate::machine::MISSING_PATIENCE;
use crate::message::Message;
use crate::sign::{Identity, Verified};

use super::forgery::{ahead, flood, resign, some_of};
use super::scenario::{Nodes, Scenario};

/// What a liar does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Signs two contributions for a round, and sends one to some, the other to the rest.
    Contributions,
    /// Signs two first seals for a round.
    Seals,
    /// Sends its payload to some only, and serves it to nobody else.
    Withhold,
    /// Sends what it says late, and to some only.
    Late,
    /// Says again what it and others said in earlier rounds.
    Replay,
    /// Votes and vouches for states that do not exist, and goes ahead of the others.
    States,
    /// Says more than anybody may.
    Flood,
    /// Gives its payload to some only, and says its seals to some only and at the last moment, so that
    /// one of them counts them in and another does not.
    Brink,
    /// Says nothing.
    Mute,
    /// Names its own contribution in its first seal, and shows it to nobody; then to a few, when the others are about to
    /// give it up.
    Conceal,
}

impl Lie {
    /// The lies that are drawn by lot.
    pub(super) const BY_LOT: [Self; 9] = [
        Self::Contributions,
        Self::Seals,
        Self::Withhold,
        Self::Late,
        Self::Replay,
        Self::States,
        Self::Flood,
        Self::Brink,
        Self::Mute,
    ];

    /// Whether a node gets a payload that it asks for; of some liars only a few do, always the same.
    pub(super) fn serves(self, root: &Digest, node: usize) -> bool {
        let lot = root.0[node % root.0.len()];
        match self {
            Self::Withhold => lot.is_multiple_of(2),
            Self::Brink => lot.is_multiple_of(4),
            Self::Mute => false,
            _ => true,
        }
    }

    /// Whether it proves itself: two signatures for one place.
    pub(super) const fn is_equivocation(self) -> bool {
        matches!(self, Self::Contributions | Self::Seals)
    }
}

/// A frame on its way from a liar.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) frame: Verified<Frame>,
    /// To whom; the others hear of it from these.
    pub(super) to: Nodes,
    pub(super) after: Duration,
    /// Whether the payload comes with it.
    pub(super) payload: bool,
}

impl Told {
    const fn whole(frame: Verified<Frame>, to: Nodes, after: Duration) -> Self {
        Self {
            frame,
            to,
            after,
            payload: true,
        }
    }
}

/// A liar's memory.
#[derive(Debug, Default)]
pub(super) struct Liar {
    heard: Vec<Verified<Frame>>,
    /// Its first seal, or what that names, which it keeps for the last moment.
    kept_back: Option<Verified<Frame>>,
}

impl Liar {
    /// Keeps a frame that it may say again.
    pub(super) fn hear(&mut self, frame: &Verified<Frame>, rng: &mut Rng) {
        if self.heard.len() < 64 {
            self.heard.push(frame.clone());
        } else if rng.u8(0..4) == 0 {
            self.heard[rng.usize(0..64)] = frame.clone();
        }
    }

    /// What goes out instead of `frame`.
    pub(super) fn bend(
        &mut self,
        lie: Lie,
        identity: &Identity,
        frame: Verified<Frame>,
        scenario: &Scenario,
        rng: &mut Rng,
    ) -> Vec<Told> {
        let some: Nodes = rng.u64(..);
        let tell = |frame, to| Told::whole(frame, to, Duration::ZERO);
        let everybody = Nodes::MAX;
        let is_contribution = matches!(frame.message(), Message::Contribution(_));
        let is_seal = matches!(frame.message(), Message::Seal(_));
        match lie {
            Lie::Contributions if is_contribution => {
                let other = resign(identity, &frame, &rng.u64(..).to_le_bytes());
                vec![tell(frame, some), tell(other, !some)]
            }
            Lie::Seals if is_seal => {
                let other = resign(identity, &frame, &some_of(&frame, rng));
                let late = Duration::from_millis(rng.u64(0..=700));
                let second = Told {
                    after: late,
                    ..tell(other, !some)
                };
                vec![tell(frame, some), second]
            }
            // As many as may lie, or about so: with its own seal they are one too many, or one too few.
            Lie::Brink if is_contribution => {
                let few = if rng.bool() {
                    some & rng.u64(..)
                } else {
                    draw(scenario.peers, scenario.spec.max_faulty.into(), rng)
                };
                let without = Told {
                    payload: false,
                    ..tell(frame.clone(), !few)
                };
                vec![tell(frame, few), without]
            }
            Lie::Withhold if is_contribution => vec![
                tell(frame.clone(), some),
                Told {
                    payload: false,
                    ..tell(frame, !some)
                },
            ],
            Lie::Brink if is_seal => self.on_the_brink(frame, scenario, rng),
            Lie::Conceal if is_contribution => {
                self.kept_back = Some(frame);
                Vec::new()
            }
            Lie::Conceal if is_seal => self.show_at_last(frame, scenario, rng),
            Lie::Late => vec![Told {
                after: Duration::from_millis(rng.u64(0..=6_000)),
                ..tell(frame, some)
            }],
            Lie::Replay => {
                let old = || rng.choice(&self.heard).cloned();
                let old: Vec<_> = std::iter::repeat_with(old).take(3).flatten().collect();
                let old = old.into_iter().map(|frame| tell(frame, some));
                old.chain([tell(frame.clone(), everybody)]).collect()
            }
            Lie::States if is_contribution => vec![tell(ahead(identity, &frame, rng), everybody)],
            Lie::Flood => flood(identity, &frame, rng)
                .into_iter()
                .chain([frame])
                .map(|frame| tell(frame, some))
                .collect(),
            Lie::Mute => Vec::new(),
            _ => vec![tell(frame, everybody)],
        }
    }

    /// Seals that come in time for one and late for another: at any time, or, every other first seal, when the last
    /// attempt of those ends that began theirs with this liar's machine.
    fn on_the_brink(
        &mut self,
        frame: Verified<Frame>,
        scenario: &Scenario,
        rng: &mut Rng,
    ) -> Vec<Told> {
        let to: Nodes = rng.u64(..) & rng.u64(..);
        let attempt = match frame.message() {
            Message::Seal(seal) => seal.attempt,
            _ => 0,
        };
        if attempt == 1 && rng.bool() {
            self.kept_back = Some(frame);
            return Vec::new();
        }
        let any = Duration::from_millis(rng.u64(0..=1_500));
        let left = scenario.spec.timing.attempt() * u32::from(scenario.spec.max_faulty);
        let aimed = left.saturating_sub(scenario.delay.mul_f64(1.5 * rng.f64()));
        let first = self.kept_back.take_if(|_| attempt == 2);
        let first = first.map(|first| Told::whole(first, to, aimed));
        first
            .into_iter()
            .chain([Told::whole(frame, to, any)])
            .collect()
    }

    /// What the first seal names comes to a few when those give it up that sealed at about the same time.
    fn show_at_last(
        &mut self,
        seal: Verified<Frame>,
        scenario: &Scenario,
        rng: &mut Rng,
    ) -> Vec<Told> {
        let attempts = u32::from(scenario.spec.max_faulty) + 1 + MISSING_PATIENCE;
        let until = scenario.spec.timing.attempt() * attempts + scenario.delay;
        let few = draw(scenario.peers, scenario.spec.max_faulty.into(), rng);
        let aimed = until.saturating_sub(scenario.delay.mul_f64(2.5 * rng.f64()));
        let named = self.kept_back.take();
        let named = named.map(|frame| Told::whole(frame, few, aimed));
        let seal = Told::whole(seal, Nodes::MAX, Duration::ZERO);
        [seal].into_iter().chain(named).collect()
    }
}

/// So many of all nodes.
fn draw(peers: usize, count: usize, rng: &mut Rng) -> Nodes {
    let drawn = rng.choose_multiple(0..peers, count);
    drawn.into_iter().fold(0, |set, node| set | 1 << node)
}
