//! The rules of acceptance, and what follows from an agreed set.

use std::collections::BTreeSet;

use super::{RUN, accuse, admit, contribution, peer, say, seal};
use crate::frame::Frame;
use crate::id::{Digest, PeerId, Round};
use crate::machine::agree::{Decision, attempts, decide, is_accepted, sealable, tally, unanimous};
use crate::machine::log::{Payload, RoundLog};
use crate::machine::mutation::Mutant;
use crate::manifest::{MAX_BANNED, Manifest};
use crate::message::{Encoding, Message};
use crate::sign::Verified;
use crate::spec::{Membership, RunSpec, Timing};

pub(crate) fn spec(min_inputs: u16, max_peers: u16) -> RunSpec {
    let text = || "x".to_owned();
    RunSpec {
        wire: 1,
        seed: 0,
        founder: peer(1),
        model: text(),
        data: text(),
        data_digest: Digest([0; 32]),
        optimizer: text(),
        local: text(),
        rule: text(),
        max_byzantine: 1,
        max_faulty: 1,
        min_peers: 1,
        min_inputs,
        max_peers,
        rounds: 0,
        dimension: 4,
        encoding: Encoding::F32,
        inline_max: 64,
        timing: Timing {
            pace: 0,
            collect_min: 1,
            collect_max: 1,
            attempt: 1,
        },
        membership: Membership::Open,
    }
}

fn sorted(peers: &[u8]) -> Vec<PeerId> {
    let mut peers: Vec<PeerId> = peers.iter().map(|i| peer(*i)).collect();
    peers.sort_unstable();
    peers
}

fn state(roster: &[u8]) -> Manifest {
    Manifest {
        run: RUN,
        round: Round(5),
        model: Digest([0; 32]),
        length: 0,
        roster: sorted(roster),
        banned: Vec::new(),
    }
}

/// Decides on a set of just these entries, with peers 1 to 4 on the roster.
fn decision(entries: &[Verified<Frame>]) -> Decision {
    decision_of(entries, &state(&[1, 2, 3, 4]), &spec(2, 8))
}

fn decision_of(entries: &[Verified<Frame>], state: &Manifest, spec: &RunSpec) -> Decision {
    let mut log = RoundLog::new(Round(5));
    for entry in entries {
        log.put(entry.clone(), 4);
    }
    let set: BTreeSet<Digest> = entries.iter().map(|entry| entry.digest()).collect();
    decide(&set, &log, state, spec, 1)
}

fn leave(i: u8) -> Verified<Frame> {
    say(i, 1, Message::Leave, b"")
}

/// Whether a first seal by `author` is accepted that these others passed on.
fn accepted(author: u8, echoers: &[u8], attempt: usize) -> bool {
    let echoers = echoers.iter().map(|i| peer(*i)).collect();
    is_accepted(peer(author), &echoers, attempt)
}

#[test]
fn one_more_attempt_than_peers_may_fail() {
    assert_eq!(attempts(1, 4), 2);
    assert_eq!(attempts(3, 10), 4);
    assert_eq!(attempts(3, 2), 2, "no more than all others may fail");
    assert_eq!(attempts(1, 1), 1);
    assert_eq!(attempts(63, 64), 64);
}

#[test]
fn attempt_k_takes_k_signers() {
    assert!(accepted(1, &[], 1));
    assert!(accepted(1, &[2], 2));
    assert!(!accepted(1, &[], 2));
    assert!(!accepted(1, &[2], 3));
    assert!(accepted(1, &[2, 3], 3));
}

#[test]
fn the_author_is_one_signer_and_no_second() {
    assert!(!accepted(1, &[1], 2));
    assert!(!accepted(1, &[1, 2], 3));
}

/// A log with the contributions of peers 1 to 3, and their digests.
fn three() -> (RoundLog, Vec<Digest>) {
    let mut log = RoundLog::new(Round(5));
    let frames: Vec<_> = (1..=3).map(|i| contribution(i, 1, &[i])).collect();
    for frame in &frames {
        log.put(frame.clone(), 3);
    }
    (log, frames.iter().map(|frame| frame.digest()).collect())
}

#[test]
fn equal_first_seals_of_all_are_unanimous() {
    let (mut log, all) = three();
    let roster = sorted(&[1, 2, 3]);
    for i in 1..=2 {
        log.put(seal(i, 1, 1, &all), 3);
    }
    assert_eq!(
        unanimous(&log, &roster, 0, Mutant::default()),
        None,
        "one is missing"
    );
    log.put(seal(3, 1, 1, &all), 3);
    assert_eq!(
        unanimous(&log, &roster, 0, Mutant::default()),
        Some(all.into_iter().collect())
    );
}

#[test]
fn one_other_first_seal_ends_unanimity() {
    let (mut log, all) = three();
    for i in 1..=2 {
        log.put(seal(i, 1, 1, &all), 3);
    }
    log.put(seal(3, 1, 1, &all[..2]), 3);
    assert_eq!(
        unanimous(&log, &sorted(&[1, 2, 3]), 0, Mutant::default()),
        None
    );
}

#[test]
fn who_says_goodbye_in_the_set_owes_no_seal() {
    let (mut log, mut all) = three();
    let goodbye = leave(4);
    log.put(goodbye.clone(), 4);
    for i in 1..=3 {
        log.put(seal(i, 1, 1, &all), 4);
    }
    let roster = sorted(&[1, 2, 3, 4]);
    assert_eq!(
        unanimous(&log, &roster, 0, Mutant::default()),
        None,
        "the goodbye is not in the set"
    );
    let (mut log, _) = three();
    log.put(goodbye.clone(), 4);
    all.push(goodbye.digest());
    for i in 1..=3 {
        log.put(seal(i, 1, 1, &all), 4);
    }
    assert_eq!(
        unanimous(&log, &roster, 0, Mutant::default()),
        Some(all.into_iter().collect())
    );
}

/// The set of a log in which these seals are accepted: at most one may fail, two must be present.
fn tallied(log: &mut RoundLog, seals: &[Verified<Frame>]) -> BTreeSet<Digest> {
    for seal in seals {
        log.put(seal.clone(), 4);
    }
    let accepted = seals.iter().map(|seal| seal.digest()).collect();
    tally(log, 0, &accepted, 1, 2)
}

#[test]
fn what_more_than_the_faulty_name_is_in_the_set() {
    let (mut log, all) = three();
    let seals = [
        seal(1, 1, 1, &all),
        seal(2, 1, 1, &all[..2]),
        seal(3, 1, 1, &all[..2]),
    ];
    let set: BTreeSet<Digest> = all[..2].iter().copied().collect();
    assert_eq!(tallied(&mut log, &seals), set);
}

#[test]
fn only_accepted_seals_are_tallied() {
    let (mut log, all) = three();
    log.put(seal(4, 1, 1, &all), 4);
    let seals = [seal(1, 1, 1, &all), seal(2, 1, 1, &all[..2])];
    let set: BTreeSet<Digest> = all[..2].iter().copied().collect();
    assert_eq!(tallied(&mut log, &seals), set);
}

#[test]
fn two_first_seals_of_one_peer_count_as_none() {
    let (mut log, all) = three();
    let seals = [
        seal(1, 1, 1, &all[..2]),
        seal(2, 1, 1, &all[..2]),
        seal(3, 1, 1, &all),
        seal(3, 1, 1, &all[1..]),
        seal(4, 1, 1, &all),
    ];
    let set: BTreeSet<Digest> = all[..2].iter().copied().collect();
    assert_eq!(tallied(&mut log, &seals), set);
}

#[test]
fn who_leaves_has_no_say() {
    let (mut log, all) = three();
    let goodbyes = [leave(3), leave(4)];
    let stay: Vec<Digest> = all[..2]
        .iter()
        .copied()
        .chain(goodbyes.iter().map(|g| g.digest()))
        .collect();
    for goodbye in goodbyes {
        log.put(goodbye, 4);
    }
    let seals = [
        seal(1, 1, 1, &stay),
        seal(2, 1, 1, &stay),
        seal(3, 1, 1, &all),
        seal(4, 1, 1, &all),
    ];
    assert_eq!(tallied(&mut log, &seals), stay.into_iter().collect());
}

#[test]
fn a_set_below_the_quorum_takes_what_fewer_name() {
    let (mut log, all) = three();
    let seals = [seal(1, 1, 1, &all[..2]), seal(2, 1, 1, &all[1..])];
    assert_eq!(tallied(&mut log, &seals), all.into_iter().collect());
}

#[test]
fn the_last_one_left_counts_alone() {
    let (mut log, all) = three();
    let seals = [seal(1, 1, 1, &all)];
    assert_eq!(tallied(&mut log, &seals), all.into_iter().collect());
}

#[test]
fn only_what_is_held_may_be_sealed() {
    let (mut log, all) = three();
    assert!(sealable(&log).is_empty());
    log.put(leave(4), 4);
    let states = [Payload::Held, Payload::Fetching, Payload::Bad];
    for (digest, payload) in all.iter().zip(states) {
        log.entries.get_mut(digest).unwrap().payload = payload;
    }
    let sealed = sealable(&log);
    assert_eq!(sealed.len(), 2, "one contribution and a goodbye");
    assert!(sealed.contains(&all[0]) && sealed.contains(&leave(4).digest()));
}

#[test]
fn contributions_come_in_order_of_their_authors() {
    let said: Vec<_> = (1..=4).map(|i| contribution(i, 1, &[i])).collect();
    let decision = decision(&said);
    let authors: Vec<PeerId> = decision
        .contributions
        .iter()
        .map(|(peer, _)| *peer)
        .collect();
    assert_eq!(authors, sorted(&[1, 2, 3, 4]));
    for (author, root) in &decision.contributions {
        let frame = said.iter().find(|frame| frame.author() == *author).unwrap();
        assert_eq!(*root, frame.envelope().root);
    }
    assert_eq!(decision.next_roster, authors);
    assert!(decision.record.update);
}

#[test]
fn who_does_not_contribute_does_not_count_next() {
    let decision = decision(&[contribution(1, 1, b"1"), contribution(2, 1, b"2")]);
    assert_eq!(decision.next_roster, sorted(&[1, 2]));
    assert_eq!(decision.record.absent, sorted(&[3, 4]));
    assert!(decision.next_banned.is_empty());
}

#[test]
fn too_few_contributions_make_no_update() {
    assert!(!decision(&[contribution(1, 1, b"1")]).record.update);
}

#[test]
fn of_two_sessions_the_later_counts() {
    let later = contribution(1, 9, b"later");
    for said in [
        [contribution(1, 3, b"earlier"), later.clone()],
        [later.clone(), contribution(1, 3, b"x")],
    ] {
        assert_eq!(
            decision(&said).contributions,
            [(peer(1), later.envelope().root)]
        );
    }
}

#[test]
fn two_contributions_of_one_session_cancel_out() {
    let doubled = decision(&[
        contribution(1, 1, b"a"),
        contribution(1, 1, b"b"),
        contribution(2, 1, b"2"),
    ]);
    assert_eq!(doubled.record.contributors, [peer(2)]);
    let earlier = decision(&[
        contribution(1, 0, b"old"),
        contribution(1, 1, b"a"),
        contribution(1, 1, b"b"),
    ]);
    assert!(
        earlier.contributions.is_empty(),
        "the earlier one does not step in"
    );
}

#[test]
fn the_accused_is_dropped_and_banned() {
    let decision = decision(&[
        accuse(1, 4),
        contribution(1, 1, b"1"),
        contribution(4, 1, b"4"),
    ]);
    assert_eq!(decision.record.contributors, [peer(1)]);
    assert_eq!(decision.record.banned, [peer(4)]);
    assert_eq!(decision.next_banned, [peer(4)]);
    assert_eq!(decision.next_roster, [peer(1)]);
}

#[test]
fn who_leaves_is_still_aggregated_and_gone_after() {
    let decision = decision(&[contribution(1, 1, b"1"), contribution(2, 1, b"2"), leave(2)]);
    assert_eq!(decision.record.contributors, sorted(&[1, 2]));
    assert_eq!(decision.record.left, [peer(2)]);
    assert_eq!(decision.next_roster, [peer(1)]);
}

#[test]
fn who_comes_back_in_a_later_session_has_not_left() {
    let back = contribution(2, 9, b"back");
    let decision = decision(&[contribution(1, 1, b"1"), leave(2), back]);
    assert!(decision.record.left.is_empty());
    assert_eq!(decision.next_roster, sorted(&[1, 2]));
}

#[test]
fn when_all_leave_their_seats_stay() {
    let mut said = vec![contribution(1, 1, b"1"), leave(1), leave(2), accuse(1, 3)];
    assert_eq!(decision(&said).next_roster, sorted(&[1, 2, 4]));
    said.push(contribution(4, 1, b"4"));
    assert_eq!(decision(&said).next_roster, [peer(4)]);
}

#[test]
fn the_admitted_count_from_the_next_round_once_each() {
    let decision = decision(&[
        contribution(1, 1, b"1"),
        admit(1, 7, 1),
        admit(2, 7, 2),
        admit(2, 8, 1),
    ]);
    assert_eq!(decision.record.joined, sorted(&[7, 8]));
    assert_eq!(decision.next_roster, sorted(&[1, 7, 8]));
}

#[test]
fn nobody_joins_who_is_banned_or_accused() {
    let mut before = state(&[1, 2]);
    before.banned = vec![peer(7)];
    let said = [
        contribution(1, 1, b"1"),
        admit(1, 7, 1),
        admit(1, 8, 1),
        accuse(2, 8),
    ];
    let decision = decision_of(&said, &before, &spec(1, 8));
    assert!(decision.record.joined.is_empty());
    assert_eq!(decision.next_banned, [peer(7), peer(8)]);
}

#[test]
fn nobody_joins_whom_the_run_does_not_admit() {
    let closed = RunSpec {
        membership: Membership::Allow(sorted(&[1, 2, 7])),
        ..spec(1, 8)
    };
    let said = [contribution(1, 1, b"1"), admit(1, 7, 1), admit(1, 8, 1)];
    assert_eq!(
        decision_of(&said, &state(&[1, 2]), &closed).record.joined,
        [peer(7)]
    );
}

#[test]
fn members_keep_their_seats_and_joiners_fill_the_rest() {
    let said: Vec<_> = (1..=2)
        .map(|i| contribution(i, 1, &[i]))
        .chain((10..20).map(|joiner| admit(1, joiner, 1)))
        .collect();
    let decision = decision_of(&said, &state(&[1, 2]), &spec(1, 4));
    assert_eq!(decision.next_roster.len(), 4);
    assert!(
        sorted(&[1, 2])
            .iter()
            .all(|peer| decision.next_roster.contains(peer))
    );
    assert!(decision.next_roster.is_sorted());
}

#[test]
fn the_oldest_bans_give_way() {
    let mut before = state(&[1, 2]);
    before.banned = (0..MAX_BANNED)
        .map(|i| PeerId(Digest::of(&i.to_le_bytes()).0))
        .collect();
    let decision = decision_of(&[accuse(1, 9)], &before, &spec(1, 8));
    assert_eq!(decision.next_banned.len(), MAX_BANNED);
    assert_eq!(decision.next_banned.last(), Some(&peer(9)));
    assert_eq!(decision.next_banned[0], before.banned[1]);
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let mut said = vec![
        contribution(1, 1, b"1"),
        contribution(2, 1, b"2"),
        contribution(2, 2, b"2 again"),
        contribution(3, 1, b"3"),
        contribution(3, 1, b"3 lies"),
        admit(1, 7, 1),
        accuse(2, 3),
        leave(2),
    ];
    let reference = format!("{:?}", decision(&said));
    for _ in 0..said.len() {
        said.rotate_left(1);
        assert_eq!(format!("{:?}", decision(&said)), reference);
    }
}

#[test]
fn a_lone_member_that_hears_its_own_goodbye_is_agreed_with_itself() {
    let mut log = RoundLog::new(Round(5));
    let (before, goodbye) = (contribution(1, 1, b"before"), leave(1));
    for entry in [&before, &goodbye] {
        log.put(entry.clone(), 1);
    }
    log.put(seal(1, 2, 1, &[before.digest(), goodbye.digest()]), 1);
    let set = unanimous(&log, &[peer(1)], 0, Mutant::default());
    assert_eq!(set, Some([before.digest(), goodbye.digest()].into()));
}

#[test]
fn of_a_lone_member_that_lost_its_memory_the_latest_start_counts() {
    let sealed = |session, body: &[u8]| {
        let said = contribution(1, session, body);
        (said.clone(), seal(1, session, 1, &[said.digest()]))
    };
    let (before, after) = (sealed(1, b"before"), sealed(2, b"after"));
    for said in [[&before, &after], [&after, &before]] {
        let mut log = RoundLog::new(Round(5));
        for (entry, seal) in said {
            log.put(entry.clone(), 1);
            log.put(seal.clone(), 1);
        }
        log.put(seal(2, 1, 1, &[after.0.digest()]), 2);
        let set = |roster: &[PeerId]| unanimous(&log, roster, 0, Mutant::default());
        assert_eq!(set(&[peer(1)]), Some([after.0.digest()].into()));
        assert_eq!(set(&sorted(&[1, 2])), None);
    }
}

#[test]
fn first_seals_that_differ_by_what_breaks_the_spec_are_equal() {
    let mut log = RoundLog::new(Round(5));
    let (good, bad, refused) = (
        contribution(1, 1, b"good"),
        contribution(2, 1, b"bad"),
        contribution(2, 1, b"shape"),
    );
    log.put(good.clone(), 2);
    log.put(bad.clone(), 2);
    log.put(seal(1, 1, 1, &[good.digest()]), 2);
    log.put(
        seal(2, 1, 1, &[good.digest(), bad.digest(), refused.digest()]),
        2,
    );
    let roster = sorted(&[1, 2]);
    let set = |log: &RoundLog| unanimous(log, &roster, 0, Mutant::default());
    assert_eq!(set(&log), None, "nothing is known of them");
    log.awaiting(bad.envelope().root)
        .for_each(|entry| entry.payload = Payload::Bad);
    assert_eq!(set(&log), None, "one of them may be fine");
    log.refuse(&refused);
    assert_eq!(set(&log), Some([good.digest()].into()));
}
