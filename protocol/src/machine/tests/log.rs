//! What a round's log takes from one author, and what it makes of it.

use super::{RUN, accuse, admit, contribution, peer, say, seal};
use crate::evidence;
use crate::frame::Frame;
use crate::id::{Digest, Round};
use crate::machine::log::{Payload, Put, RoundLog, max_notices};
use crate::message::{Join, Message, Seal};
use crate::sign::Verified;
use crate::spec::MAX_PEERS;

fn log() -> RoundLog {
    RoundLog::new(Round(5))
}

/// Frames kept of those that were put.
fn kept(log: &mut RoundLog, frames: impl Iterator<Item = Verified<Frame>>) -> usize {
    frames
        .filter(|frame| !matches!(log.put(frame.clone(), 4), Put::Known | Put::Excess))
        .count()
}

#[test]
fn a_frame_is_new_once() {
    let mut log = log();
    for frame in [
        contribution(1, 1, b"a"),
        seal(1, 1, 1, &[]),
        admit(1, 9, 1),
        accuse(1, 8),
        say(1, 1, Message::Leave, b""),
        say(9, 1, Message::Join(Join { nonce: 1 }), b""),
    ] {
        assert_eq!(log.put(frame.clone(), 4), Put::New);
        assert_eq!(log.put(frame, 4), Put::Known);
    }
    assert_eq!(log.frames().count(), 6);
}

#[test]
fn a_contribution_waits_for_its_payload_and_the_rest_is_held() {
    let mut log = log();
    log.put(contribution(1, 1, b"a"), 4);
    log.put(say(1, 1, Message::Leave, b""), 4);
    for entry in log.entries.values() {
        let wanted = entry.contribution().is_some();
        assert_eq!(entry.payload == Payload::Wanted, wanted);
        assert_eq!(entry.payload == Payload::Held, !wanted);
    }
}

#[test]
fn two_contributions_of_a_session_are_a_proof_that_others_can_check() {
    let mut log = log();
    log.put(contribution(1, 1, b"a"), 4);
    let Put::Contradicts(proof) = log.put(contribution(1, 1, b"b"), 4) else {
        panic!("two things for one place");
    };
    assert_eq!(evidence::check(&proof, &RUN), Ok(peer(1)));
    assert_eq!(
        log.put(contribution(1, 1, b"c"), 4),
        Put::Excess,
        "two prove it, a third nothing"
    );
}

#[test]
fn two_seals_of_an_attempt_are_a_proof_that_others_can_check() {
    let mut log = log();
    log.put(seal(1, 1, 1, &[]), 4);
    assert_eq!(log.put(seal(1, 1, 2, &[]), 4), Put::New, "another attempt");
    let Put::Contradicts(proof) = log.put(seal(1, 1, 1, &[Digest([1; 32])]), 4) else {
        panic!("two things for one place");
    };
    assert_eq!(evidence::check(&proof, &RUN), Ok(peer(1)));
}

#[test]
fn another_session_contradicts_nothing() {
    let mut log = log();
    log.put(contribution(1, 1, b"a"), 4);
    assert_eq!(log.put(contribution(1, 2, b"b"), 4), Put::New);
    log.put(seal(1, 1, 1, &[]), 4);
    assert_eq!(log.put(seal(1, 2, 1, &[Digest([1; 32])]), 4), Put::New);
}

#[test]
fn a_flooding_author_fills_no_memory() {
    let mut log = log();
    let many = || 0..200_u64;
    let bytes = |i: u64| i.to_le_bytes();
    let contributions = many().map(|i| contribution(1, i / 3, &bytes(i)));
    assert_eq!(kept(&mut log, contributions), 8);
    let joiners = many().map(|i| admit(1, i as u8, i as u32));
    assert_eq!(kept(&mut log, joiners), max_notices(4));
    let accused = many().map(|i| accuse(1, i as u8));
    assert_eq!(kept(&mut log, accused), max_notices(4));
    let leaves = many().map(|i| say(1, i, Message::Leave, b""));
    assert_eq!(kept(&mut log, leaves), 4);
    let seals = many().map(|i| seal(1, i / 3, 1, &[Digest::of(&bytes(i))]));
    assert_eq!(kept(&mut log, seals), 8);
    assert_eq!(log.frames().count(), 8 + 2 * max_notices(4) + 4 + 8);
}

#[test]
fn a_crowd_that_wants_in_fills_no_memory() {
    let mut log = log();
    let joins = (0..200).map(|i| say(i, 1, Message::Join(Join { nonce: 1 }), b""));
    assert_eq!(kept(&mut log, joins), 64);
    // Somebody who asks again replaces the request and takes no more room.
    assert_eq!(
        log.put(say(3, 1, Message::Join(Join { nonce: 2 }), b""), 4),
        Put::New
    );
    assert_eq!(log.joins.len(), 64);
}

#[test]
fn what_others_sealed_is_kept_in_spite_of_a_flood() {
    let mut log = log();
    let flood = (0..200_u64).map(|i| seal(1, i / 3, 1, &[Digest::of(&i.to_le_bytes())]));
    assert_eq!(kept(&mut log, flood), 8);
    let agreed = [
        seal(1, 1, 1, &[Digest([1; 32])]),
        contribution(2, 1, b"agreed"),
    ];
    assert_eq!(log.put(agreed[0].clone(), 4), Put::Excess);
    log.put(seal(3, 1, 2, &[agreed[0].digest()]), 4);
    assert!(matches!(log.put(agreed[0].clone(), 4), Put::Contradicts(_)));
    let flood = (0..200_u64).map(|i| contribution(2, i / 3, &i.to_le_bytes()));
    assert_eq!(kept(&mut log, flood), 8);
    assert_eq!(log.put(agreed[1].clone(), 4), Put::Excess);
    log.put(seal(3, 1, 1, &[agreed[1].digest()]), 4);
    assert!(matches!(log.put(agreed[1].clone(), 4), Put::Contradicts(_)));
}

#[test]
fn an_accomplice_lets_a_flood_in_no_further_than_its_share() {
    let mut log = log();
    let flood: Vec<_> = (0..200_u64)
        .map(|i| seal(1, i / 3, 1, &[Digest::of(&i.to_le_bytes())]))
        .collect();
    let all: Vec<Digest> = flood.iter().map(|seal| seal.digest()).collect();
    log.put(seal(2, 1, 2, &all), 4);
    let kept = kept(&mut log, flood.into_iter());
    assert!(kept <= 2 * 8, "{kept} kept");
}

#[test]
fn who_sealed_first_is_found_whatever_the_order() {
    let mut log = log();
    log.put(seal(1, 1, 2, &[]), 4);
    log.put(seal(1, 1, 1, &[Digest([1; 32])]), 4);
    let first = log.single_seals(0, |_| true)[&peer(1)];
    assert_eq!(
        first.sealed_entries().collect::<Vec<_>>(),
        [Digest([1; 32])]
    );
}

#[test]
fn first_seals_name_entries_and_later_ones_name_first_seals() {
    let mut log = log();
    let (a, b) = (Digest([1; 32]), Digest([2; 32]));
    log.put(seal(1, 1, 1, &[a]), 4);
    log.put(seal(1, 1, 2, &[b]), 4);
    log.put(seal(2, 1, 2, &[b]), 4);
    assert_eq!(log.sealers_of(0), [(a, [peer(1)].into())].into());
    assert_eq!(log.echoers_of(0), [(b, [peer(1), peer(2)].into())].into());
}

fn seal_of(i: u8, view: u16) -> Verified<Frame> {
    say(i, 1, Message::Seal(Seal { view, attempt: 1 }), b"")
}

#[test]
fn the_latest_views_of_an_author_are_kept() {
    let mut log = log();
    assert_eq!(kept(&mut log, (0..20).map(|view| seal_of(1, view))), 20);
    assert_eq!(log.views(), (16..20).collect());
    let again = log.put(seal_of(1, 3), 4);
    assert_eq!(again, Put::Known, "who hands on old frames is no flood");
    assert_eq!(log.frames().count(), 4);
}

#[test]
fn a_view_is_reached_when_more_than_the_faulty_are_there() {
    let mut log = log();
    log.put(seal_of(1, 7), 4);
    log.put(seal_of(2, 0), 4);
    log.put(seal_of(2, 2), 4);
    assert_eq!(log.view_of_more_than(0), 7);
    assert_eq!(log.view_of_more_than(1), 2);
    assert_eq!(log.view_of_more_than(2), 0);
}

#[test]
fn each_view_is_sealed_apart() {
    let mut log = log();
    log.put(seal_of(1, 0), 4);
    assert_eq!(log.put(seal_of(1, 1), 4), Put::New, "no contradiction");
    assert_eq!(log.single_seals(0, |_| true).len(), 1);
    assert_eq!(log.single_seals(1, |_| true).len(), 1);
    assert!(log.single_seals(2, |_| true).is_empty());
}

#[test]
fn who_announced_nothing_good_is_spoilt_also_if_it_came_before_the_round() {
    let (mut log, mut early) = (RoundLog::new(Round(5)), RoundLog::new(Round(5)));
    early.refuse(&contribution(1, 1, b"misfit"));
    assert!(!log.is_spoilt(&peer(1)));
    log.refuse_as(&early);
    assert!(log.is_spoilt(&peer(1)) && !log.is_spoilt(&peer(2)));
    log.put(contribution(1, 2, b"good"), 4);
    assert!(!log.is_spoilt(&peer(1)), "this may still come");
    for entry in log.entries.values_mut() {
        entry.payload = Payload::Bad;
    }
    assert!(log.is_spoilt(&peer(1)));
}

#[test]
fn bad_headers_are_remembered_up_to_a_number_for_each_author_and_in_all() {
    let mut log = log();
    let misfit = |peer: u8, label: u8| contribution(peer, 1, &[label]);
    for label in 0..2 {
        assert_eq!(log.refuse(&misfit(1, label)), Put::New);
        assert_eq!(log.refuse(&misfit(1, label)), Put::Known);
    }
    assert_eq!(log.refuse(&misfit(1, 2)), Put::Excess);
    assert!(!log.is_bad(&misfit(1, 2).digest()));
    let others = (0..=u8::MAX).filter(|peer| *peer != 1);
    let all = others.flat_map(|peer| [misfit(peer, 0), misfit(peer, 1)]);
    let remembered = all.filter(|frame| log.refuse(frame) == Put::New).count();
    assert_eq!(2 + remembered, 2 * usize::from(MAX_PEERS));
}
