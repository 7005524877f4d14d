//! Vectors so long that the members share the work of the rule: each chunk is aggregated by two of five.

use spirt_tests::cluster::{Cluster, PATIENT};
use spirt_tests::observe::{offence, rounds};

/// Twenty-two chunks of 256 KiB: four for each of five nodes, and two more.
const VALUES: u64 = 1_400_000;
/// Rounds that must be ended alike.
const ROUNDS: usize = 6;

fn options(min_peers: usize) -> String {
    let model = format!("--model synthetic:dimension={VALUES}");
    format!("{model} --max-byzantine 1 --min-peers {min_peers} {PATIENT}")
}

/// Four honest nodes, together, and then one that plays `attack`.
fn with_liar(attack: &str) -> Cluster {
    let mut swarm = Cluster::of(4, &options(4));
    swarm.join(0, &format!("--attack {attack}"));
    swarm
}

fn lose_nothing(swarm: &Cluster, nodes: &[usize]) {
    let since = swarm.wait_together(nodes).round;
    swarm.agree(nodes, since, ROUNDS);
    swarm.no_round_lost(nodes, since);
    swarm[nodes[0]].wait_round(since, "a round whose work is shared", |round| {
        round.keepers == Some(2)
    });
}

/// Bytes that a node sends in a round, over those that all its vectors take.
fn sent(swarm: &Cluster, node: usize, since: u64) -> f64 {
    let events = swarm[node].events();
    let told: Vec<_> = rounds(&events)
        .filter(|round| round.round >= since)
        .collect();
    let (first, last) = (told[0], told[told.len() - 1]);
    let bytes = (last.bytes_sent - first.bytes_sent) as f64;
    let whole = 4 * (swarm.len() as u64 - 1) * VALUES * (last.round - first.round);
    bytes / whole as f64
}

#[test]
fn five_that_share_the_work_send_half_the_bytes_and_come_to_one_model() {
    let swarm = Cluster::of(5, &options(5));
    let everybody = [0, 1, 2, 3, 4];
    let since = swarm.wait_together(&everybody).round;
    swarm.agree(&everybody, since, ROUNDS);
    swarm.no_round_lost(&everybody, since);
    let shares = everybody.map(|node| sent(&swarm, node, since));
    // (2 · 4 + 3) / (5 · 4) of them.
    let mean = shares.iter().sum::<f64>() / 5.0;
    assert!((0.5..0.65).contains(&mean), "{shares:?}");
}

#[test]
fn whoever_wants_to_run_the_rule_on_everything_does() {
    let swarm = Cluster::of(5, &format!("{} --division whole", options(5)));
    let everybody = [0, 1, 2, 3, 4];
    let since = swarm.wait_together(&everybody).round;
    swarm.agree(&everybody, since, ROUNDS);
    let shares = everybody.map(|node| sent(&swarm, node, since));
    let mean = shares.iter().sum::<f64>() / 5.0;
    assert!((1.0..1.1).contains(&mean), "{shares:?}");
}

#[test]
fn a_false_sum_is_not_taken_and_its_maker_named() {
    let swarm = with_liar("false-sum");
    let liar = swarm[4].peer();
    let honest = [0, 1, 2, 3];
    for node in honest {
        swarm[node].wait_until("the liar is named for false-sum", |events| {
            offence(events, liar, "false-sum").map(drop)
        });
    }
    lose_nothing(&swarm, &honest);
    for node in honest {
        let events = swarm[node].events();
        for other in honest {
            assert_eq!(offence(&events, swarm[other].peer(), "false-sum"), None);
        }
    }
}

#[test]
fn a_value_that_is_not_finite_is_found_by_those_that_keep_it() {
    let swarm = with_liar("nan");
    let liar = swarm[4].peer();
    let honest = [0, 1, 2, 3];
    lose_nothing(&swarm, &honest);
    for node in honest {
        let events = swarm[node].events();
        assert_eq!(rounds(&events).find(|round| round.kept(liar)), None);
    }
}

#[test]
fn a_payload_that_some_are_given_or_nobody_costs_no_round() {
    for attack in ["selective", "withhold"] {
        lose_nothing(&with_liar(attack), &[0, 1, 2, 3]);
    }
}

#[test]
fn questions_that_are_never_answered_cost_no_round() {
    lose_nothing(&with_liar("stall"), &[0, 1, 2, 3]);
}

#[test]
fn the_death_of_a_keeper_costs_the_others_no_round() {
    let mut swarm = Cluster::of(5, &options(4));
    let everybody = [0, 1, 2, 3, 4];
    let since = swarm.wait_together(&everybody).round;
    swarm.agree(&everybody, since, 3);
    let dead = swarm[2].peer().to_owned();
    swarm[2].kill();
    let survivors = [0, 1, 3, 4];
    for node in survivors {
        let alone = |round: &spirt_tests::observe::Round| round.verdict(&dead).is_none();
        swarm[node].wait_round(since + 3, "the dead one is off the roster", alone);
    }
    swarm.agree(&survivors, since, ROUNDS);
    swarm.no_round_lost(&survivors, since);
}

#[test]
fn a_keeper_that_stood_still_comes_back_to_the_others() {
    let swarm = Cluster::of(5, &options(4));
    let everybody = [0, 1, 2, 3, 4];
    let since = swarm.wait_together(&everybody).round;
    swarm[3].stop();
    let others = [0, 1, 2, 4];
    swarm[0].wait_rounds(8);
    swarm.agree(&others, since, 5);
    swarm.no_round_lost(&others, since);
    swarm[3].cont();
    let back = swarm.wait_together(&everybody).round;
    swarm.agree(&everybody, back, ROUNDS);
}

#[test]
fn a_newcomer_learns_the_work_of_the_others() {
    let mut swarm = Cluster::of(5, &options(5));
    let since = swarm.wait_together(&[0, 1, 2, 3, 4]).round;
    swarm.agree(&[0, 1, 2, 3, 4], since, 3);
    let newcomer = swarm.join(1, "");
    // Six have too few chunks to share: this round and the next are done in two ways.
    let all = [0, 1, 2, 3, 4, newcomer];
    let since = swarm.wait_together(&all).round;
    swarm.agree(&all, since, ROUNDS);
    swarm.no_round_lost(&all, since);
}
