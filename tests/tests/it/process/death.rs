//! Nodes that die or stand still in mid-run.

use spirt_tests::cluster::{Cluster, PATIENT};
use spirt_tests::observe::last_round;

#[test]
fn after_the_death_of_the_founder_a_third_node_joins_through_the_second() {
    let mut swarm = Cluster::of(2, PATIENT);
    swarm.agree(&[0, 1], 0, 5);
    swarm[0].kill();
    swarm[1].wait_rounds(5);
    let third = swarm.join(1, "");
    let first = swarm.wait_together(&[1, third]);
    swarm.agree(&[1, third], first.round, 5);
}

#[test]
fn the_death_of_one_of_four_costs_the_others_no_round() {
    let mut swarm = Cluster::of(4, &format!("--max-byzantine 1 --min-peers 3 {PATIENT}"));
    let since = swarm.wait_together(&[0, 1, 2, 3]).round;
    swarm.agree(&[0, 1, 2, 3], since, 5);
    let dead = swarm[2].peer().to_owned();
    swarm[2].kill();
    let survivors = [0, 1, 3];
    for node in survivors {
        let alone = |round: &spirt_tests::observe::Round| round.verdict(&dead).is_none();
        swarm[node].wait_round(since + 5, "the dead one is off the roster", alone);
    }
    swarm.agree(&survivors, since, 5);
    swarm.no_round_lost(&survivors, since);
    for node in survivors {
        assert_eq!(swarm[node].status().rounds_lost, 0);
    }
}

#[test]
fn a_node_that_stood_still_catches_up_with_the_three_that_went_on() {
    let swarm = Cluster::of(4, &format!("--max-byzantine 1 --min-peers 3 {PATIENT}"));
    let since = swarm.wait_together(&[0, 1, 2, 3]).round;
    swarm[3].stop();
    let others = [0, 1, 2];
    swarm[0].wait_rounds(12);
    swarm.agree(&others, since, 5);
    swarm.no_round_lost(&others, since);
    swarm[3].cont();
    let back = swarm.wait_together(&[0, 1, 2, 3]);
    let events = swarm[3].events();
    let last = last_round(&events).map(|round| round.round);
    assert!(
        last >= Some(since + 12),
        "it missed rounds, and is back: {last:?}"
    );
    swarm.agree(&[0, 1, 2, 3], back.round, 5);
}
