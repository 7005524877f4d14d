//! How long a node waits for contributions.

use std::time::Duration;

use crate::machine::arrivals::Arrivals;
use crate::spec::Timing;

const TIMING: Timing = Timing {
    pace: 0,
    collect_min: 200,
    collect_max: 5_000,
    attempt: 300,
};

fn patience(arrivals: impl IntoIterator<Item = u64>) -> u128 {
    let mut all = Arrivals::default();
    for took in arrivals {
        all.record(Duration::from_millis(took));
    }
    all.patience(&TIMING).as_millis()
}

#[test]
fn nothing_seen_means_the_longest_patience() {
    assert_eq!(patience([]), 5_000);
}

#[test]
fn patience_is_the_median_and_six_deviations() {
    // Median 1000, deviations 100 100 0 100 100: their median is 100.
    assert_eq!(patience([900, 900, 1_000, 1_100, 1_100]), 1_600);
    // An exact swarm leaves no room beyond the median.
    assert_eq!(patience([1_000; 9]), 1_000);
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
        400
    );
}
