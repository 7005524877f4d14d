//! What a fuzzer feeds with bytes (feature `fuzz`): each function takes any bytes, and panics if
//! something does not hold. `fuzz/` drives them; a test replays its corpus.

use std::sync::Arc;
use std::time::Duration;

use crate::blob;
use crate::codec;
use crate::frame::Frame;
use crate::id::{Digest, PeerId, Round, StateId, Time};
use crate::machine::{Config, Input, Output, RoundMachine};
use crate::manifest::{Manifest, Vouched};
use crate::message::{
    Contribution, Encoding, Join, Message, Request, Response, Seal, WIRE_VERSION,
};
use crate::sign::Identity;
use crate::spec::{Membership, RunSpec, Timing};

/// A fuzz target: its name, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 5] = [
    ("frame", frame),
    ("messages", messages),
    ("records", records),
    ("chunks", chunks),
    ("machine", machine),
];

/// Frames: as they are, and with a good signature over whatever envelope.
fn frame(data: &[u8]) {
    let run = spec().id();
    assert!(Frame::verify(data, &run).is_err(), "nobody signed this");
    let Some((split, rest)) = data.split_first() else {
        return;
    };
    let (envelope, body) = rest.split_at(rest.len().min((*split).into()));
    let key = identity(1);
    let envelope = [&key.peer_id().0[..], &run.0, envelope].concat();
    let Ok(length) = u16::try_from(envelope.len()) else {
        return;
    };
    let signature = key.sign_bytes(&envelope);
    let bytes = [&length.to_le_bytes()[..], &envelope, &signature, body].concat();
    if let Ok(frame) = Frame::verify(&bytes, &run) {
        assert_eq!(frame.encode(), bytes, "a frame has one encoding");
        assert_eq!(codec::encode(frame.envelope()), envelope);
    }
}

/// Requests and responses.
fn messages(data: &[u8]) {
    if let Ok(request) = Request::decode(data) {
        assert_eq!(request.encode(), data);
    }
    if let Ok(response) = Response::decode(data) {
        assert_eq!(response.encode(), data);
    }
}

/// Specifications, manifests and vouched states.
fn records(data: &[u8]) {
    if let Ok(spec) = RunSpec::decode(data) {
        assert_eq!(spec.encode(), data);
        // What it says may be refused, but has to be looked at without harm.
        let _ = (spec.check(), spec.quorum(), spec.id());
    }
    if let Ok(manifest) = Manifest::decode(data) {
        assert_eq!(manifest.encode(), data);
    }
    if let Ok(vouched) = Vouched::decode(data) {
        assert_eq!(vouched.encode(), data);
    }
}

/// Chunks and their lists, of any claimed length.
fn chunks(data: &[u8]) {
    let Some((head, rest)) = data.split_first_chunk::<12>() else {
        return;
    };
    let (length, index) = head.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap_or_default());
    let index = u32::from_le_bytes(index.try_into().unwrap_or_default());
    let own = blob::chunk_list(rest);
    assert!(blob::is_chunk_list(
        &own,
        Digest::of(&own),
        rest.len() as u64
    ));
    if let Some((start, bytes)) = blob::chunk_span(length, index) {
        assert!(
            bytes > 0 && bytes <= length - start,
            "{bytes} at {start} of {length}"
        );
    }
    if blob::is_chunk(rest, &own, length, index) {
        let bytes = blob::chunk_span(length, index).map(|(_, bytes)| bytes);
        assert_eq!(bytes, Some(rest.len() as u64));
    }
    let _ = blob::is_chunk_list(rest, Digest::of(rest), length);
}

/// Rounds of one machine among three others that say whatever the bytes tell them to.
fn machine(data: &[u8]) {
    let spec = Arc::new(spec());
    let peers = [1, 2, 3, 4].map(identity);
    let mut state = Manifest::first(&spec, Digest::of(b"model"), 8);
    state.roster = peers.iter().map(Identity::peer_id).collect();
    state.roster.sort_unstable();
    let config = Config {
        identity: peers[0].clone(),
        start: 1,
        spec: spec.clone(),
    };
    let mut now = Time::default();
    let mut machine = RoundMachine::new(config, vec![state], true, now);
    let mut known: Vec<Digest> = vec![Digest::of(b"unknown")];
    for op in data.chunks_exact(4).take(256) {
        let [what, who, a, b] = [op[0], op[1], op[2], op[3]];
        let peer = &peers[usize::from(who % 4)];
        let digest = known[usize::from(a) % known.len()];
        let round = Round(machine.round().0 + u64::from(b % 3));
        match what % 10 {
            0 => now = now + Duration::from_millis(u64::from(a) * 16),
            1 => machine.handle(Input::PeerUp(peer.peer_id()), now),
            2 => machine.handle(Input::PeerDown(peer.peer_id()), now),
            3 => machine.handle(Input::PayloadReady(digest), now),
            4 => machine.handle(Input::PayloadFailed(digest), now),
            5 => machine.handle(Input::PayloadBad(digest), now),
            6 => hear(
                &mut machine,
                &mut known,
                peer,
                round,
                header(StateId(digest.0)),
                &[a; 8],
                now,
            ),
            7 => {
                let parent = machine.state_id().unwrap_or(StateId([0; 32]));
                hear(
                    &mut machine,
                    &mut known,
                    peer,
                    round,
                    header(parent),
                    &[b; 8],
                    now,
                );
            }
            8 => {
                let seal = Message::Seal(Seal {
                    view: u16::from(b >> 6),
                    attempt: 1 + b % 4,
                });
                let mut named: Vec<Digest> = known.iter().take(a.into()).copied().collect();
                named.sort_unstable();
                named.dedup();
                let body: Vec<u8> = named.iter().flat_map(|digest| digest.0).collect();
                hear(&mut machine, &mut known, peer, round, seal, &body, now);
            }
            _ => {
                let says = if a % 2 == 0 {
                    Message::Leave
                } else {
                    Message::Join(Join { nonce: b.into() })
                };
                hear(&mut machine, &mut known, peer, round, says, &[], now);
            }
        }
        settle(&mut machine, &mut known, now);
    }
}

/// Carries out what the machine wants, and lets it wake.
fn settle(machine: &mut RoundMachine, known: &mut Vec<Digest>, now: Time) {
    for _ in 0..10_000 {
        let Some(output) = machine.poll_output() else {
            let Some(due) = machine.poll_timeout().filter(|due| *due <= now) else {
                return;
            };
            machine.handle_timeout(now);
            let next = machine.poll_timeout();
            assert!(next.is_none_or(|next| next > due), "it does not move on");
            continue;
        };
        match output {
            Output::Publish(frame) => remember(known, frame.digest(), frame.envelope().root),
            Output::Aggregate { round, .. } => machine.handle(Input::Aggregated(round), now),
            Output::Apply { round, .. } => {
                let model = Digest::of(&round.0.to_le_bytes());
                machine.handle(
                    Input::Applied {
                        round,
                        model,
                        length: 8,
                    },
                    now,
                );
            }
            Output::FetchState { state, .. } => machine.handle(Input::StateFailed(state), now),
            Output::Compute { .. }
            | Output::Fetch { .. }
            | Output::Pull { .. }
            | Output::Query(_)
            | Output::Reveal(_)
            | Output::Report(..)
            | Output::Notify(_) => {}
        }
    }
    panic!("the machine spins");
}

fn hear(
    machine: &mut RoundMachine,
    known: &mut Vec<Digest>,
    peer: &Identity,
    round: Round,
    message: Message,
    body: &[u8],
    now: Time,
) {
    let frame = Frame::sign(peer, machine.run(), 1 << 32, round, message, body.into());
    remember(known, frame.digest(), frame.envelope().root);
    machine.receive(frame, now);
}

fn remember(known: &mut Vec<Digest>, digest: Digest, root: Digest) {
    if known.len() < 128 {
        known.extend([digest, root]);
    }
}

fn header(parent: StateId) -> Message {
    Message::Contribution(Contribution {
        parent,
        length: 8,
        encoding: Encoding::F32,
        dimension: 2,
        samples: 1,
        loss: 0.0,
    })
}

fn identity(seed: u8) -> Identity {
    Identity::from_seed(&[seed; 32])
}

fn spec() -> RunSpec {
    let text = || "fuzzed".to_owned();
    RunSpec {
        wire: WIRE_VERSION,
        seed: 1,
        founder: PeerId([0; 32]),
        model: text(),
        data: text(),
        data_digest: Digest([0; 32]),
        optimizer: text(),
        local: text(),
        rule: text(),
        max_byzantine: 1,
        max_faulty: 1,
        min_peers: 3,
        min_inputs: 3,
        max_peers: 8,
        rounds: 0,
        dimension: 2,
        encoding: Encoding::F32,
        inline_max: 1024,
        timing: Timing {
            pace: 10,
            collect_min: 100,
            collect_max: 1_000,
            attempt: 100,
        },
        membership: Membership::Open,
    }
}
