//! Simulated swarms: two hundred seeds of crashes and bad networks without a broken promise.

use spirt_protocol::sim::{Kind, Scenario, Violation, run};

/// Plays seeds `from..to`, and names the first that breaks a promise.
fn play(from: u64, to: u64) {
    for seed in from..to {
        if let Err(violation) = run(&Scenario::draw(Kind::Crashes, seed)) {
            panic!("seed {seed}: {violation}\n  replay: cargo xtask sim --seed {seed}");
        }
    }
}

/// Tests of twenty seeds each, so that they run side by side.
macro_rules! seeds {
    ($($name:ident: $from:literal;)*) => {
        $(
            #[test]
            fn $name() {
                play($from, $from + 20);
            }
        )*
    };
}

seeds! {
    no_promise_is_broken_from_seed_0: 0;
    no_promise_is_broken_from_seed_20: 20;
    no_promise_is_broken_from_seed_40: 40;
    no_promise_is_broken_from_seed_60: 60;
    no_promise_is_broken_from_seed_80: 80;
    no_promise_is_broken_from_seed_100: 100;
    no_promise_is_broken_from_seed_120: 120;
    no_promise_is_broken_from_seed_140: 140;
    no_promise_is_broken_from_seed_160: 160;
    no_promise_is_broken_from_seed_180: 180;
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in [3, 57, 101] {
        let scenario = Scenario::draw(Kind::Crashes, seed);
        assert_eq!(run(&scenario), run(&scenario), "seed {seed}");
        assert_eq!(
            format!("{scenario:?}"),
            format!("{:?}", Scenario::draw(Kind::Crashes, seed))
        );
    }
}

#[test]
fn other_seeds_give_other_runs() {
    let grades: Vec<_> = (0..4)
        .map(|seed| run(&Scenario::draw(Kind::Crashes, seed)))
        .collect();
    assert!(grades.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn a_broken_promise_is_found_and_replays() {
    // More peers are needed than there are, so no round ever ends.
    let mut scenario = Scenario::draw(Kind::Crashes, 1);
    scenario.spec.min_peers = 60;
    let violation = run(&scenario).expect_err("cannot go on");
    assert!(matches!(*violation, Violation::Stuck { .. }), "{violation}");
    assert_eq!(run(&scenario), Err(violation));
}

#[test]
fn a_quiet_network_keeps_every_contribution_and_never_parts() {
    for seed in 0..12 {
        let mut scenario = Scenario::draw(Kind::Crashes, seed);
        scenario.faults.clear();
        scenario.drop = 0.0;
        scenario.duplicate = 0.0;
        let grade = run(&scenario).expect("nothing goes wrong");
        assert!(grade.kept > 0.98, "seed {seed}: {grade:?}");
        assert_eq!(
            (grade.divergences, grade.rounds_lost),
            (0, 0),
            "seed {seed}: {grade:?}"
        );
    }
}
