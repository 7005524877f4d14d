//! With whom a node stands, and which state it takes over.

use std::collections::BTreeMap;
use std::ops::Range;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::peer;
use crate::id::{PeerId, Round, StateId};
use crate::machine::standing::{Doubt, Standing, Vouches, choose};

fn state(way: u8, round: u64) -> (Round, StateId) {
    let mut id = [way; 32];
    id[0] = round as u8;
    (Round(round), StateId(id))
}

/// A node that went through rounds 0 to 9 of way 0, with these votes of others.
fn standing(votes: &[(u8, (Round, StateId))]) -> Standing {
    let mut standing = Standing::default();
    for round in 0..10 {
        let (round, state) = state(0, round);
        standing.record(round, state);
    }
    for (voter, (round, state)) in votes {
        standing.vote(peer(*voter), *round, *state, 128);
    }
    standing
}

fn doubt(votes: &[(u8, (Round, StateId))], liars: usize) -> Option<Doubt> {
    standing(votes).doubt(Round(9), liars)
}

#[test]
fn a_node_alone_has_no_doubt() {
    assert_eq!(doubt(&[], 0), None);
}

#[test]
fn votes_for_the_own_way_raise_no_doubt() {
    let votes = [
        (1, state(0, 9)),
        (2, state(0, 8)),
        (3, state(0, 2)),
        (4, state(1, 10)),
    ];
    assert_eq!(
        doubt(&votes, 0),
        None,
        "the next round's headers may overtake the last seals"
    );
}

#[test]
fn a_minority_doubts_itself() {
    let apart = [(1, state(1, 9)), (2, state(1, 9))];
    assert_eq!(doubt(&apart, 1), Some(Doubt::Outvoted));
    assert_eq!(doubt(&apart, 2), None, "both may be liars");
    let with = [&apart[..], &[(3, state(0, 9)), (4, state(0, 9))]].concat();
    assert_eq!(doubt(&with, 1), None, "three stand here, two there");
    let half = [&apart[..], &[(3, state(0, 9))]].concat();
    assert_eq!(doubt(&half, 1), Some(Doubt::Outvoted), "two and two: ask");
}

#[test]
fn a_node_that_lags_knows_it() {
    let ahead = [(1, state(0, 11)), (2, state(0, 12))];
    assert_eq!(doubt(&ahead, 1), Some(Doubt::Behind));
    assert_eq!(doubt(&ahead, 2), None, "both may be liars");
}

#[test]
fn a_peer_has_one_vote_and_it_is_the_latest() {
    let votes = [
        (1, state(1, 8)),
        (1, state(0, 9)),
        (1, state(1, 7)),
        (2, state(1, 9)),
    ];
    assert_eq!(doubt(&votes, 1), None, "one apart, one with");
    let mut standing = standing(&votes);
    standing.forget(&peer(1));
    standing.vote(peer(1), Round(7), state(1, 7).1, 128);
    assert_eq!(
        standing.doubt(Round(9), 1),
        Some(Doubt::Outvoted),
        "started again further back"
    );
}

#[test]
fn votes_take_bounded_memory() {
    let mut standing = standing(&[]);
    for voter in 0..=255 {
        standing.vote(peer(voter), Round(9), state(1, 9).1, 3);
    }
    assert_eq!(standing.doubt(Round(9), 2), Some(Doubt::Outvoted));
    assert_eq!(standing.doubt(Round(9), 3), None, "three are remembered");
}

#[test]
fn history_takes_bounded_memory_and_remembers_the_latest() {
    let mut standing = Standing::default();
    for round in 0..5_000 {
        standing.record(Round(round), StateId([3; 32]));
    }
    assert_eq!(standing.at(Round(0)), None);
    assert_eq!(standing.at(Round(4_999)), Some(StateId([3; 32])));
    assert_eq!(standing.recent(2).len(), 2);
    assert_eq!(standing.recent(2)[1].0, Round(4_999));
}

#[test]
fn going_back_forgets_what_came_later_and_keeps_what_came_before() {
    let mut standing = standing(&[]);
    let (round, id) = state(0, 4);
    standing.restart(round, id);
    assert_eq!(standing.at(Round(5)), None);
    assert_eq!(standing.at(Round(3)), Some(state(0, 3).1));
    let (round, id) = state(1, 4);
    standing.restart(round, id);
    assert_eq!(standing.at(Round(3)), None, "another way was never gone");
    assert_eq!(standing.at(Round(4)), Some(id));
}

fn vouches(all: &[(u8, &[(Round, StateId)])]) -> Vouches {
    all.iter()
        .map(|(voucher, states)| (peer(*voucher), states.to_vec()))
        .collect()
}

fn chosen(all: &[(u8, &[(Round, StateId)])], liars: usize) -> Option<(Round, StateId)> {
    choose(&vouches(all), liars, None).map(|(round, state, _)| (round, state))
}

#[test]
fn no_state_is_taken_over_on_the_word_of_possible_liars() {
    let one = [state(0, 3)];
    assert_eq!(chosen(&[], 0), None);
    assert_eq!(chosen(&[(1, &one)], 1), None);
    assert_eq!(chosen(&[(1, &one), (2, &one)], 1), Some(one[0]));
}

#[test]
fn the_way_of_the_plurality_is_followed_to_its_latest_sure_state() {
    let (here, there) = ([state(0, 3), state(0, 4)], [state(1, 9)]);
    let early = [state(0, 3)];
    let all: [(u8, &[_]); 5] = [
        (1, &here),
        (2, &here),
        (3, &early),
        (4, &there),
        (5, &there),
    ];
    assert_eq!(
        chosen(&all, 1),
        Some(state(0, 4)),
        "two of the three are further"
    );
    assert_eq!(
        chosen(&all, 2),
        Some(state(0, 3)),
        "which two liars could make up"
    );
}

#[test]
fn two_equal_halves_choose_alike() {
    let (low, high) = ([state(0, 5)], [state(1, 6)]);
    let all: [(u8, &[_]); 4] = [(1, &low), (2, &low), (3, &high), (4, &high)];
    assert_eq!(chosen(&all, 1), Some(state(1, 6)), "the later round");
    let high = [state(1, 5)];
    let all: [(u8, &[_]); 4] = [(1, &low), (2, &low), (3, &high), (4, &high)];
    let smallest = (1..=4).min_by_key(|i| peer(*i)).unwrap();
    let of_smallest = if smallest <= 2 {
        state(0, 5)
    } else {
        state(1, 5)
    };
    assert_eq!(
        chosen(&all, 1),
        Some(of_smallest),
        "the side of the smallest name"
    );
}

/// The states of these rounds on a way that left way 0 at round 3.
fn forked(way: u8, rounds: Range<u64>) -> Vec<(Round, StateId)> {
    let on_way = |round| state(if round < 3 { 0 } else { way }, round);
    rounds.map(on_way).collect()
}

#[test]
fn those_that_came_back_are_on_the_way_that_they_came_back_to() {
    // Two sides of a healed partition: the larger one began anew after the fork, and does not know what was before.
    let (stayed, smaller, came_back) = (forked(1, 0..8), forked(2, 0..8), forked(1, 4..8));
    let all: [(u8, &[_]); 7] = [
        (1, &stayed),
        (2, &stayed),
        (3, &came_back),
        (4, &came_back),
        (5, &smaller),
        (6, &smaller),
        (7, &smaller),
    ];
    assert_eq!(chosen(&all, 1), Some(state(1, 7)), "four of seven");
    let way = choose(&vouches(&all), 1, None).map(|(_, _, holders)| holders.len());
    assert_eq!(way, Some(4));
}

#[test]
fn a_liar_cannot_hide_the_way_of_the_plurality() {
    // It claims the latest state, and another past.
    let (here, there) = (forked(1, 0..6), forked(2, 0..6));
    let lie = [state(7, 1), state(7, 2), state(1, 5)];
    let all: [(u8, &[_]); 6] = [
        (1, &here),
        (2, &here),
        (3, &here),
        (4, &there),
        (5, &there),
        (6, &lie),
    ];
    assert_eq!(chosen(&all, 1), Some(state(1, 5)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn what_is_chosen_has_more_than_f_behind_it_and_all_choose_it(
        ways in prop::collection::vec((0_u8..3, 0_u64..6, 1_usize..8), 0..9),
        liars in 0_usize..4,
    ) {
        let way = |(way, from, n): &(u8, u64, usize)| -> Vec<_> {
            (*from..*from + *n as u64).map(|round| state(*way, round)).collect()
        };
        let all: BTreeMap<PeerId, _> =
            ways.iter().enumerate().map(|(i, w)| (peer(i as u8), way(w))).collect();
        if let Some((round, state, holders)) = choose(&all, liars, None) {
            prop_assert!(holders.len() > liars);
            prop_assert!(holders.iter().all(|holder| all[holder].contains(&(round, state))));
        } else {
            let most = all.values().flatten().map(|s| all.values().filter(|w| w.contains(s)).count());
            prop_assert!(most.max().unwrap_or(0) <= liars);
        }
    }
}

#[test]
fn an_old_vouch_is_no_news() {
    let mut standing = Standing::default();
    assert!(standing.is_current(peer(1), (1, Round(5)), 2));
    assert!(
        standing.is_current(peer(1), (1, Round(5)), 2),
        "the same again"
    );
    assert!(!standing.is_current(peer(1), (1, Round(4)), 2));
    assert!(
        standing.is_current(peer(1), (2, Round(3)), 2),
        "it went back itself"
    );
    assert!(!standing.is_current(peer(1), (1, Round(9)), 2));
    assert!(standing.is_current(peer(2), (0, Round(0)), 2));
    assert!(
        standing.is_current(peer(3), (0, Round(0)), 2),
        "no room to remember"
    );
}
