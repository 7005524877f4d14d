//! Each kind of message, field by field, in `testdata/wire/*.txt`.
//!
//! The bytes are made twice: by the crate, and here by hand from `docs/wire.md`. Both must agree
//! with the file. `UPDATE_EXPECT=1` rewrites the files; look at the difference before you keep it.

use std::fmt::Write as _;

use expect_test::expect_file;
use spirt_protocol::{
    Digest, Frame, Join, Manifest, Membership, Message, PeerId, Request, Response, Round, RunId,
    RunSpec, Seal, StateId, Vouched, blob,
};

use crate::forge::{Key, encode, evidence, header, seal_body, spec};

/// Named fields, in the order of the wire.
#[derive(Default)]
struct Fields(Vec<(String, Vec<u8>)>);

/// An unsigned integer as the wire writes it.
fn varint(n: u64) -> Vec<u8> {
    let wide = n.to_le_bytes();
    match n {
        0..=250 => vec![wide[0]],
        251..=0xffff => [&[251], &wide[..2]].concat(),
        0x1_0000..=0xffff_ffff => [&[252], &wide[..4]].concat(),
        _ => [&[253], &wide[..]].concat(),
    }
}

impl Fields {
    fn put(mut self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.0.push((name.into(), bytes.as_ref().to_vec()));
        self
    }

    fn int(self, name: &str, n: u64) -> Self {
        self.put(name, varint(n))
    }

    fn text(self, name: &str, text: &str) -> Self {
        self.put(name, [&varint(text.len() as u64), text.as_bytes()].concat())
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
    }

    /// `name  hex`, 32 bytes a line.
    fn render(&self, about: &str) -> String {
        let mut text = format!("# {about}\n");
        for (name, bytes) in &self.0 {
            let mut name = name.as_str();
            for line in bytes.chunks(32) {
                let hex = line.iter().fold(String::new(), |mut hex, byte| {
                    let _ = write!(hex, "{byte:02x}");
                    hex
                });
                let _ = writeln!(text, "{name:<12} {hex}");
                name = "";
            }
        }
        text
    }
}

/// The key whose seed is 32 bytes of 1.
fn author() -> Key {
    Key::from_seed(&[1; 32])
}

fn run() -> RunId {
    RunId([0xaa; 32])
}

fn parent() -> StateId {
    StateId([0xbb; 32])
}

/// Session 1 of round 300: a number of one byte, and one of three.
const PLACE: (u64, u64) = (1, 300);

/// The fields of a frame; `message` are those of the message.
fn frame(message: Fields, body: &[u8]) -> Fields {
    let envelope = Fields::default()
        .put("author", author().peer().0)
        .put("run", run().0)
        .int("session", PLACE.0)
        .int("round", PLACE.1);
    let envelope = message
        .0
        .into_iter()
        .fold(envelope, |all, (name, bytes)| all.put(&name, bytes));
    let envelope = envelope.put("root", Digest::of(body).0);
    let signed = envelope.bytes();
    let length = u16::try_from(signed.len()).expect("short").to_le_bytes();
    let start = Fields::default().put("length", length);
    let all = envelope
        .0
        .into_iter()
        .fold(start, |all, (name, bytes)| all.put(&name, bytes));
    let signature = author().signature(&signed);
    let all = all.put("signature", signature);
    if body.is_empty() {
        all
    } else {
        all.put("body", body)
    }
}

fn check_frame(name: &str, about: &str, fields: &Fields, message: Message, body: &[u8]) {
    let (session, round) = PLACE;
    let said = author().frame((run(), session, round), message, body);
    assert_eq!(said, fields.bytes(), "{name}: the types encode otherwise");
    let frame = Frame::verify(&said, &run()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(*frame.message(), message);
    assert_eq!(frame.encode(), said);
    check_file(name, about, fields);
}

fn check_file(name: &str, about: &str, fields: &Fields) {
    let path = format!("{}/testdata/wire/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    expect_file![path].assert_eq(&fields.render(about));
}

#[test]
fn a_contribution_is_written_as_the_page_says() {
    let body: Vec<u8> = [0.0_f32, 1.0, -1.0, 0.5]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    let fields = Fields::default()
        .int("kind", 0)
        .put("parent", parent().0)
        .int("bytes", 16)
        .int("encoding", 0)
        .int("dimension", 4)
        .int("samples", 32)
        .put("loss", 0.5_f32.to_le_bytes());
    let about = "A contribution; its payload of 4 elements travels inline.";
    check_frame(
        "contribution",
        about,
        &frame(fields, &body),
        header(parent()),
        &body,
    );
}

#[test]
fn a_seal_is_written_as_the_page_says() {
    let body = seal_body(&[Digest([3; 32]), Digest([2; 32])]);
    let fields = Fields::default()
        .int("kind", 1)
        .int("view", 2)
        .put("attempt", [1]);
    let message = Message::Seal(Seal {
        view: 2,
        attempt: 1,
    });
    check_frame(
        "seal",
        "A first seal of two entries, in the third view.",
        &frame(fields, &body),
        message,
        &body,
    );
}

/// A signed request to join of round 300, without a body.
fn join_of(name: &str) -> Vec<u8> {
    Key::of(name).frame((run(), 1, 300), Message::Join(Join { nonce: 7 }), b"")
}

#[test]
fn a_join_is_written_as_the_page_says() {
    let fields = Fields::default().int("kind", 2).int("nonce", 70_000);
    let message = Message::Join(Join { nonce: 70_000 });
    check_frame(
        "join",
        "A request to join, repeated often.",
        &frame(fields, b""),
        message,
        b"",
    );
}

#[test]
fn an_admission_is_written_as_the_page_says() {
    let body = join_of("joiner");
    let fields = Fields::default().int("kind", 3);
    let about = "An admission; the body is the signed join of somebody else.";
    check_frame("admit", about, &frame(fields, &body), Message::Admit, &body);
}

#[test]
fn a_goodbye_is_written_as_the_page_says() {
    let fields = Fields::default().int("kind", 4);
    check_frame(
        "leave",
        "A goodbye.",
        &frame(fields, b""),
        Message::Leave,
        b"",
    );
}

#[test]
fn an_accusation_is_written_as_the_page_says() {
    let liar = Key::of("liar");
    let place = (run(), 1, 300);
    let one = liar.sign(&liar.envelope(place, header(parent()), b"one"));
    let two = liar.sign(&liar.envelope(place, header(parent()), b"two"));
    let body = evidence(&one, &two);
    let fields = Fields::default().int("kind", 5);
    let about = "An accusation; the body is two signed headers of one liar for one round.";
    check_frame(
        "accuse",
        about,
        &frame(fields, &body),
        Message::Accuse,
        &body,
    );
}

#[test]
fn a_vouch_is_written_as_the_page_says() {
    let states = vec![(Round(299), StateId([4; 32])), (Round(300), parent())];
    let body = Fields::default()
        .int("states", 2)
        .int("round", 299)
        .put("state", [4; 32])
        .int("round", 300)
        .put("state", parent().0);
    assert_eq!(encode(&Vouched { states }), body.bytes());
    let fields = frame(Fields::default().int("kind", 6), &body.bytes());
    let about = "A vouch for two states.";
    check_frame("vouch", about, &fields, Message::Vouch, &body.bytes());
}

#[test]
fn a_run_specification_is_written_as_the_page_says() {
    let founder = author().peer();
    let allowed = PeerId([0xff; 32]);
    let spec = RunSpec {
        membership: Membership::Allow(vec![founder, allowed]),
        ..spec(founder)
    };
    let fields = Fields::default()
        .int("wire", 1)
        .int("seed", 7)
        .put("founder", founder.0)
        .text("model", "softmax")
        .text("data", "digits")
        .put("data_digest", Digest::of(b"digits").0)
        .text("optimizer", "sgd:lr=1")
        .text("local", "steps=1")
        .text("rule", "trimmed-mean")
        .int("byzantine", 1)
        .int("faulty", 1)
        .int("min_peers", 3)
        .int("min_inputs", 3)
        .int("max_peers", 16)
        .int("rounds", 0)
        .int("dimension", 4)
        .int("encoding", 0)
        .int("inline_max", 1024)
        .int("pace", 100)
        .int("collect_min", 600)
        .int("collect_max", 5000)
        .int("attempt", 300)
        .int("membership", 1)
        .int("allowed", 2)
        .put("peer", founder.0)
        .put("peer", allowed.0);
    assert_eq!(spec.encode(), fields.bytes());
    assert_eq!(RunSpec::decode(&fields.bytes()).as_ref(), Ok(&spec));
    let id = Fields(fields.0).put("= run id", spec.id().0);
    check_file(
        "spec",
        "A run specification; below it the id of the run.",
        &id,
    );
    let hash = blake3::derive_key("spirt 1 run", &spec.encode());
    assert_eq!(spec.id(), RunId(hash));
}

#[test]
fn a_manifest_is_written_as_the_page_says() {
    let manifest = Manifest {
        run: run(),
        round: Round(300),
        model: Digest::of(b"model"),
        length: 1 << 40,
        roster: vec![PeerId([1; 32]), PeerId([2; 32])],
        banned: vec![PeerId([3; 32])],
    };
    let fields = Fields::default()
        .put("run", run().0)
        .int("round", 300)
        .put("model", Digest::of(b"model").0)
        .int("length", 1 << 40)
        .int("roster", 2)
        .put("peer", [1; 32])
        .put("peer", [2; 32])
        .int("banned", 1)
        .put("peer", [3; 32]);
    assert_eq!(manifest.encode(), fields.bytes());
    assert_eq!(Manifest::decode(&fields.bytes()).as_ref(), Ok(&manifest));
    assert_eq!(
        manifest.id().0,
        blake3::derive_key("spirt 1 state", &manifest.encode())
    );
    let id = Fields(fields.0).put("= state id", manifest.id().0);
    check_file("manifest", "A manifest; below it the id of the state.", &id);
}

fn lines(all: Vec<(&str, Vec<u8>)>) -> Fields {
    Fields(
        all.into_iter()
            .map(|(name, bytes)| (name.to_owned(), bytes))
            .collect(),
    )
}

#[test]
fn requests_are_written_as_the_page_says() {
    let root = Digest([5; 32]);
    let all = [
        ("spec", Request::Spec(None), vec![0, 0]),
        (
            "spec of",
            Request::Spec(Some(run())),
            [&[0, 1][..], &run().0].concat(),
        ),
        ("vouch", Request::Vouch, vec![1]),
        (
            "frames",
            Request::Frames(Round(300)),
            [&[2][..], &varint(300)].concat(),
        ),
        (
            "manifest",
            Request::Manifest(parent()),
            [&[3][..], &parent().0].concat(),
        ),
        (
            "chunks",
            Request::Chunks(root),
            [&[4][..], &root.0].concat(),
        ),
        (
            "chunk",
            Request::Chunk { root, index: 1000 },
            [&[5][..], &root.0, &varint(1000)].concat(),
        ),
        (
            "holds",
            Request::Holds(vec![root, Digest([6; 32])]),
            [&[6, 2][..], &root.0, &[6; 32]].concat(),
        ),
        ("sums", Request::Sums(root), [&[7][..], &root.0].concat()),
    ];
    for (name, request, bytes) in &all {
        assert_eq!(request.encode(), *bytes, "{name}");
        assert_eq!(Request::decode(bytes).as_ref(), Ok(request), "{name}");
    }
    let all = all
        .into_iter()
        .map(|(name, _, bytes)| (name, bytes))
        .collect();
    check_file("requests", "The requests, one each.", &lines(all));
}

#[test]
fn responses_are_written_as_the_page_says() {
    let all = [
        ("unknown", Response::Unknown, vec![0]),
        (
            "spec",
            Response::Spec(vec![0xcc; 3]),
            vec![1, 3, 0xcc, 0xcc, 0xcc],
        ),
        (
            "frames",
            Response::Frames(vec![vec![0xdd], vec![]]),
            vec![2, 2, 1, 0xdd, 0],
        ),
        (
            "manifest",
            Response::Manifest(vec![0xee; 2]),
            vec![3, 2, 0xee, 0xee],
        ),
        (
            "bytes",
            Response::Bytes(vec![0x11; 300]),
            [vec![4], varint(300), vec![0x11; 300]].concat(),
        ),
    ];
    for (name, response, bytes) in &all {
        assert_eq!(response.encode(), *bytes, "{name}");
        assert_eq!(Response::decode(bytes).as_ref(), Ok(response), "{name}");
    }
    let all = all
        .into_iter()
        .map(|(name, _, bytes)| (name, bytes))
        .collect();
    check_file("responses", "The responses, one each.", &lines(all));
}

#[test]
fn a_long_payload_is_named_by_the_list_of_its_chunks() {
    let long = vec![7; 256 * 1024 + 1];
    let list = [
        Digest::of(&long[..256 * 1024]).0,
        Digest::of(&long[256 * 1024..]).0,
    ]
    .concat();
    assert_eq!(blob::chunk_list(&long), list);
    let fields = Fields::default()
        .put("list", &list)
        .put("= root", Digest::of(&list).0);
    check_file(
        "blob",
        "The chunk list of 262145 bytes of 7, and the root of that blob.",
        &fields,
    );
}
