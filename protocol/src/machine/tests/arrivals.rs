//! How long a node waits for contributions.

use std::time::Duration;

use crate::id::PeerId;
use crate::machine::arrivals::Arrivals;
use crate::spec::Timing;

const TIMING: Timing = Timing {
    pace: 0,
    collect_min: 200,
    collect_max: 5_000,
    attempt: 300,
};

fn peer(name: u8) -> PeerId {
    PeerId([name; 32])
}

/// The patience with a peer of which nothing is known.
fn patience(arrivals: impl IntoIterator<Item = u64>) -> u128 {
    let mut all = Arrivals::default();
    for (number, took) in arrivals.into_iter().enumerate() {
        let author = peer(u8::try_from(number % 100).unwrap());
        all.record(author, Duration::from_millis(took));
    }
    all.patience(&TIMING).with([&peer(200)]).as_millis()
}

#[test]
fn nothing_seen_means_the_longest_patience() {
    assert_eq!(patience([]), 5_000);
}

#[test]
fn patience_is_the_median_and_six_deviations() {
    // Median 1000, deviations 100 100 0 100 100: their median is 100.
    assert_eq!(patience([900, 900, 1_000, 1_100, 1_100]), 1_600);
}

#[test]
fn where_all_take_the_same_time_half_of_it_is_left_to_be_late_by() {
    assert_eq!(patience([1_000; 9]), 1_500);
    assert_eq!(patience([999, 999, 1_000, 1_001, 1_001]), 1_500);
}

#[test]
fn patience_stays_within_the_bounds_of_the_spec() {
    assert_eq!(patience([1; 5]), 200);
    assert_eq!(patience([60_000; 5]), 5_000);
    assert_eq!(patience([0, u64::MAX / 4, u64::MAX / 4]), 5_000);
}

#[test]
fn less_than_half_cannot_stretch_it() {
    let honest = [100, 110, 120, 130, 140, 150];
    let alone = patience(honest);
    let liars = [4_900; 5];
    let stretched = patience(honest.into_iter().chain(liars));
    assert!(stretched <= 150 + 6 * 50, "{alone} became {stretched}");
}

#[test]
fn what_is_long_ago_is_forgotten() {
    assert_eq!(
        patience([4_000].into_iter().cycle().take(300).chain([400; 256])),
        600
    );
}

#[test]
fn who_is_always_early_is_missed_sooner_and_nobody_gets_more_than_all() {
    let mut arrivals = Arrivals::default();
    for round in 0..9_u64 {
        // An early one, a late one, and three between them.
        for (name, took) in [(1, 600), (2, 1_000), (3, 1_400), (4, 1_800), (5, 2_200)] {
            let jitter = round % 3;
            arrivals.record(peer(name), Duration::from_millis(took + jitter));
        }
    }
    let patience = arrivals.patience(&TIMING);
    let with = |names: &[u8]| {
        let names: Vec<PeerId> = names.iter().map(|name| peer(*name)).collect();
        patience.with(&names).as_millis()
    };
    let all = with(&[99]);
    assert_eq!(all, 1_401 + 6 * 401, "median and deviations of all");
    assert_eq!(with(&[1]), 601 + 300, "the median, and half of it");
    assert_eq!(with(&[1, 3]), 1_401 + 700, "the slower one of both");
    assert_eq!(with(&[5]), 2_201 + 1_100);
    assert_eq!(with(&[1, 99]), all, "of one nothing is known");
    for _ in 0..200 {
        arrivals.record(peer(6), Duration::from_millis(4_900));
    }
    // Most arrivals are late by now, and still a late peer gets no more than a stranger.
    let patience = arrivals.patience(&TIMING);
    let [late, stranger] = [6, 99].map(|name| patience.with([&peer(name)]));
    assert_eq!(late, stranger);
}

#[test]
fn two_arrivals_say_nothing_of_a_peer() {
    let mut arrivals = Arrivals::default();
    for name in [1, 2, 3, 4, 5, 1, 2] {
        arrivals.record(peer(name), Duration::from_millis(300 * u64::from(name)));
    }
    let patience = arrivals.patience(&TIMING);
    assert_eq!(patience.with([&peer(1)]), patience.with([&peer(99)]));
}
