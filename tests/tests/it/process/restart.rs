//! Nodes, and whole swarms, that start again with the data dir that they had.

use std::fs;

use spirt_tests::cluster::{Cluster, PATIENT};

#[test]
fn a_node_that_was_killed_and_starts_again_agrees_with_the_others() {
    let mut swarm = Cluster::of(3, &format!("--min-peers 2 {PATIENT}"));
    swarm[1].wait_rounds(12);
    let peer = swarm[1].peer().to_owned();
    swarm[1].kill();
    swarm[0].wait_rounds(5);
    swarm.restart(1, Some(0));
    assert_eq!(swarm[1].peer(), peer, "it is still the same peer");
    let back = swarm.wait_together(&[0, 1, 2]);
    swarm.agree(&[0, 1, 2], back.round, 5);
}

#[test]
fn a_node_that_left_and_starts_again_agrees_with_the_others() {
    let mut swarm = Cluster::of(3, &format!("--min-peers 2 {PATIENT}"));
    swarm[1].leave();
    assert_eq!(swarm[1].wait_exit(), Some(0));
    swarm[0].wait_rounds(5);
    swarm.restart(1, Some(2));
    let back = swarm.wait_together(&[0, 1, 2]);
    swarm.agree(&[0, 1, 2], back.round, 5);
}

/// The round of the latest checkpoint of a node.
fn saved_round(swarm: &Cluster, node: usize) -> u64 {
    let folder =
        fs::read_dir(swarm.data_dir(node).join("checkpoints")).expect("it has checkpoints");
    let names = folder.map(|entry| entry.expect("an entry").file_name().into_string());
    let rounds = names.flatten().filter_map(|name| {
        name.strip_prefix("round-")?
            .strip_suffix(".ckpt")?
            .parse()
            .ok()
    });
    rounds.max().expect("it has a checkpoint")
}

/// Starts all nodes of a dead swarm again, and checks that they go on from what they had saved.
fn resume(mut swarm: Cluster) {
    let saved = (0..swarm.len())
        .map(|node| saved_round(&swarm, node))
        .min()
        .expect("nodes");
    assert!(saved > 0, "something was saved");
    swarm.restart(0, None);
    let all: Vec<usize> = (0..swarm.len()).collect();
    for node in all.iter().skip(1) {
        swarm.restart(*node, Some(0));
    }
    let back = swarm.wait_together(&all);
    assert!(
        back.round >= saved,
        "round {} after a checkpoint of round {saved}",
        back.round
    );
    for node in &all {
        let first = swarm[*node]
            .wait_round(0, "it ends a round", |_| true)
            .round;
        assert!(
            first >= saved,
            "node {node} went back to round {first}, {saved} was saved"
        );
    }
    swarm.agree(&all, back.round, 5);
}

#[test]
fn a_swarm_that_was_stopped_resumes_from_its_checkpoints() {
    let mut swarm = Cluster::of(3, &format!("--min-peers 3 {PATIENT}"));
    swarm.agree(&[0, 1, 2], 0, 8);
    for node in 0..3 {
        swarm[node].leave();
    }
    for node in 0..3 {
        assert_eq!(swarm[node].wait_exit(), Some(0));
    }
    resume(swarm);
}

#[test]
fn a_swarm_that_was_killed_resumes_from_its_checkpoints() {
    let mut swarm = Cluster::of(3, &format!("--min-peers 3 {PATIENT}"));
    swarm.agree(&[0, 1, 2], 0, 15);
    for node in 0..3 {
        swarm[node].kill();
    }
    resume(swarm);
}
