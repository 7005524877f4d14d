//! Nodes that are asked to leave.

use std::time::Duration;

use spirt_tests::cluster::{Cluster, PATIENT, timed};
use spirt_tests::host::command::{Finished, command};
use spirt_tests::node::Node;
use spirt_tests::observe::Event;

/// How long leaving may take.
const AT_MOST: Duration = Duration::from_secs(1);

fn has_left(node: &mut Node, took: Duration) {
    assert_eq!(node.wait_exit(), Some(0));
    assert!(took < AT_MOST, "it took {took:?}");
    let events = node.events();
    let Some(Event::Left(left)) = events.last() else {
        panic!("the last event: {events:?}")
    };
    assert_eq!(left.reason, "stopped on request");
}

#[test]
fn the_stop_command_ends_a_node_within_a_second_and_the_others_wait_for_nobody() {
    let mut swarm = Cluster::of(3, PATIENT);
    let gone = swarm[1].peer().to_owned();
    let mut stop = command(["stop"]);
    stop.arg("--data-dir").arg(swarm[1].process().data_dir());
    let (asked, took) = timed(|| {
        let asked = Finished::of(&mut stop);
        swarm[1].wait_exit();
        asked
    });
    assert_eq!(asked.code, Some(0), "{asked}");
    has_left(&mut swarm[1], took);
    let first = swarm[0].wait_round(0, "it has left", |round| {
        round.round > 0 && round.roster == 2 && round.verdict(&gone).is_none()
    });
    let together = swarm.agree(&[0, 2], first.round, 3);
    assert!(together.contains(&first.round), "{together:?}");
    swarm.no_round_lost(&[0, 2], first.round);
}

#[test]
fn ctrl_c_ends_a_node_within_a_second() {
    let mut swarm = Cluster::of(2, "--pace 100ms");
    for node in [1, 0] {
        let (_, took) = timed(|| {
            swarm[node].process().interrupt();
            swarm[node].wait_exit();
        });
        has_left(&mut swarm[node], took);
    }
}

#[test]
fn a_lone_node_with_a_slow_pace_leaves_within_a_second() {
    let mut swarm = Cluster::found("--pace 60s");
    swarm[0].wait_rounds(1);
    let (_, took) = timed(|| {
        swarm[0].leave();
        swarm[0].wait_exit();
    });
    has_left(&mut swarm[0], took);
}
