//! Swarms that grow while they train.

use std::time::Duration;

use spirt_tests::cluster::{Cluster, PATIENT};

#[test]
fn a_node_that_joins_a_lone_founder_is_counted() {
    let mut swarm = Cluster::found(PATIENT);
    swarm[0].wait_rounds(5);
    let joiner = swarm.join(0, "");
    let first = swarm.wait_together(&[0, joiner]);
    swarm.agree(&[0, joiner], first.round, 5);
}

#[test]
fn a_node_that_joins_a_lone_founder_in_a_hurry_is_counted() {
    // The founder's rounds take milliseconds, and it waits for nobody.
    let mut swarm = Cluster::found("");
    swarm[0].wait_rounds(5);
    let joiner = swarm.join(0, "");
    let first = swarm.wait_together(&[0, joiner]);
    swarm.agree(&[0, joiner], first.round, 5);
}

#[test]
fn a_node_that_joins_a_founder_in_a_hurry_from_afar_is_counted() {
    // Many rounds end while a message travels.
    let mut swarm = Cluster::found("");
    swarm[0].wait_rounds(5);
    let joiner = swarm.join_from_afar(0, Duration::from_millis(100), "");
    let first = swarm.wait_together(&[0, joiner]);
    swarm.agree(&[0, joiner], first.round, 5);
}
