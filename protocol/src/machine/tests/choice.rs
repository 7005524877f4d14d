//! Which state to take over, of those that others vouch for.

use std::collections::BTreeMap;
use std::ops::Range;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{peer, state};
use crate::id::PeerId;
use crate::machine::choice::{At, Choice, Vouches};

fn vouches(all: &[(u8, &[At])]) -> Vouches {
    all.iter()
        .map(|(voucher, states)| (peer(*voucher), states.to_vec()))
        .collect()
}

fn chosen(all: &[(u8, &[At])], liars: usize) -> Option<At> {
    Choice::of(&vouches(all), liars, None).map(|choice| choice.at)
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
fn forked(way: u8, rounds: Range<u64>) -> Vec<At> {
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
    let way = Choice::of(&vouches(&all), 1, None).map(|choice| choice.holders.len());
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
        if let Some(Choice { at, holders }) = Choice::of(&all, liars, None) {
            prop_assert!(holders.len() > liars);
            prop_assert!(holders.iter().all(|holder| all[holder].contains(&at)));
        } else {
            let most = all.values().flatten().map(|s| all.values().filter(|w| w.contains(s)).count());
            prop_assert!(most.max().unwrap_or(0) <= liars);
        }
    }
}
