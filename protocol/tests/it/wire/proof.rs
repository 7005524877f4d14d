//! Bodies that carry signed envelopes: admissions and accusations. Nobody can be made to have said
//! what they did not.

use spirt_protocol::{
    Contribution, EnvelopeError, EvidenceError, Frame, FrameError, Join, Message, RunId, Seal,
    StateId, Verified,
};

use crate::forge::{Key, encode, evidence, header};

const RUN: RunId = RunId([0xaa; 32]);

fn admit(round: u64, body: &[u8]) -> Result<Verified<Frame>, FrameError> {
    Key::of("sponsor").say((RUN, 1, round), Message::Admit, body)
}

fn accuse(body: &[u8]) -> Result<Verified<Frame>, FrameError> {
    Key::of("witness").say((RUN, 1, 9), Message::Accuse, body)
}

fn join(run: RunId, round: u64) -> Vec<u8> {
    Key::of("joiner").frame((run, 1, round), Message::Join(Join { nonce: 3 }), b"")
}

fn liar() -> Key {
    Key::of("liar")
}

/// A signed envelope of the liar.
fn lie(place: (RunId, u64, u64), message: Message, body: &[u8]) -> Vec<u8> {
    liar().sign(&liar().envelope(place, message, body))
}

const PLACE: (RunId, u64, u64) = (RUN, 1, 5);

fn one() -> Vec<u8> {
    lie(PLACE, header(StateId([1; 32])), b"one")
}

fn two() -> Vec<u8> {
    lie(PLACE, header(StateId([1; 32])), b"two")
}

fn consistent(a: &[u8], b: &[u8]) {
    let error = accuse(&evidence(a, b)).expect_err("proves nothing");
    assert_eq!(error, FrameError::Evidence(EvidenceError::Consistent));
}

#[test]
fn a_join_is_good_for_its_round_and_those_that_pass_while_it_travels() {
    let join = join(RUN, 5);
    assert!(admit(5, &join).is_ok());
    assert!(admit(6, &join).is_ok());
    assert!(admit(5 + 1_024, &join).is_ok());
    assert_eq!(admit(5 + 1_025, &join), Err(FrameError::Body), "stale");
    assert_eq!(admit(4, &join), Err(FrameError::Body), "from the future");
}

#[test]
fn a_join_of_another_run_admits_nobody() {
    assert_eq!(admit(5, &join(RunId([1; 32]), 5)), Err(FrameError::Body));
}

#[test]
fn only_a_join_admits() {
    let other = Key::of("joiner").frame((RUN, 1, 5), Message::Leave, b"");
    assert_eq!(admit(5, &other), Err(FrameError::Body));
    assert_eq!(admit(5, b""), Err(FrameError::Body));
    let two = [join(RUN, 5), join(RUN, 5)].concat();
    assert_eq!(admit(5, &two), Err(FrameError::Body));
}

#[test]
fn a_join_that_the_joiner_did_not_sign_admits_nobody() {
    let envelope = Key::of("joiner").envelope((RUN, 1, 5), Message::Join(Join { nonce: 3 }), b"");
    let forged = Key::of("sponsor").sign_bytes(&encode(&envelope));
    assert_eq!(admit(5, &forged), Err(FrameError::Body));
}

#[test]
fn two_headers_for_one_round_are_a_proof() {
    let frame = accuse(&evidence(&one(), &two())).expect("conclusive");
    assert_eq!(frame.subject(), Some(liar().peer()));
}

#[test]
fn two_seals_for_one_attempt_are_a_proof() {
    let seal = |body: &[u8]| {
        lie(
            PLACE,
            Message::Seal(Seal {
                view: 0,
                attempt: 2,
            }),
            body,
        )
    };
    assert!(accuse(&evidence(&seal(&[1; 32]), &seal(&[2; 32]))).is_ok());
}

#[test]
fn the_same_envelope_twice_proves_nothing() {
    consistent(&one(), &one());
}

#[test]
fn the_same_envelope_twice_proves_nothing_where_its_loss_is_not_a_number() {
    // Not a number is unlike itself. A run that diverges makes such headers in good faith.
    let Message::Contribution(said) = header(StateId([1; 32])) else {
        unreachable!("a header is a contribution");
    };
    let loss = f32::NAN;
    let header = Message::Contribution(Contribution { loss, ..said });
    let once = lie(PLACE, header, b"one");
    consistent(&once, &once);
}

#[test]
fn envelopes_for_different_places_prove_nothing() {
    let header = header(StateId([1; 32]));
    consistent(&one(), &lie((RUN, 1, 6), header, b"two"));
    consistent(&one(), &lie((RUN, 2, 5), header, b"two"));
    let seal = |attempt| lie(PLACE, Message::Seal(Seal { view: 0, attempt }), &[1; 32]);
    consistent(&seal(1), &seal(2));
    consistent(&one(), &seal(1));
}

#[test]
fn messages_that_may_be_said_twice_prove_nothing() {
    let join = |nonce| lie(PLACE, Message::Join(Join { nonce }), b"");
    consistent(&join(1), &join(2));
    let leave = |body: &[u8]| lie(PLACE, Message::Leave, body);
    consistent(&leave(b""), &leave(b"x"));
    let vouch = |body: &[u8]| lie(PLACE, Message::Vouch, body);
    consistent(&vouch(b"1"), &vouch(b"2"));
    let admit = |body: &[u8]| lie(PLACE, Message::Admit, body);
    consistent(&admit(b"1"), &admit(b"2"));
}

#[test]
fn envelopes_of_two_authors_prove_nothing() {
    let other = Key::of("other");
    let theirs = other.sign(&other.envelope(PLACE, header(StateId([1; 32])), b"two"));
    consistent(&one(), &theirs);
}

#[test]
fn evidence_of_another_run_is_refused() {
    let place = (RunId([1; 32]), 1, 5);
    let header = header(StateId([1; 32]));
    let foreign = evidence(&lie(place, header, b"one"), &lie(place, header, b"two"));
    let error = FrameError::Evidence(EvidenceError::Envelope(EnvelopeError::ForeignRun));
    assert_eq!(accuse(&foreign), Err(error));
}

#[test]
fn evidence_has_one_order_and_one_length() {
    let malformed = FrameError::Evidence(EvidenceError::Malformed);
    let sorted = evidence(&one(), &two());
    let (a, b) = if sorted.starts_with(&one()) {
        (one(), two())
    } else {
        (two(), one())
    };
    assert_eq!(
        accuse(&[b, a].concat()),
        Err(malformed.clone()),
        "turned round"
    );
    assert_eq!(
        accuse(&[&sorted[..], b"x"].concat()),
        Err(malformed.clone()),
        "trailing"
    );
    for length in 0..sorted.len() {
        assert_eq!(
            accuse(&sorted[..length]),
            Err(malformed.clone()),
            "{length}"
        );
    }
}

#[test]
fn forged_evidence_is_refused() {
    let envelope = liar().envelope(PLACE, header(StateId([1; 32])), b"two");
    let forged = Key::of("witness").sign_bytes(&encode(&envelope));
    let error = FrameError::Evidence(EvidenceError::Envelope(EnvelopeError::BadSignature));
    assert_eq!(accuse(&evidence(&one(), &forged)), Err(error));
}

#[test]
fn a_refused_proof_is_no_innocent_mistake() {
    // But for the run of the frame itself, which gossip may mix up.
    let foreign = Key::of("witness").frame((RunId([1; 32]), 1, 9), Message::Leave, b"");
    assert!(Frame::verify(&foreign, &RUN).is_err_and(|error| error.is_innocent()));
    assert!(accuse(&evidence(&one(), &one())).is_err_and(|error| !error.is_innocent()));
}
