//! Containers: the image and the compose file as they are delivered.

mod chaos;
mod scenarios;

use spirt_tests::cluster::Cluster;
use spirt_tests::host::Host;

#[test]
fn seven_containers_become_healthy_and_hold_one_model() {
    let swarm = Cluster::on(
        Host::Compose,
        7,
        "--max-byzantine 1 --min-peers 3 --pace 250ms",
    );
    let all = [0, 1, 2, 3, 4, 5, 6];
    let containers: Vec<_> = all.iter().map(|node| swarm[*node].container()).collect();
    swarm.compose().wait_healthy(&containers);
    let since = swarm.wait_together(&all).round;
    swarm.agree(&all, since, 5);
    swarm.no_round_lost(&all, since);
    for node in all {
        let status = swarm[node].status();
        assert_eq!(
            (status.state.as_str(), status.roster),
            ("training", 7),
            "{status:?}"
        );
        // The model before a round is the one after the round before.
        let before = swarm[0].wait_round(status.round - 1, "it is over", |_| true);
        assert_eq!(status.model.as_ref(), Some(&before.model), "{status:?}");
    }
}

#[test]
fn docker_stop_is_a_goodbye() {
    let mut swarm = Cluster::on(
        Host::Compose,
        4,
        "--max-byzantine 1 --min-peers 3 --pace 250ms",
    );
    let gone = swarm[3].peer().to_owned();
    swarm[3].leave();
    assert_eq!(swarm[3].wait_exit(), Some(0));
    let since = swarm[0]
        .wait_round(0, "three are left", |round| {
            round.roster == 3 && round.verdict(&gone).is_none()
        })
        .round;
    swarm.agree(&[0, 1, 2], since, 3);
    swarm.no_round_lost(&[0, 1, 2], since);
}
