//! Simulated swarms: seeds of each kind of trouble without a broken promise.

use std::time::Duration;

use spirt_protocol::sim::{Fault, Grade, Kind, Mutation, Scenario, Violation, run, shrink};
use spirt_protocol::{Time, Timing};

/// Plays seeds of a kind, and names the first that breaks a promise.
fn play(kind: Kind, seeds: impl IntoIterator<Item = u64>) -> Vec<Grade> {
    let grade = |seed| {
        run(&Scenario::draw(kind, seed)).unwrap_or_else(|violation| {
            let kind = kind.name();
            panic!("{kind} {seed}: {violation}\n  replay: cargo xtask sim --scenario {kind} --seed {seed}")
        })
    };
    seeds.into_iter().map(grade).collect()
}

/// Tests of some seeds each, so that they run side by side.
macro_rules! seeds {
    ($($name:ident: $kind:ident $seeds:expr;)*) => {
        $(
            #[test]
            fn $name() {
                play(Kind::$kind, $seeds);
            }
        )*
    };
}

seeds! {
    crashes_break_no_promise_from_seed_0: Crashes 0..20;
    crashes_break_no_promise_from_seed_20: Crashes 20..40;
    crashes_break_no_promise_from_seed_40: Crashes 40..60;
    crashes_break_no_promise_from_seed_60: Crashes 60..80;
    partitions_break_no_promise: Partitions 0..15;
    cut_links_break_no_promise: Links 0..15;
    frozen_processes_break_no_promise: Freezes 0..15;
    coming_and_going_breaks_no_promise: Churn 0..15;
    skewed_clocks_break_no_promise: Skew 0..15;
    all_at_once_breaks_no_promise: Storm 0..10;
}

#[test]
fn liars_part_nobody_and_those_that_sign_twice_are_banned() {
    let grades = play(Kind::Liars, 0..30);
    let sum = |count: fn(&Grade) -> u64| grades.iter().map(count).sum::<u64>();
    assert_eq!(sum(|grade| grade.divergences), 0);
    let (equivocators, banned) = (sum(|grade| grade.equivocators), sum(|grade| grade.banned));
    // Not those that never got on the roster, or whose second seal came after the round.
    assert!(
        equivocators > 5 && 10 * banned >= 8 * equivocators,
        "{banned} of {equivocators}"
    );
}

/// Plays the seed at which a hunt (`cargo xtask sim -- --mutation all --scenario liars`) first found
/// the broken machines out, and the same one with whole machines.
fn is_found_out(mutation: Mutation, seed: u64) {
    let mut scenario = Scenario::draw(Kind::Liars, seed);
    assert_eq!(run(&scenario).err(), None, "whole machines at seed {seed}");
    scenario.mutation = Some(mutation);
    let violation = run(&scenario).expect_err(mutation.name());
    assert_eq!(run(&scenario), Err(violation), "it replays");
}

/// A test for each way to break the Agree phase.
macro_rules! found_out {
    ($($name:ident: $mutation:ident $seed:literal;)*) => {
        $(
            #[test]
            fn $name() {
                is_found_out(Mutation::$mutation, $seed);
            }
        )*

        #[test]
        fn every_mutation_has_a_seed_that_finds_it_out() {
            let tested = [$(Mutation::$mutation),*];
            assert!(Mutation::ALL.iter().all(|m| tested.contains(m)));
            assert!([$($seed),*].iter().all(|seed: &u64| *seed < 1_000));
        }
    };
}

found_out! {
    accepting_what_few_signed_for_is_found_out: FewSigners 0;
    leaving_the_last_attempt_out_is_found_out: NoLastAttempt 97;
    applying_before_agreement_is_found_out: BeforeAgreement 0;
    the_fast_path_on_unequal_seals_is_found_out: UnequalSeals 0;
    accepting_in_silence_is_found_out: SilentAcceptance 9;
    counting_what_one_names_is_found_out: OneIsEnough 5;
}

#[test]
fn a_few_that_were_given_a_payload_early_do_not_agree_alone() {
    // Two of eleven sealed long before the others; newcomers made up the quorum.
    let scenario = Scenario::draw(Kind::Liars, 801);
    assert!(scenario.peers > 2 * scenario.liars.len());
    assert_eq!(run(&scenario).err(), None);
}

#[test]
fn a_first_seal_that_one_alone_was_given_is_counted_by_all_or_none() {
    // A liar gave its first seal to the one that asked it for the frames of the round, and to nobody else.
    play(Kind::Liars, [126]);
}

#[test]
fn a_member_whose_first_seal_came_too_late_does_not_count_it_alone() {
    // It had ended a round before the others, gone back to it, and come late to the next.
    play(Kind::Liars, [167]);
}

#[test]
fn a_contribution_that_one_alone_was_shown_is_counted_by_all_or_none() {
    // A liar's, which one member got as an answer to its question. It named it in its first seal, as the liar did in its own.
    play(Kind::Liars, [5344]);
}

#[test]
fn a_round_ends_though_an_agreed_payload_is_lost_for_good() {
    // The honest members that held it crashed before the others had it, and the liar gives it to nobody.
    play(Kind::Storm, [1026]);
}

#[test]
fn the_way_of_the_plurality_counts_those_that_came_back_to_it() {
    // Two sides that both have a quorum. Members of the larger one had been away, and vouch for its late states only.
    play(Kind::Storm, [3187, 3775, 5495]);
}

#[test]
fn who_begins_a_view_goes_where_others_are_by_now() {
    // Two honest members were always a few views further than the two others, and no quorum was without them.
    play(Kind::Storm, [4492]);
}

#[test]
fn who_waits_for_the_end_of_a_round_asks_to_join_it_all_the_same() {
    // The members had gone back to a round that others had left with their earlier seals in hand, and were too few.
    play(Kind::Churn, [4246]);
}

#[test]
fn a_lone_member_that_came_back_is_not_held_up_by_its_own_goodbye() {
    play(Kind::Storm, [1577]);
}

#[test]
fn a_newcomer_has_the_payloads_of_the_round_before_when_the_members_do() {
    // It got them after the members, was too late for its first round, dropped from the roster, and admitted again, for ever.
    play(Kind::Links, [599]);
}

#[test]
fn who_heard_a_lone_member_before_it_lost_its_memory_follows_it_all_the_same() {
    // It had ended the first round, and ended it anew; two others stayed in it, and asked to join, for ever.
    play(Kind::Storm, [243]);
}

#[test]
fn who_went_on_beside_a_liar_is_followed_though_the_liar_denies_it() {
    // Two of three members ended a round, one of them a liar that vouches for states that nobody holds. Nobody else could
    // come after the honest one, and those two had a quorum by themselves.
    play(Kind::Storm, [9273]);
}

#[test]
fn what_a_lone_node_did_before_it_came_back_is_no_goal() {
    // It had done 77 rounds by itself, which three peers do not in two minutes.
    play(Kind::Storm, [9247]);
}

#[test]
fn seals_of_those_who_went_back_end_no_view_that_is_over() {
    // Members went back to a round one after the other, and each new seal ended it for one of those who were waiting there,
    // each with another set.
    play(Kind::Storm, [11103]);
}

#[test]
fn who_comes_from_far_away_gets_on_the_roster_of_a_swarm_in_a_hurry() {
    let at = |millis| Time(Duration::from_millis(millis));
    for (peers, faulty) in [(2, 0), (3, 0), (5, 1), (8, 2)] {
        let mut scenario = Scenario::draw(Kind::Links, 0);
        // The nodes of all but one are a few milliseconds apart, and that one a fifth of a second.
        let far = peers - 1;
        scenario.peers = peers;
        scenario.faults = vec![(at(0), Fault::Slow(far, 200))];
        scenario.starts = vec![at(0); peers];
        scenario.starts[far] = at(4_000);
        scenario.calm = at(4_000);
        (scenario.drop, scenario.duplicate) = (0.0, 0.0);
        (scenario.delay, scenario.compute) = (Duration::from_millis(3), Duration::from_millis(3));
        let spec = &mut scenario.spec;
        (spec.max_byzantine, spec.max_faulty) = (faulty, faulty.max(1));
        (spec.min_peers, spec.min_inputs) = (2 * faulty + 1, 2 * faulty + 1);
        spec.timing = Timing {
            pace: 0,
            collect_min: 500,
            collect_max: 30_000,
            attempt: 1_000,
        };
        let grade = run(&scenario).unwrap_or_else(|violation| panic!("{peers}: {violation}"));
        let entered = grade.virtual_time - scenario.calm.0;
        assert!(entered < Duration::from_secs(4), "{peers}: {entered:?}");
    }
}

#[test]
fn a_failing_scenario_is_brought_down_to_its_cause() {
    // The founder alone holds the run; without it nobody can begin.
    let mut scenario = Scenario::draw(Kind::Storm, 1);
    scenario
        .faults
        .retain(|(_, fault)| *fault != Fault::Restart(0) && *fault != Fault::Crash(0));
    let at = scenario.faults[0].0;
    scenario.faults.insert(0, (at, Fault::Freeze(0)));
    scenario
        .faults
        .retain(|(_, fault)| *fault != Fault::Thaw(0));
    let violation = run(&scenario).expect_err("the frozen node gets nowhere");
    let small = shrink(&scenario);
    assert!(matches!(*violation, Violation::Stuck { .. }), "{violation}");
    assert!(matches!(
        *run(&small).expect_err("still fails"),
        Violation::Stuck { .. }
    ));
    assert_eq!(small.faults.len(), 1, "{:?}", small.faults);
    assert!(small.liars.is_empty() && small.drop == 0.0 && small.skew == 0);
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
