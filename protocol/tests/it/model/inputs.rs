//! One machine, told anything in any order: it never panics, never spins, never contradicts itself,
//! and asks only for what its round needs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use spirt_protocol::{
    Config, Digest, Gradient, Input, Join, Manifest, Message, Output, PeerId, Reception, Round,
    RoundMachine, RunSpec, Seal, StateId, Time, Verified, Vouched,
};

use crate::forge::{Key, encode, evidence, header, seal_body, spec};
use crate::swarm::millis;

/// The machine's own key, four members, and two that are not on the first roster.
const NAMES: [&str; 6] = ["A", "B", "C", "D", "X", "Y"];

#[derive(Debug, Clone)]
enum Op {
    /// A frame: author, rounds from the machine's (shifted by 1), session, what, bits.
    Frame(usize, u64, u64, u8, u32),
    Up(usize),
    Down(usize),
    Gradient(u64),
    /// The payload of the n-th entry heard: ready, bad, failed.
    Payload(u8, usize),
    Aggregated(u64),
    Applied(u64),
    StateReady(u64, u8),
    StateFailed,
    Leave,
    Pass(u64),
    /// Lets the time pass until the machine wants to be woken.
    Wake,
}

fn op() -> impl Strategy<Value = Op> {
    let near = 0_u64..4;
    prop_oneof![
        12 => (1_usize..6, near.clone(), 1_u64..3, 0_u8..8, any::<u32>())
            .prop_map(|(who, round, session, what, bits)| Op::Frame(who, round, session, what, bits)),
        1 => (1_usize..6).prop_map(Op::Up),
        1 => (1_usize..6).prop_map(Op::Down),
        2 => near.clone().prop_map(Op::Gradient),
        6 => (0_u8..6, 0_usize..40).prop_map(|(verdict, which)| Op::Payload(verdict, which)),
        3 => near.clone().prop_map(Op::Aggregated),
        3 => near.clone().prop_map(Op::Applied),
        1 => (near, 0_u8..2).prop_map(|(round, way)| Op::StateReady(round, way)),
        1 => Just(Op::StateFailed),
        1 => (0_u8..20).prop_map(|n| if n == 0 { Op::Leave } else { Op::Wake }),
        2 => (0_u64..700).prop_map(Op::Pass),
        6 => Just(Op::Wake),
    ]
}

/// What a test knows of the machine that it talks to.
struct Talk {
    spec: RunSpec,
    machine: RoundMachine,
    now: Time,
    /// Digests and roots of the contributions that the machine heard or said.
    entries: Vec<(Digest, Digest)>,
    said: BTreeMap<(u64, u64, String), Digest>,
    transcript: Vec<String>,
}

fn manifest(spec: &RunSpec, round: u64, way: u8) -> Manifest {
    let mut roster: Vec<PeerId> = NAMES[..4].iter().map(|name| Key::of(name).peer()).collect();
    roster.sort_unstable();
    Manifest {
        run: spec.id(),
        round: Round(round),
        model: Digest([way; 32]),
        length: 16,
        roster,
        banned: vec![],
    }
}

impl Talk {
    fn new(alone: bool) -> Self {
        let spec = spec(Key::of("A").peer());
        let config = Config {
            identity: Key::of("A").identity(),
            start: 1,
            spec: Arc::new(spec.clone()),
        };
        let held = if alone {
            vec![manifest(&spec, 1, 0)]
        } else {
            vec![]
        };
        Self {
            machine: RoundMachine::new(config, held, alone, Time::default()),
            spec,
            now: Time::default(),
            entries: Vec::new(),
            said: BTreeMap::new(),
            transcript: Vec::new(),
        }
    }

    fn input(&mut self, input: Input) {
        self.machine.handle(input, self.now);
    }

    fn round(&self, shifted: u64) -> Round {
        Round((self.machine.round().0 + shifted).saturating_sub(1))
    }

    fn play(&mut self, op: &Op) -> Result<(), TestCaseError> {
        match op {
            Op::Frame(who, round, session, what, bits) => {
                let round = self.round(*round);
                let reception = self.frame(*who, round, *session, *what, *bits);
                self.transcript.push(format!("{reception:?}"));
            }
            Op::Up(who) => self.input(Input::PeerUp(Key::of(NAMES[*who]).peer())),
            Op::Down(who) => self.input(Input::PeerDown(Key::of(NAMES[*who]).peer())),
            Op::Gradient(round) => {
                let round = self.round(*round);
                let body: Arc<[u8]> = [round.0 as u8; 16].into();
                let (samples, loss) = (1, 0.0);
                self.input(Input::GradientReady(Gradient {
                    round,
                    body,
                    samples,
                    loss,
                }));
            }
            Op::Payload(verdict, which) => {
                if let Some((_, root)) = self.entries.get(*which).copied() {
                    self.input(match verdict {
                        0 => Input::PayloadBad(root),
                        1 => Input::PayloadFailed(root),
                        _ => Input::PayloadReady(root),
                    });
                }
            }
            Op::Aggregated(round) => self.input(Input::Aggregated(self.round(*round))),
            Op::Applied(round) => {
                let (round, model, length) = (self.round(*round), Digest([5; 32]), 16);
                self.input(Input::Applied {
                    round,
                    model,
                    length,
                });
            }
            Op::StateReady(round, way) => {
                let round = self.round(*round);
                self.input(Input::StateReady(manifest(&self.spec, round.0, *way)));
            }
            Op::StateFailed => self.input(Input::StateFailed(StateId([1; 32]))),
            Op::Leave => self.input(Input::Leave),
            Op::Pass(ms) => self.wake(self.now + millis(*ms))?,
            Op::Wake => {
                let due = self.machine.poll_timeout();
                self.wake(due.unwrap_or(self.now + millis(50)).max(self.now))?;
            }
        }
        self.outputs()
    }

    fn wake(&mut self, now: Time) -> Result<(), TestCaseError> {
        self.now = now;
        self.machine.handle_timeout(now);
        let due = self.machine.poll_timeout();
        prop_assert!(
            due.is_none_or(|due| due > now),
            "{:?} is not after {:?}",
            due,
            now
        );
        Ok(())
    }

    fn frame(
        &mut self,
        who: usize,
        round: Round,
        session: u64,
        what: u8,
        bits: u32,
    ) -> Option<Reception> {
        let key = Key::of(NAMES[who]);
        let place = (self.spec.id(), session, round.0);
        let parent = self
            .machine
            .state_id()
            .filter(|_| bits & 7 != 0)
            .unwrap_or(StateId([9; 32]));
        let label = [bits as u8 & 1; 16];
        let frame = match what {
            0..=2 => key.say(place, header(parent), &label),
            3 | 4 => {
                let named = self
                    .entries
                    .iter()
                    .enumerate()
                    .filter(|(i, _)| bits >> (i % 32) & 1 == 1);
                let entries: Vec<Digest> = named.map(|(_, (digest, _))| *digest).collect();
                let attempt = (bits % 3 + 1) as u8;
                key.say(
                    place,
                    Message::Seal(Seal { view: 0, attempt }),
                    &seal_body(&entries),
                )
            }
            5 => {
                let joiner = Key::of(NAMES[4 + bits as usize % 2]);
                let join = joiner.frame(place, Message::Join(Join { nonce: bits }), b"");
                match bits & 2 {
                    0 => joiner.say(place, Message::Join(Join { nonce: bits }), b""),
                    _ => key.say(place, Message::Admit, &join),
                }
            }
            6 => {
                let liar = Key::of(NAMES[1 + bits as usize % 5]);
                let lie = |body: &[u8]| liar.sign(&liar.envelope(place, header(parent), body));
                match bits & 8 {
                    0 => key.say(place, Message::Accuse, &evidence(&lie(b"1"), &lie(b"2"))),
                    _ => key.say(place, Message::Leave, b""),
                }
            }
            _ => {
                let state = manifest(&self.spec, round.0, bits as u8 & 1).id();
                key.say(
                    place,
                    Message::Vouch,
                    &encode(&Vouched {
                        states: vec![(round, state)],
                    }),
                )
            }
        };
        let frame = frame.ok()?;
        if matches!(frame.message(), Message::Contribution(_)) {
            self.entries.push((frame.digest(), frame.envelope().root));
        }
        Some(self.machine.receive(frame, self.now))
    }

    /// Takes the outputs, and checks each.
    fn outputs(&mut self) -> Result<(), TestCaseError> {
        let known: BTreeSet<PeerId> = NAMES.iter().map(|name| Key::of(name).peer()).collect();
        while let Some(output) = self.machine.poll_output() {
            let round = self.machine.round();
            let named: Vec<PeerId> = match &output {
                Output::Publish(frame) => {
                    self.heard_itself(frame)?;
                    vec![frame.author()]
                }
                Output::Compute { round: of, roster } => {
                    prop_assert_eq!(*of, round);
                    roster.clone()
                }
                Output::Aggregate {
                    round: of,
                    contributions,
                } => {
                    prop_assert_eq!(*of, round);
                    let authors: Vec<_> = contributions.iter().map(|(author, _)| *author).collect();
                    prop_assert!(
                        authors.is_sorted_by(|a, b| a < b),
                        "each author once, in order"
                    );
                    authors
                }
                Output::Apply { round: of, .. } => {
                    prop_assert_eq!(*of, round);
                    vec![]
                }
                Output::Fetch { holders, .. } | Output::FetchState { holders, .. } => {
                    let distinct: BTreeSet<_> = holders.iter().collect();
                    prop_assert_eq!(distinct.len(), holders.len());
                    holders.clone()
                }
                Output::Pull { peer, .. } | Output::Query(peer) | Output::Report(peer, _) => {
                    vec![*peer]
                }
                Output::Reveal(of) => {
                    prop_assert_eq!(*of, round);
                    vec![]
                }
                Output::Notify(_) => vec![],
            };
            prop_assert!(
                named.iter().all(|peer| known.contains(peer)),
                "{:?}",
                output
            );
            self.transcript.push(format!("{:?} {output:?}", self.now));
        }
        Ok(())
    }

    /// An honest node signs one thing for one place.
    fn heard_itself(
        &mut self,
        frame: &Verified<spirt_protocol::Frame>,
    ) -> Result<(), TestCaseError> {
        let slot = match frame.message() {
            Message::Contribution(_) => "contribution".into(),
            Message::Seal(seal) => format!("seal {}", seal.attempt),
            _ => return Ok(()),
        };
        if slot == "contribution" {
            self.entries.push((frame.digest(), frame.envelope().root));
        }
        let place = (frame.round().0, frame.envelope().session, slot);
        let before = self.said.insert(place.clone(), frame.digest());
        prop_assert!(
            before.is_none_or(|said| said == frame.digest()),
            "two things for {:?}",
            place
        );
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn a_machine_keeps_its_promises_whatever_it_is_told(
        alone in any::<bool>(),
        ops in prop::collection::vec(op(), 0..160),
    ) {
        let mut talk = Talk::new(alone);
        talk.outputs()?;
        for op in &ops {
            talk.play(op)?;
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs(
        alone in any::<bool>(),
        ops in prop::collection::vec(op(), 0..100),
    ) {
        let transcript = || {
            let mut talk = Talk::new(alone);
            ops.iter().try_for_each(|op| talk.play(op)).map(|()| talk.transcript)
        };
        prop_assert_eq!(transcript()?, transcript()?);
    }
}

#[test]
fn a_machine_left_to_itself_wakes_at_a_bounded_rate() {
    for alone in [true, false] {
        let mut talk = Talk::new(alone);
        for name in &NAMES[1..4] {
            talk.input(Input::PeerUp(Key::of(name).peer()));
        }
        let mut wakes = 0;
        while talk.now < Time(millis(60_000)) {
            let Some(due) = talk.machine.poll_timeout() else {
                break;
            };
            talk.wake(due).expect("moves on");
            talk.outputs().expect("no more than it may");
            wakes += 1;
        }
        assert!(wakes < 60_000 / 300 * 6, "{wakes} times in a minute");
    }
}
