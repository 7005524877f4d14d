//! Rounds of a swarm that nothing happens to.

use spirt_tests::cluster::{Cluster, PATIENT};
use spirt_tests::observe::{Event, rounds};

#[test]
fn two_nodes_end_each_round_with_the_same_digest() {
    let mut swarm = Cluster::found(&format!("--min-peers 2 --rounds 12 {PATIENT}"));
    swarm.join(0, "");
    for node in 0..2 {
        assert_eq!(
            swarm[node].wait_exit(),
            Some(0),
            "the run of 12 rounds is complete"
        );
        let numbers: Vec<u64> = rounds(&swarm[node].events())
            .map(|round| round.round)
            .collect();
        assert_eq!(numbers, Vec::from_iter(0..12));
        assert_eq!(swarm[node].strange_lines(), [""; 0]);
    }
    let models = |node: usize| -> Vec<String> {
        rounds(&swarm[node].events())
            .map(|round| round.model.clone())
            .collect()
    };
    assert_eq!(models(0), models(1));
    assert!(matches!(swarm[1].events().last(), Some(Event::Left(left)) if left.round == 12));
}

#[test]
fn a_payload_of_five_chunks_reaches_every_node_and_a_joiner_gets_the_state() {
    // 37,898 parameters, 151,592 bytes: too much to travel inside a message.
    let options = "--model mlp:hidden=512 --min-peers 3 --local-steps 2";
    let mut swarm = Cluster::of(3, &format!("{options} {PATIENT}"));
    let together = swarm.agree(&[0, 1, 2], 0, 4);
    assert!(together.len() >= 4, "{together:?}");
    let joiner = swarm.join(1, "");
    let first = swarm.wait_together(&[0, 1, 2, joiner]);
    swarm.agree(&[0, 1, 2, joiner], first.round, 3);
}
