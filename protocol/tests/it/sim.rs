//! Simulated swarms: two hundred seeds of crashes and bad networks without a broken promise.

use spirt_protocol::sim::{Scenario, Violation, run};

/// Plays seeds `from..to`, and names the first that breaks a promise.
fn play(from: u64, to: u64) {
    for seed in from..to {
        if let Err(violation) = run(&Scenario::from_seed(seed)) {
            panic!("seed {seed}: {violation}\n  replay: cargo xtask sim --seed {seed}");
        }
    }
}

// Four tests, so that they run side by side.

#[test]
fn no_promise_is_broken_in_seeds_0_to_50() {
    play(0, 50);
}

#[test]
fn no_promise_is_broken_in_seeds_50_to_100() {
    play(50, 100);
}

#[test]
fn no_promise_is_broken_in_seeds_100_to_150() {
    play(100, 150);
}

#[test]
fn no_promise_is_broken_in_seeds_150_to_200() {
    play(150, 200);
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in [3, 57, 101] {
        let scenario = Scenario::from_seed(seed);
        assert_eq!(run(&scenario), run(&scenario), "seed {seed}");
        assert_eq!(
            format!("{scenario:?}"),
            format!("{:?}", Scenario::from_seed(seed))
        );
    }
}

#[test]
fn other_seeds_give_other_runs() {
    let grades: Vec<_> = (0..4).map(|seed| run(&Scenario::from_seed(seed))).collect();
    assert!(grades.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn a_broken_promise_is_found_and_replays() {
    // More peers are needed than there are, so no round ever ends.
    let mut scenario = Scenario::from_seed(1);
    scenario.spec.min_peers = 60;
    let violation = run(&scenario).expect_err("cannot go on");
    assert!(matches!(*violation, Violation::Stuck { .. }), "{violation}");
    assert_eq!(run(&scenario), Err(violation));
}

#[test]
fn a_quiet_network_keeps_every_contribution() {
    let mut scenario = Scenario::from_seed(5);
    scenario.faults.clear();
    scenario.drop = 0.0;
    scenario.duplicate = 0.0;
    let grade = run(&scenario).expect("nothing goes wrong");
    assert_eq!((grade.divergences, grade.rounds_lost), (0, 0), "{grade:?}");
    assert!(grade.kept > 0.98, "{grade:?}");
}
