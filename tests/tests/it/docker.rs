//! A swarm in containers: the image and the compose file as they are delivered.

use std::collections::BTreeSet;

use spirt_tests::host::docker::{Compose, Container};
use spirt_tests::observe::{Event, agreement, rounds};

/// One container that founds the run, six that join it.
fn swarm() -> (Compose, Container, Vec<Container>) {
    let compose = Compose::up(6, &[("SPIRT_JSON", "true"), ("SPIRT_PACE", "250ms")]);
    let mut founder = compose.containers("bootstrap");
    let peers = compose.containers("peer");
    assert_eq!((founder.len(), peers.len()), (1, 6));
    (compose, founder.remove(0), peers)
}

/// Waits until all these nodes are in a round together, and returns its number.
fn wait_together<'a>(nodes: impl Iterator<Item = &'a Container>, n: usize) -> u64 {
    let what = format!("{n} contributions are kept");
    let rounds = nodes.map(|node| node.wait_round(0, &what, |round| round.n_kept() >= n).round);
    rounds.max().expect("there are nodes")
}

/// Waits for `n` rounds more after `since`, and checks that they ended alike everywhere.
fn agree(nodes: &[&Container], since: u64, n: u64) -> BTreeSet<u64> {
    for node in nodes {
        node.wait_round(since + n, "it is over", |_| true);
    }
    let told: Vec<(String, Vec<Event>)> = nodes
        .iter()
        .map(|node| (node.id().to_owned(), node.events()))
        .collect();
    let together = agreement(&told, since).unwrap_or_else(|error| panic!("{error}"));
    assert!(
        together.contains(&(since + n)),
        "no common round: {together:?}"
    );
    together
}

/// Checks that no node lost or skipped a round from `since` on.
fn no_round_lost(nodes: &[&Container], since: u64) {
    for node in nodes {
        let events = node.events();
        for (due, round) in (since..).zip(rounds(&events).filter(|round| round.round >= since)) {
            assert_eq!(round.round, due, "{} skipped a round", node.id());
            assert!(round.applied, "{} lost round {due}: {round:?}", node.id());
        }
        assert_eq!(node.status().rounds_lost, 0, "{}", node.id());
    }
}

#[test]
fn seven_containers_become_healthy_and_hold_one_model() {
    let (compose, founder, peers) = swarm();
    let all: Vec<&Container> = peers.iter().chain([&founder]).collect();
    compose.wait_healthy(&all);
    let since = wait_together(all.iter().copied(), 7);
    agree(&all, since, 5);
    no_round_lost(&all, since);
    for node in &all {
        let status = node.status();
        assert_eq!(
            (status.state.as_str(), status.roster),
            ("training", 7),
            "{status:?}"
        );
        // The model before a round is the one after the round before.
        let before = founder.wait_round(status.round - 1, "it is over", |_| true);
        assert_eq!(status.model.as_ref(), Some(&before.model), "{status:?}");
    }
    assert_eq!(peers[0].stop(), 0, "`docker stop` is a goodbye");
    let left: Vec<&Container> = all
        .into_iter()
        .filter(|node| node.id() != peers[0].id())
        .collect();
    let since = left[0]
        .wait_round(since, "six are left", |round| round.roster == 6)
        .round;
    agree(&left, since, 3);
}

#[test]
fn the_death_of_the_bootstrap_container_costs_the_others_no_round() {
    let (_compose, founder, peers) = swarm();
    let all: Vec<&Container> = peers.iter().chain([&founder]).collect();
    let since = wait_together(all.into_iter(), 7);
    founder.kill();
    let left: Vec<&Container> = peers.iter().collect();
    let without = |round: &spirt_tests::observe::Round| round.roster == 6 && round.n_kept() == 6;
    let rounds = left
        .iter()
        .map(|node| node.wait_round(since, "six are left", without).round);
    let last = rounds.max().expect("there are nodes");
    let together = agree(&left, since, last - since + 5);
    assert!(together.len() as u64 >= last - since + 5, "{together:?}");
    no_round_lost(&left, since);
}
