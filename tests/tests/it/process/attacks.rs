//! Attackers as real peers: each lies in its own way, the others agree, lose nothing, and name it.

use spirt_tests::cluster::{Cluster, PATIENT};
use spirt_tests::observe::offence;

/// The honest ones of five nodes; the fifth lies.
const HONEST: [usize; 4] = [0, 1, 2, 3];
/// Rounds that the honest ones must end alike while the liar lies.
const ROUNDS: usize = 6;

/// Four honest nodes, together, and then one that plays `attack`.
fn with_liar(attack: &str, options: &str) -> Cluster {
    let mut swarm = Cluster::of(
        4,
        &format!("--max-byzantine 1 --min-peers 4 {PATIENT} {options}"),
    );
    swarm.join(0, &format!("--attack {attack}"));
    swarm
}

/// The honest ones go on together, and none of them loses a round.
fn lose_nothing(swarm: &Cluster) {
    let since = swarm.wait_together(&HONEST).round;
    swarm.agree(&HONEST, since, ROUNDS);
    swarm.no_round_lost(&HONEST, since);
}

/// All honest nodes lay this offence to the liar, and go on.
fn is_named(attack: &str, name: &str) {
    is_named_with(attack, name, "");
}

fn is_named_with(attack: &str, name: &str, options: &str) {
    let swarm = with_liar(attack, options);
    let liar = swarm[4].peer();
    for node in HONEST {
        let what = format!("the liar is named for {name}");
        swarm[node].wait_until(&what, |events| offence(events, liar, name).map(drop));
    }
    lose_nothing(&swarm);
}

#[test]
fn contributions_of_a_wrong_shape_are_named() {
    is_named("wrong-shape", "wrong-shape");
}

#[test]
fn messages_that_are_too_long_are_named() {
    is_named("oversize", "garbage");
}

#[test]
fn garbage_is_named() {
    is_named("garbage", "garbage");
}

#[test]
fn an_equivocator_is_named_and_banned_by_all_for_good() {
    let swarm = with_liar("equivocate", "");
    let liar = swarm[4].peer();
    for node in HONEST {
        let named = swarm[node].wait_until("the equivocator is named", |events| {
            offence(events, liar, "equivocation").cloned()
        });
        assert!(named.banned, "node {node}: {named:?}");
        swarm[node].wait_round(named.round, "the liar is banned", |round| {
            round.verdict(liar) == Some("banned")
        });
    }
    let since = swarm.wait_together(&HONEST).round;
    swarm.agree(&HONEST, since, ROUNDS);
    swarm.no_round_lost(&HONEST, since);
    for node in HONEST {
        let back = swarm[node].events();
        let kept = spirt_tests::observe::rounds(&back)
            .filter(|round| round.round > since)
            .find(|round| round.verdict(liar).is_some());
        assert_eq!(kept, None, "node {node} still counts the banned one");
    }
}

#[test]
fn payloads_of_earlier_rounds_said_again_cost_no_round() {
    lose_nothing(&with_liar("replay", ""));
}

#[test]
fn a_payload_that_nobody_is_given_costs_no_round() {
    // Too long to travel inline: it must be asked for.
    let swarm = with_liar("withhold", "--model mlp:hidden=160");
    let liar = swarm[4].peer();
    lose_nothing(&swarm);
    let events = swarm[0].events();
    let kept = spirt_tests::observe::rounds(&events).find(|round| round.kept(liar));
    assert_eq!(kept, None, "nobody can have what the liar announced");
}

#[test]
fn a_payload_that_some_are_given_costs_no_round() {
    lose_nothing(&with_liar("selective", "--model mlp:hidden=160"));
}

#[test]
fn requests_that_are_never_answered_cost_no_round() {
    lose_nothing(&with_liar("stall", "--model mlp:hidden=160"));
}

#[test]
fn false_bytes_for_a_payload_are_named() {
    // Too long to travel inline: all ask for it, and see that it is another one.
    is_named_with("false-state", "corrupt-chunk", "--model mlp:hidden=160");
}

#[test]
fn a_joiner_beside_a_liar_that_serves_false_states_gets_the_true_one() {
    let mut swarm = with_liar("false-state", "");
    swarm.wait_together(&[0, 1, 2, 3, 4]);
    let joiner = swarm.join(4, "");
    let all = [0, 1, 2, 3, joiner];
    let since = swarm.wait_together(&all).round;
    swarm.agree(&all, since, ROUNDS);
}

#[test]
fn names_that_join_and_do_no_work_cost_no_round() {
    let swarm = with_liar("sybil:names=4", "");
    // Beside the honest ones and the liar: its names are let in, for all may join an open run.
    swarm[0].wait_round(0, "names are on the roster", |round| {
        round.verdicts.len() > 5
    });
    lose_nothing(&swarm);
}

#[test]
fn a_flood_of_records_costs_no_round_and_no_memory() {
    let swarm = with_liar("kad-flood", "");
    lose_nothing(&swarm);
    let resident = swarm[0].status().rss_bytes.expect("Linux tells");
    assert!(resident < 200_000_000, "{resident} bytes are resident");
}

#[test]
fn vectors_made_from_those_of_the_others_do_not_keep_the_model_from_learning() {
    let swarm = with_liar("alie", "");
    // The rule may drop the liar in every round, so it is not waited for.
    let since = swarm.wait_together(&HONEST).round;
    swarm[0].wait_round(since, "the accuracy is 0.9", |round| {
        round.accuracy >= Some(0.9)
    });
    lose_nothing(&swarm);
}

#[test]
fn a_liar_that_repeats_the_contribution_of_another_is_told_of() {
    let swarm = with_liar("mimic", "");
    let liar = swarm[4].peer();
    for node in HONEST {
        swarm[node].wait_round(0, "the liar copied", |round| {
            round.copies.contains_key(liar)
        });
    }
    lose_nothing(&swarm);
}
