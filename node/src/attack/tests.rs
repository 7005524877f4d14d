//! Each lie is what its name says, and no more.

use libp2p::identity::Keypair;
use spirt_protocol::{
    Contribution, Digest, Encoding, Frame, FrameError, Identity, Message, Request, Response, Round,
    RunId, StateId, Verified,
};
use spirt_training::DataSpec;
use tokio::sync::oneshot;

use super::kind::Attack;
use super::service::{self, Desk};
use super::speech::{Lie, Tongue};
use crate::swarm::Responder;

const RUN: RunId = RunId([7; 32]);

fn key() -> Identity {
    Identity::from_seed(&[1; 32])
}

/// An honest contribution of two elements for a round.
fn contribution(round: u64) -> Verified<Frame> {
    let header = Contribution {
        parent: StateId([3; 32]),
        length: 8,
        encoding: Encoding::F32,
        dimension: 2,
        samples: 32,
        loss: 0.5,
    };
    let body = round.to_le_bytes();
    let message = Message::Contribution(header);
    let bytes = Frame::forge(&key(), RUN, 1, Round(round), message, &body);
    Frame::verify(&bytes, &RUN).expect("honest so far")
}

fn leave() -> Verified<Frame> {
    let bytes = Frame::forge(&key(), RUN, 1, Round(1), Message::Leave, &[]);
    Frame::verify(&bytes, &RUN).expect("honest")
}

fn told(lie: Lie, rounds: u64) -> Vec<Vec<u8>> {
    let mut tongue = Tongue::new(lie, key());
    (1..rounds).for_each(|round| drop(tongue.say(&contribution(round))));
    tongue.say(&contribution(rounds))
}

fn header(frame: &Frame) -> Contribution {
    match frame.message() {
        Message::Contribution(header) => *header,
        other => panic!("not a contribution: {other:?}"),
    }
}

#[test]
fn every_text_names_an_attack_and_the_attack_its_text() {
    for syntax in Attack::syntaxes() {
        let text = syntax.split('[').next().expect("a name");
        let attack: Attack = text.parse().expect(text);
        let again: Attack = attack.to_string().parse().expect("its own text");
        assert_eq!(attack, again, "{text}");
    }
    for text in [
        "",
        "shout",
        "sybil:names=0",
        "sybil:names=65",
        "scaled:by=inf",
        "nan ",
    ] {
        let error = text.parse::<Attack>().expect_err(text);
        assert!(
            error.contains("label-flip") && error.contains("kad-flood"),
            "{error}"
        );
    }
}

#[test]
fn a_label_flipper_turns_the_labels_it_trains_on_and_tests_on_the_true_ones() {
    let digits: DataSpec = "digits".parse().expect("built in");
    let honest = digits.load().expect("built in");
    let flipped = Attack::LabelFlip.data(&honest).expect("other data");
    let pairs = honest.train.labels().iter().zip(flipped.train.labels());
    assert!(pairs.clone().count() > 1_000);
    assert!(pairs.clone().all(|(old, new)| old + new == 9));
    assert_eq!(honest.train.features(), flipped.train.features());
    assert_eq!(honest.test, flipped.test);
    let other: Attack = "sign-flip".parse().expect("an attack");
    assert!(other.data(&honest).is_none());
}

#[test]
fn a_scaled_vector_stays_finite() {
    let attack: Attack = "scaled:by=-3".parse().expect("an attack");
    let mut vector = [1.0, f32::MAX, -2.0];
    attack.corrupt(&mut vector, 1);
    assert_eq!(vector, [-3.0, f32::MIN, 6.0]);
}

#[test]
fn a_wrong_shape_is_signed_and_one_element_too_long() {
    let told = told(Lie::WrongShape, 1);
    let frame = Frame::verify(&told[0], &RUN).expect("signed");
    assert_eq!((told.len(), header(&frame).dimension), (1, 3));
    assert_eq!(frame.body().len() as u64, header(&frame).length);
}

#[test]
fn an_equivocation_is_two_signed_frames_for_one_place() {
    let told = told(Lie::Equivocate, 1);
    let [one, other] = &told[..] else {
        panic!("{} frames", told.len());
    };
    let one = Frame::verify(one, &RUN).expect("signed");
    let other = Frame::verify(other, &RUN).expect("signed");
    assert_ne!(one.digest(), other.digest());
    assert_eq!((one.round(), one.author()), (other.round(), other.author()));
}

#[test]
fn oversize_and_garbage_are_refused_and_the_truth_goes_with_them() {
    for (lie, false_ones) in [(Lie::Oversize, 1), (Lie::Garbage, 4)] {
        let told = told(lie, 1);
        let (good, bad): (Vec<_>, Vec<_>) = told
            .iter()
            .map(|bytes| Frame::verify(bytes, &RUN))
            .partition(Result::is_ok);
        assert_eq!((good.len(), bad.len()), (1, false_ones), "{lie:?}");
        let guilty = |error: &FrameError| !error.is_innocent();
        let errors: Vec<_> = bad.into_iter().filter_map(Result::err).collect();
        assert!(
            lie == Lie::Garbage || errors.iter().all(guilty),
            "{errors:?}"
        );
    }
}

#[test]
fn a_replay_says_an_old_payload_under_a_new_round() {
    let told = told(Lie::Replay, 6);
    let frames: Vec<_> = told
        .iter()
        .map(|bytes| Frame::verify(bytes, &RUN).expect("signed"))
        .collect();
    assert_eq!((frames[0].round(), frames[1].round()), (Round(2), Round(6)));
    assert_eq!(frames[0].body(), frames[1].body());
}

#[test]
fn what_is_no_contribution_is_said_as_it_is() {
    for lie in [Lie::WrongShape, Lie::Oversize, Lie::Equivocate, Lie::Replay] {
        let said = Tongue::new(lie, key()).say(&leave());
        assert_eq!(said, [leave().encode()], "{lie:?}");
    }
}

#[test]
fn a_desk_takes_what_it_lies_about_and_leaves_the_rest() {
    let peer = Keypair::generate_ed25519().public().to_peer_id();
    let chunk = Request::Chunk {
        root: Digest([1; 32]),
        index: 0,
    };
    let ask = |lie, request: &Request| {
        let mut desk = Desk::new(lie);
        let (reply, mut answer) = oneshot::channel();
        let left = desk.take(&peer, request, Responder::new(reply)).is_some();
        // The desk must live until here: a stalling one neither answers nor refuses.
        let answer = answer.try_recv().ok();
        (
            left,
            answer.map(|bytes| Response::decode(&bytes).expect("a response")),
        )
    };
    assert_eq!(
        ask(service::Lie::Withhold, &chunk),
        (false, Some(Response::Unknown))
    );
    assert_eq!(ask(service::Lie::Stall, &chunk), (false, None));
    assert!(matches!(
        ask(service::Lie::FalseState, &chunk),
        (false, Some(Response::Bytes(_)))
    ));
    for lie in [
        service::Lie::Withhold,
        service::Lie::Stall,
        service::Lie::FalseState,
    ] {
        assert_eq!(ask(lie, &Request::Spec(None)), (true, None), "{lie:?}");
    }
    assert_eq!(ask(service::Lie::Withhold, &Request::Vouch), (true, None));
}
