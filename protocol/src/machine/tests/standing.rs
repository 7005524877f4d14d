//! With whom a node stands.

use super::{peer, state};
use crate::id::{Round, StateId};
use crate::machine::choice::Vouches;
use crate::machine::standing::{Doubt, Standing};

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

/// Its doubt in round 9 of a roster of peers 0 to 4, of which it is none.
fn doubt_of(standing: &Standing, liars: usize) -> Option<Doubt> {
    let roster: Vec<_> = (0..5).map(peer).collect();
    standing.doubt(Round(9), &roster, liars)
}

fn doubt(votes: &[(u8, (Round, StateId))], liars: usize) -> Option<Doubt> {
    doubt_of(&standing(votes), liars)
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
fn who_is_off_the_roster_stands_with_nobody() {
    let votes = [(7, state(0, 3)), (8, state(0, 10)), (9, state(1, 9))];
    assert_eq!(doubt(&votes, 0), Some(Doubt::Outvoted), "one and one");
    let with = [&votes[..], &[(1, state(0, 9))]].concat();
    assert_eq!(doubt(&with, 0), None, "two and one");
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
        doubt_of(&standing, 1),
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
    assert_eq!(doubt_of(&standing, 2), Some(Doubt::Outvoted));
    assert_eq!(doubt_of(&standing, 3), None, "three are remembered");
}

#[test]
fn who_contributed_to_a_later_state_seconds_those_who_vouch_for_it() {
    let mut standing = standing(&[]);
    for (voter, at) in [
        (1, state(0, 12)),
        (2, state(0, 12)),
        (3, state(0, 8)),
        (4, state(1, 13)),
    ] {
        standing.contribution(peer(voter), at, 128);
    }
    let told = [
        (1, vec![state(0, 8), state(0, 12)]),
        (2, vec![state(2, 20)]),
        (4, vec![state(0, 9)]),
    ];
    let mut vouches: Vouches = told.into_iter().map(|(who, at)| (peer(who), at)).collect();
    standing.second(&mut vouches, Some(Round(9)));
    assert_eq!(
        vouches[&peer(2)],
        [state(0, 12), state(2, 20)],
        "it denies it"
    );
    assert_eq!(
        vouches[&peer(1)],
        [state(0, 8), state(0, 12)],
        "it says so itself"
    );
    assert_eq!(
        vouches[&peer(4)],
        [state(0, 9)],
        "nobody else vouches for that"
    );
    assert!(!vouches.contains_key(&peer(3)), "that round is over here");
    standing.lose(&peer(2));
    vouches.remove(&peer(2));
    standing.second(&mut vouches, Some(Round(9)));
    assert!(!vouches.contains_key(&peer(2)), "it is gone");
}

#[test]
fn contributions_take_bounded_memory() {
    let mut standing = standing(&[]);
    for round in 0..=100 {
        standing.contribution(peer(1), state(0, round), 1);
        standing.contribution(peer(2), state(0, round), 1);
    }
    let all: Vec<_> = (0..=100).map(|round| state(0, round)).collect();
    let mut vouches = Vouches::from([(peer(3), all)]);
    standing.second(&mut vouches, None);
    assert_eq!(vouches[&peer(1)].len(), crate::MAX_VOUCHED);
    assert!(!vouches.contains_key(&peer(2)), "one peer is remembered");
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
