//! Whatever the types can hold comes back from the wire as it went there.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use spirt_protocol::{
    Contribution, Digest, Encoding, Frame, Join, MAX_ASKED, MAX_BANNED, MAX_PEERS, MAX_VOUCHED,
    Manifest, Membership, Message, PeerId, Request, Response, Round, RunId, RunSpec, Seal, StateId,
    Timing, Vouched, blob,
};

use crate::forge::{Key, encode, evidence, header, seal_body, spec};

fn name() -> impl Strategy<Value = [u8; 32]> {
    any::<[u8; 32]>()
}

/// Numbers of all widths.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0_u32..64).prop_map(|(n, shift)| n >> shift)
}

fn encoding() -> impl Strategy<Value = Encoding> {
    prop_oneof![
        Just(Encoding::F32),
        Just(Encoding::Bf16),
        Just(Encoding::F16),
        Just(Encoding::Int8),
        any::<u16>().prop_map(|per_mille| Encoding::TopK { per_mille }),
        Just(Encoding::Sign),
    ]
}

fn message() -> impl Strategy<Value = (Message, Vec<u8>)> {
    let header = (
        name(),
        number(),
        number(),
        number(),
        any::<u32>(),
        encoding(),
    );
    let contribution = header.prop_map(|(parent, length, dimension, samples, loss, encoding)| {
        Message::Contribution(Contribution {
            parent: StateId(parent),
            length,
            encoding,
            dimension,
            samples,
            loss: f32::from_bits(loss),
        })
    });
    let body = prop::collection::vec(any::<u8>(), 1..200);
    let entries = prop::collection::vec(name().prop_map(Digest), 0..20);
    let states = prop::collection::btree_map(number(), name(), 0..=MAX_VOUCHED);
    prop_oneof![
        (contribution, body),
        (1_u8.., entries).prop_map(|(attempt, entries)| {
            (
                Message::Seal(Seal { view: 0, attempt }),
                seal_body(&entries),
            )
        }),
        any::<u32>().prop_map(|nonce| (Message::Join(Join { nonce }), vec![])),
        Just((Message::Leave, vec![])),
        states.prop_map(|states| {
            let states = states
                .into_iter()
                .map(|(r, s)| (Round(r), StateId(s)))
                .collect();
            (Message::Vouch, encode(&Vouched { states }))
        }),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        prop::option::of(name().prop_map(RunId)).prop_map(Request::Spec),
        Just(Request::Vouch),
        number().prop_map(|round| Request::Frames(Round(round))),
        name().prop_map(|state| Request::Manifest(StateId(state))),
        name().prop_map(|root| Request::Chunks(Digest(root))),
        (name(), any::<u32>()).prop_map(|(root, index)| Request::Chunk {
            root: Digest(root),
            index
        }),
        prop::collection::vec(name().prop_map(Digest), 0..=MAX_ASKED).prop_map(Request::Holds),
        name().prop_map(|set| Request::Sums(Digest(set))),
    ]
}

fn response() -> impl Strategy<Value = Response> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..600);
    prop_oneof![
        Just(Response::Unknown),
        bytes().prop_map(Response::Spec),
        prop::collection::vec(bytes(), 0..8).prop_map(Response::Frames),
        bytes().prop_map(Response::Manifest),
        bytes().prop_map(Response::Bytes),
    ]
}

fn any_spec() -> impl Strategy<Value = RunSpec> {
    let text = || "[!-~]{1,256}";
    let texts = (text(), text(), text(), text(), text());
    let peers = (1_u16..=MAX_PEERS).prop_flat_map(|most| (Just(most), 1..=most, 1..=most));
    let faults = (1_u16..MAX_PEERS).prop_flat_map(|faulty| (Just(faulty), 0..=faulty));
    let allowed = prop::collection::btree_set(name(), 1..5);
    let membership = prop::option::of(allowed).prop_map(|allowed| match allowed {
        None => Membership::Open,
        Some(peers) => Membership::Allow(peers.into_iter().map(PeerId).collect()),
    });
    let times = (0_u32..=86_400_000)
        .prop_flat_map(|most| (Just(most), 0..=most, 0_u32..=3_600_000, 1_u32..=3_600_000));
    (
        texts,
        peers,
        faults,
        membership,
        times,
        number(),
        1_u64..1 << 28,
    )
        .prop_map(
            |(texts, peers, faults, membership, times, seed, dimension)| RunSpec {
                model: texts.0,
                data: texts.1,
                optimizer: texts.2,
                local: texts.3,
                rule: texts.4,
                max_peers: peers.0,
                min_peers: peers.1,
                min_inputs: peers.2,
                max_faulty: faults.0,
                max_byzantine: faults.1,
                membership,
                timing: Timing {
                    collect_max: times.0,
                    collect_min: times.1,
                    pace: times.2,
                    attempt: times.3,
                },
                seed,
                rounds: seed / 3,
                dimension,
                ..spec(PeerId(Digest::of(&seed.to_le_bytes()).0))
            },
        )
}

fn manifest() -> impl Strategy<Value = Manifest> {
    let roster = prop::collection::btree_set(name(), 0..=usize::from(MAX_PEERS));
    let banned = prop::collection::vec(name(), 0..8);
    (name(), number(), name(), number(), roster, banned).prop_map(
        |(run, round, model, length, roster, banned)| Manifest {
            run: RunId(run),
            round: Round(round),
            model: Digest(model),
            length,
            roster: roster.into_iter().map(PeerId).collect(),
            banned: banned.into_iter().map(PeerId).collect(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn a_frame_comes_back_as_it_was_said(
        (message, body) in message(),
        seed in name(),
        run in name(),
        session in number(),
        round in number(),
    ) {
        let (key, run) = (Key::from_seed(&seed), RunId(run));
        let bytes = key.frame((run, session, round), message, &body);
        let frame = Frame::verify(&bytes, &run).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(frame.encode(), bytes);
        prop_assert_eq!(frame.author(), key.peer());
        prop_assert_eq!((frame.envelope().session, frame.round()), (session, Round(round)));
        // Compared as bytes: a loss need not be a number.
        prop_assert_eq!(encode(frame.message()), encode(&message));
        prop_assert_eq!(&frame.body()[..], &body[..]);
        prop_assert_eq!(frame.digest(), Digest::of(&encode(frame.envelope())));
        prop_assert_eq!(frame.subject(), None);
    }

    #[test]
    fn records_come_back_as_they_were(
        request in request(),
        response in response(),
        spec in any_spec(),
        manifest in manifest(),
    ) {
        prop_assert_eq!(Request::decode(&request.encode()), Ok(request));
        prop_assert_eq!(Response::decode(&response.encode()), Ok(response));
        prop_assert_eq!(RunSpec::decode(&spec.encode()), Ok(spec));
        prop_assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest));
    }

    #[test]
    fn a_blob_is_the_sum_of_its_chunks(length in 0_u64..1 << 31, index in any::<u32>()) {
        let count = blob::chunk_count(length);
        let last = u32::try_from(count).expect("few chunks");
        let span = |index| blob::chunk_span(length, index);
        prop_assert_eq!(span(last), None);
        prop_assert_eq!(span(index).is_some(), u64::from(index) < count);
        prop_assert_eq!((0..last).filter_map(span).map(|(_, bytes)| bytes).sum::<u64>(), length);
        prop_assert!((1..last).all(|i| span(i).map(|s| s.0) == span(i - 1).map(|(at, n)| at + n)));
        prop_assert!(count <= 2048, "{count} chunks");
    }

    #[test]
    fn a_wrong_byte_is_found_in_its_chunk(length in 1_usize..600_000, wrong in any::<prop::sample::Index>()) {
        let mut blob: Vec<u8> = (0..length).map(|i| i as u8).collect();
        let (list, length) = (blob::chunk_list(&blob), length as u64);
        prop_assert!(blob::is_chunk_list(&list, Digest::of(&list), length));
        let at = wrong.index(blob.len());
        blob[at] ^= 1;
        for index in 0..u32::try_from(blob::chunk_count(length)).expect("few") {
            let (start, bytes) = blob::chunk_span(length, index).expect("within");
            let (start, end) = (start as usize, (start + bytes) as usize);
            let intact = !(start..end).contains(&at);
            prop_assert_eq!(blob::is_chunk(&blob[start..end], &list, length, index), intact);
        }
    }
}

#[test]
fn the_largest_manifest_fits_a_record() {
    let manifest = Manifest {
        run: RunId([9; 32]),
        round: Round(u64::MAX),
        model: Digest([9; 32]),
        length: u64::MAX,
        roster: (0..MAX_PEERS as u8).map(|i| PeerId([i; 32])).collect(),
        banned: vec![PeerId([9; 32]); MAX_BANNED],
    };
    let bytes = manifest.encode();
    assert!(bytes.len() <= spirt_protocol::MAX_RECORD_BYTES);
    assert_eq!(Manifest::decode(&bytes), Ok(manifest));
}

#[test]
fn the_longest_allow_list_fits_a_record() {
    let mut peers: Vec<PeerId> = (0..1_500_u32)
        .map(|i| PeerId(Digest::of(&i.to_le_bytes()).0))
        .collect();
    peers.sort_unstable();
    let spec = RunSpec {
        membership: Membership::Allow(peers),
        ..spec(PeerId([1; 32]))
    };
    assert_eq!(RunSpec::decode(&spec.encode()), Ok(spec));
}

#[test]
fn a_largest_response_comes_back() {
    let chunk = Response::Bytes(vec![
        7;
        usize::try_from(blob::MAX_CHUNK_BYTES).expect("fits")
    ]);
    assert_eq!(Response::decode(&chunk.encode()), Ok(chunk));
    let frames = Response::Frames(vec![vec![1; spirt_protocol::MAX_FRAME_BYTES]; 60]);
    assert_eq!(Response::decode(&frames.encode()), Ok(frames));
}

#[test]
fn a_subject_is_named_by_what_the_frame_carries() {
    let (sponsor, joiner, liar) = (Key::of("sponsor"), Key::of("joiner"), Key::of("liar"));
    let place = (RunId([1; 32]), 1, 5);
    let join = joiner.frame(place, Message::Join(Join { nonce: 1 }), b"");
    let admit = sponsor.say(place, Message::Admit, &join).expect("valid");
    assert_eq!(admit.subject(), Some(joiner.peer()));
    let lie = |body: &[u8]| liar.sign(&liar.envelope(place, header(StateId([0; 32])), body));
    let accuse = sponsor.say(place, Message::Accuse, &evidence(&lie(b"1"), &lie(b"2")));
    assert_eq!(accuse.expect("valid").subject(), Some(liar.peer()));
}
