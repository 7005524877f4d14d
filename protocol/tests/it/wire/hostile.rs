//! Bytes that no honest peer sends: always an error, never a panic. Lengths are checked against
//! the limit before memory is taken for them: where they claim a terabyte, a test that got it wrong
//! would not live to fail.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use spirt_protocol::{
    DecodeError, Digest, EnvelopeError, Frame, FrameError, MAX_ENVELOPE_BYTES, MAX_FRAME_BYTES,
    MAX_RECORD_BYTES, MAX_RESPONSE_BYTES, Manifest, Membership, Message, PeerId, Request, Response,
    Round, RunId, RunSpec, Seal, SpecError, StateId, Vouched,
};

use crate::forge::{Key, encode, header, seal_body, spec};

const RUN: RunId = RunId([0xaa; 32]);
const PLACE: (RunId, u64, u64) = (RUN, 1, 300);

fn author() -> Key {
    Key::of("author")
}

fn contribution() -> Vec<u8> {
    author().frame(PLACE, header(StateId([0xbb; 32])), &[1; 16])
}

fn refused(bytes: &[u8]) -> FrameError {
    Frame::verify(bytes, &RUN).expect_err("must be refused")
}

/// A frame of these envelope bytes, correctly signed, with a body.
fn signed(envelope: &[u8], body: &[u8]) -> Vec<u8> {
    [author().sign_bytes(envelope), body.to_vec()].concat()
}

/// An unsigned integer in eight bytes, whether it needs them or not.
fn wide(n: u64) -> Vec<u8> {
    [&[253][..], &n.to_le_bytes()].concat()
}

#[test]
fn a_frame_cut_short_anywhere_is_refused() {
    let whole = contribution();
    Frame::verify(&whole, &RUN).expect("whole");
    for length in 0..whole.len() {
        let error = refused(&whole[..length]);
        assert!(
            matches!(error, FrameError::Truncated | FrameError::Body),
            "{length}: {error}"
        );
    }
}

#[test]
fn a_frame_with_one_wrong_bit_is_refused() {
    let whole = contribution();
    for bit in 0..whole.len() * 8 {
        let mut frame = whole.clone();
        frame[bit / 8] ^= 1 << (bit % 8);
        refused(&frame);
    }
}

#[test]
fn a_frame_with_trailing_bytes_is_refused() {
    let messages = [
        header(StateId([1; 32])),
        Message::Leave,
        Message::Seal(Seal {
            view: 0,
            attempt: 1,
        }),
    ];
    for message in messages {
        let body: &[u8] = if matches!(message, Message::Contribution(_)) {
            &[1; 16]
        } else {
            b""
        };
        let mut frame = author().frame(PLACE, message, body);
        frame.push(0);
        assert_eq!(refused(&frame), FrameError::Body);
    }
}

#[test]
fn a_frame_longer_than_any_is_refused_unread() {
    let long = vec![0; MAX_FRAME_BYTES + 1];
    assert_eq!(refused(&long), FrameError::TooLong(MAX_FRAME_BYTES + 1));
}

#[test]
fn a_foreign_run_is_named_before_the_signature_is_looked_at() {
    let other = RunId([0xcc; 32]);
    let mut frame = contribution();
    // Neither a signature nor an author that could have made one.
    let signature = frame.len() - 16 - 64;
    frame[signature..signature + 64].fill(0xff);
    frame[2..34].fill(0);
    let error = Frame::verify(&frame, &other).expect_err("foreign");
    assert_eq!(error, FrameError::Envelope(EnvelopeError::ForeignRun));
    assert!(error.is_innocent());
}

#[test]
fn a_signature_by_another_is_refused() {
    let envelope = encode(&author().envelope(PLACE, Message::Leave, b""));
    let frame = Key::of("another").sign_bytes(&envelope);
    assert_eq!(
        refused(&frame),
        FrameError::Envelope(EnvelopeError::BadSignature)
    );
    assert!(!refused(&frame).is_innocent());
}

#[test]
fn a_signature_without_the_domain_is_refused() {
    use ed25519_dalek::{Signer as _, SigningKey};
    let key = SigningKey::from_bytes(&[1; 32]);
    let envelope = encode(&Key::from_seed(&[1; 32]).envelope(PLACE, Message::Leave, b""));
    let signature = key.sign(&envelope).to_bytes();
    let length = u16::try_from(envelope.len()).expect("short").to_le_bytes();
    let frame = [&length[..], &envelope, &signature].concat();
    assert_eq!(
        refused(&frame),
        FrameError::Envelope(EnvelopeError::BadSignature)
    );
}

#[test]
fn weak_keys_are_refused_even_where_their_signature_holds() {
    // The neutral element and a point of order 2: with these, one signature fits many messages.
    let neutral = [&[1][..], &[0; 31]].concat();
    let order_two = [&[0xec][..], &[0xff; 30], &[0x7f]].concat();
    for point in [neutral, order_two] {
        let mut envelope = author().envelope(PLACE, Message::Leave, b"");
        envelope.author = PeerId(point.clone().try_into().expect("32 bytes"));
        let bytes = encode(&envelope);
        let length = u16::try_from(bytes.len()).expect("short").to_le_bytes();
        let signature = [&point[..], &[0; 32]].concat();
        let frame = [&length[..], &bytes, &signature].concat();
        assert_eq!(
            refused(&frame),
            FrameError::Envelope(EnvelopeError::WeakKey)
        );
    }
}

#[test]
fn an_author_that_is_no_point_is_refused() {
    let mut envelope = author().envelope(PLACE, Message::Leave, b"");
    envelope.author = PeerId([2; 32]);
    let frame = author().sign(&envelope);
    assert_eq!(
        refused(&frame),
        FrameError::Envelope(EnvelopeError::WeakKey)
    );
}

#[test]
fn a_body_that_the_root_does_not_name_is_refused() {
    let mut frame = contribution();
    let last = frame.len() - 1;
    frame[last] ^= 1;
    assert_eq!(refused(&frame), FrameError::Body);
}

#[test]
fn a_contribution_without_a_body_is_refused() {
    let frame = author().frame(PLACE, header(StateId([1; 32])), b"");
    assert_eq!(refused(&frame), FrameError::Body);
}

#[test]
fn a_seal_out_of_order_is_refused() {
    let (low, high) = ([1; 32], [2; 32]);
    let seal = |attempt, body: &[u8]| {
        author().frame(PLACE, Message::Seal(Seal { view: 0, attempt }), body)
    };
    assert_eq!(
        refused(&seal(1, &[high, low].concat())),
        FrameError::Body,
        "descending"
    );
    assert_eq!(
        refused(&seal(1, &[low, low].concat())),
        FrameError::Body,
        "twice"
    );
    assert_eq!(
        refused(&seal(1, &low[..31])),
        FrameError::Body,
        "half an entry"
    );
    assert_eq!(
        refused(&seal(0, &low)),
        FrameError::Body,
        "attempts count from 1"
    );
    Frame::verify(&seal(1, &[low, high].concat()), &RUN).expect("in order");
    Frame::verify(&seal(1, b""), &RUN).expect("empty");
}

#[test]
fn a_body_behind_a_message_that_has_none_is_refused() {
    for message in [
        Message::Leave,
        Message::Join(spirt_protocol::Join { nonce: 1 }),
    ] {
        assert_eq!(
            refused(&author().frame(PLACE, message, b"x")),
            FrameError::Body
        );
    }
}

#[test]
fn a_vouch_that_is_too_long_or_out_of_order_is_refused() {
    let vouch = |rounds: &[u64]| {
        let states = rounds
            .iter()
            .map(|r| (Round(*r), StateId([1; 32])))
            .collect();
        author().frame(PLACE, Message::Vouch, &encode(&Vouched { states }))
    };
    Frame::verify(&vouch(&[1, 2, 3, 4, 5, 6, 7, 8]), &RUN).expect("eight");
    Frame::verify(&vouch(&[]), &RUN).expect("none");
    assert_eq!(
        refused(&vouch(&[1, 2, 3, 4, 5, 6, 7, 8, 9])),
        FrameError::Body
    );
    assert_eq!(refused(&vouch(&[2, 1])), FrameError::Body);
    assert_eq!(refused(&vouch(&[1, 1])), FrameError::Body);
    // Claims 2^40 states and brings none.
    assert_eq!(
        refused(&author().frame(PLACE, Message::Vouch, &wide(1 << 40))),
        FrameError::Body
    );
}

#[test]
fn an_envelope_with_a_padded_number_is_refused() {
    let bytes = encode(&author().envelope(PLACE, Message::Leave, b""));
    // author, run, then session 1 in one byte: here in three, five and nine.
    let (start, rest) = (&bytes[..64], &bytes[65..]);
    for padded in [&[251, 1, 0][..], &[252, 1, 0, 0, 0], &wide(1)] {
        let frame = signed(&[start, padded, rest].concat(), b"");
        let error = EnvelopeError::Decode(DecodeError::NotCanonical);
        assert_eq!(refused(&frame), FrameError::Envelope(error));
    }
}

#[test]
fn an_envelope_with_trailing_bytes_is_refused() {
    let mut bytes = encode(&author().envelope(PLACE, Message::Leave, b""));
    bytes.push(0);
    let error = EnvelopeError::Decode(DecodeError::NotCanonical);
    assert_eq!(refused(&signed(&bytes, b"")), FrameError::Envelope(error));
}

#[test]
fn an_envelope_that_is_too_long_is_refused() {
    let mut bytes = encode(&author().envelope(PLACE, Message::Leave, b""));
    bytes.resize(MAX_ENVELOPE_BYTES + 1, 0);
    let error = EnvelopeError::Decode(DecodeError::TooLong {
        have: MAX_ENVELOPE_BYTES + 1,
        most: MAX_ENVELOPE_BYTES,
    });
    assert_eq!(refused(&signed(&bytes, b"")), FrameError::Envelope(error));
}

#[test]
fn an_unknown_kind_of_message_is_refused() {
    let bytes = encode(&author().envelope(PLACE, Message::Leave, b""));
    // author, run, session, round 300 in three bytes, then the kind.
    let kind = 32 + 32 + 1 + 3;
    assert_eq!(bytes[kind], 4);
    for unknown in [7, 8, 200, 251, 255] {
        let mut bytes = bytes.clone();
        bytes[kind] = unknown;
        let refused = refused(&signed(&bytes, b""));
        let decode = matches!(refused, FrameError::Envelope(EnvelopeError::Decode(_)));
        assert!(decode, "{unknown}: {refused:?}");
    }
}

#[test]
fn a_length_without_bounds_takes_no_memory() {
    let claims = [1 << 40, u64::MAX, 1 << 21, 70_000];
    for length in claims.map(wide) {
        let response = |kind: u8| Response::decode(&[&[kind][..], &length].concat());
        for kind in 1..=4 {
            assert!(response(kind).is_err(), "kind {kind}");
        }
        // Many frames that each claim much.
        let nested = [&[2, 5][..], &length, &length].concat();
        assert!(Response::decode(&nested).is_err());
        let manifest = Manifest {
            run: RUN,
            round: Round(0),
            model: Digest([1; 32]),
            length: 0,
            roster: vec![],
            banned: vec![],
        };
        let bytes = manifest.encode();
        let lists = &bytes[..bytes.len() - 2];
        assert!(
            Manifest::decode(&[lists, &length, &[0]].concat()).is_err(),
            "roster"
        );
        assert!(
            Manifest::decode(&[lists, &[0], &length].concat()).is_err(),
            "banned"
        );
        // The specification's first text.
        let bytes = spec(PeerId([1; 32])).encode();
        let text = [&bytes[..1 + 1 + 32], &length, b"softmax"].concat();
        assert!(RunSpec::decode(&text).is_err(), "text");
        let mut allow = bytes;
        *allow.last_mut().expect("membership is last") = 1;
        assert!(
            RunSpec::decode(&[&allow, &length[..]].concat()).is_err(),
            "allowed"
        );
    }
}

#[test]
fn records_longer_than_their_limit_are_refused_unread() {
    let long = |most: usize| {
        (
            vec![0; most + 1],
            DecodeError::TooLong {
                have: most + 1,
                most,
            },
        )
    };
    let (bytes, error) = long(MAX_RECORD_BYTES);
    assert_eq!(Manifest::decode(&bytes), Err(error));
    assert_eq!(RunSpec::decode(&bytes), Err(SpecError::Decode(error)));
    let (bytes, error) = long(MAX_RESPONSE_BYTES);
    assert_eq!(Response::decode(&bytes), Err(error));
    let (bytes, error) = long(MAX_ENVELOPE_BYTES);
    assert_eq!(Request::decode(&bytes), Err(error));
    assert_eq!(Vouched::decode(&bytes), Err(error));
}

#[test]
fn records_cut_short_or_with_trailing_bytes_are_refused() {
    let allowed = vec![PeerId([1; 32]), PeerId([2; 32])];
    let spec = RunSpec {
        membership: Membership::Allow(allowed.clone()),
        ..spec(PeerId([1; 32]))
    };
    let manifest = Manifest {
        run: RUN,
        round: Round(9),
        model: Digest([1; 32]),
        length: 1 << 33,
        roster: allowed.clone(),
        banned: allowed,
    };
    let root = Digest([5; 32]);
    type Decodes = fn(&[u8]) -> bool;
    let all: [(Vec<u8>, Decodes); 4] = [
        (spec.encode(), |bytes| RunSpec::decode(bytes).is_ok()),
        (manifest.encode(), |bytes| Manifest::decode(bytes).is_ok()),
        (
            Request::Chunk {
                root,
                index: 70_000,
            }
            .encode(),
            |bytes| Request::decode(bytes).is_ok(),
        ),
        (Response::Frames(vec![vec![1; 300]; 3]).encode(), |bytes| {
            Response::decode(bytes).is_ok()
        }),
    ];
    for (bytes, decodes) in all {
        assert!(decodes(&bytes));
        assert!((0..bytes.len()).all(|length| !decodes(&bytes[..length])));
        assert!(!decodes(&[&bytes[..], &[0]].concat()));
    }
}

#[test]
fn a_manifest_with_a_disordered_roster_is_refused() {
    let manifest = |roster: &[u8]| Manifest {
        run: RUN,
        round: Round(0),
        model: Digest([1; 32]),
        length: 0,
        roster: roster.iter().map(|i| PeerId([*i; 32])).collect(),
        banned: vec![],
    };
    let decode = |roster: &[u8]| Manifest::decode(&manifest(roster).encode());
    assert!(decode(&[1, 2, 3]).is_ok());
    assert_eq!(decode(&[2, 1]), Err(DecodeError::Malformed));
    assert_eq!(decode(&[1, 1]), Err(DecodeError::Malformed));
    let crowd: Vec<u8> = (0..65).collect();
    assert_eq!(decode(&crowd), Err(DecodeError::Malformed));
}

#[test]
fn a_specification_out_of_range_is_refused_by_the_name_of_the_field() {
    let good = || spec(PeerId([1; 32]));
    type Spoil = fn(&mut RunSpec);
    let cases: [(&str, Spoil); 16] = [
        ("model", |s| s.model.clear()),
        ("data", |s| s.data = "two words".into()),
        ("optimizer", |s| s.optimizer = "é".into()),
        ("local", |s| s.local = "x".repeat(257)),
        ("rule", |s| s.rule = "a\nb".into()),
        ("max_peers", |s| s.max_peers = 65),
        ("min_peers", |s| s.min_peers = 17),
        ("min_inputs", |s| s.min_inputs = 0),
        ("max_faulty", |s| s.max_faulty = 0),
        ("max_faulty", |s| s.max_byzantine = 2),
        ("dimension", |s| s.dimension = (1 << 28) + 1),
        ("inline_max", |s| s.inline_max = 32_769),
        ("attempt", |s| s.timing.attempt = 0),
        ("collect_min", |s| s.timing.collect_min = 5_001),
        ("pace", |s| s.timing.pace = 3_600_001),
        ("membership", |s| s.membership = Membership::Allow(vec![])),
    ];
    assert_eq!(RunSpec::decode(&good().encode()), Ok(good()));
    for (name, spoil) in cases {
        let mut spec = good();
        spoil(&mut spec);
        match RunSpec::decode(&spec.encode()) {
            Err(SpecError::Field { field, .. }) => assert_eq!(field, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    let other = RunSpec { wire: 2, ..good() };
    assert_eq!(
        RunSpec::decode(&other.encode()),
        Err(SpecError::Version { theirs: 2 })
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn noise_is_never_a_frame(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Frame::verify(&bytes, &RUN).is_err());
    }

    #[test]
    fn a_signed_envelope_of_noise_is_refused_or_canonical(noise in prop::collection::vec(any::<u8>(), 0..80)) {
        let envelope = [&author().peer().0[..], &RUN.0, &noise].concat();
        if let Ok(frame) = Frame::verify(&signed(&envelope, b""), &RUN) {
            prop_assert_eq!(encode(frame.envelope()), envelope);
        }
    }

    #[test]
    fn noise_decodes_to_nothing_that_would_encode_otherwise(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(request) = Request::decode(&bytes) {
            prop_assert_eq!(request.encode(), bytes.clone());
        }
        if let Ok(response) = Response::decode(&bytes) {
            prop_assert_eq!(response.encode(), bytes.clone());
        }
        prop_assert!(Manifest::decode(&bytes).is_err() || bytes.len() > 90);
        prop_assert!(RunSpec::decode(&bytes).is_err() || bytes.len() > 90);
    }

    #[test]
    fn a_seal_of_noise_is_refused_unless_ascending(mut entries in prop::collection::vec(0_u8..4, 0..5)) {
        let body: Vec<u8> = entries.iter().flat_map(|i| [*i; 32]).collect();
        let frame = author().frame(PLACE, Message::Seal(Seal { view: 0, attempt: 1 }), &body);
        let verified = Frame::verify(&frame, &RUN).is_ok();
        let given = entries.clone();
        entries.sort_unstable();
        entries.dedup();
        prop_assert_eq!(verified, given == entries);
        if verified {
            let digests: Vec<_> = entries.iter().map(|i| Digest([*i; 32])).collect();
            prop_assert_eq!(seal_body(&digests), body);
        }
    }
}
