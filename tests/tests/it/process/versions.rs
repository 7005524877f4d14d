//! Peers of two versions of the wire format: each refuses the other by name, and nobody is harmed.

use spirt_tests::cluster::{Cluster, PATIENT};
use spirt_tests::host::command::{Finished, command};

/// Starts a node that joins through this address, and waits for its end.
fn join(address: &str, options: &[&str]) -> Finished {
    let listen = ["--ephemeral", "--listen", "/ip4/127.0.0.1/tcp/0"];
    let mut node = command(listen);
    Finished::of(node.args(["--bootstrap", address]).args(options))
}

fn is_refused(finished: &Finished, theirs: &str, ours: &str) {
    assert_eq!(finished.code, Some(4), "{finished}");
    let why = format!("speaks wire version {theirs}, this build speaks {ours}");
    assert!(finished.stderr.contains(&why), "{finished}");
    assert!(finished.stderr.contains("hint: update"), "{finished}");
}

#[test]
fn a_peer_of_an_older_version_is_refused_and_the_others_lose_nothing() {
    let swarm = Cluster::of(3, &format!("--max-byzantine 1 --min-peers 3 {PATIENT}"));
    let since = swarm.wait_together(&[0, 1, 2]).round;
    let old = join(swarm[0].join(), &["--attack", "old-wire"]);
    is_refused(&old, "1", "0");
    swarm.agree(&[0, 1, 2], since, 5);
    swarm.no_round_lost(&[0, 1, 2], since);
}

#[test]
fn of_two_bootstrap_peers_the_one_of_an_older_version_is_named_and_left_alone() {
    let old = Cluster::found("--attack old-wire --pace 250ms");
    let mut swarm = Cluster::of(2, &format!("--min-peers 2 {PATIENT}"));
    let joiner = swarm.join(0, &format!("--bootstrap {}", old[0].join()));
    swarm[joiner].wait_log("the refusal", |line| {
        let refused = "refused a peer that speaks wire version 0: this build speaks 1";
        (line.contains(refused) && line.contains(old[0].peer())).then_some(())
    });
    swarm.wait_together(&[0, 1, joiner]);
}

#[test]
fn a_joiner_refuses_a_run_of_an_older_version() {
    let old = Cluster::found("--attack old-wire --pace 250ms");
    is_refused(&join(old[0].join(), &[]), "0", "1");
    old[0].wait_rounds(2);
}
