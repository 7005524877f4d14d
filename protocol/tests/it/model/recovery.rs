//! Who falls behind comes back.

use spirt_protocol::{Output, PeerId, Round, Time};

use crate::forge::{Key, spec};
use crate::swarm::{Link, Seen, Swarm, millis};

const NAMES: [&str; 5] = ["A", "B", "C", "D", "E"];

fn at(ms: u64) -> Time {
    Time(millis(ms))
}

/// Five peers whose rounds take a tenth of a second, a third of an attempt.
fn swarm() -> Swarm {
    let mut swarm = Swarm::new(&NAMES, spec(Key::of("A").peer()));
    swarm.compute = Some(20);
    let state = swarm.state(0, &[0, 1, 2, 3, 4], b"model");
    for peer in 0..5 {
        swarm.start(peer, vec![state.clone()], true);
    }
    swarm
}

/// Cuts one off for a while, and says how long it takes to count again.
fn cut_off(swarm: &mut Swarm, from: u64, until: u64) -> u64 {
    swarm.run_until(at(from));
    for other in 0..4 {
        swarm.part(4, other);
    }
    swarm.run_until(at(until));
    for other in 0..4 {
        swarm.unite(4, other);
    }
    let me: PeerId = swarm.peers[4].key.peer();
    let counts = |swarm: &Swarm| {
        swarm
            .machine(0)
            .state()
            .is_some_and(|state| state.lists(&me))
    };
    assert!(!counts(swarm), "the others go on without it");
    let back = (until..until + 60_000).step_by(50).find(|now| {
        swarm.run_until(at(*now));
        counts(swarm) && swarm.machine(4).is_member()
    });
    back.expect("within a minute") - until
}

#[test]
fn a_node_that_was_cut_off_counts_again_within_seconds() {
    let mut swarm = swarm();
    let took = cut_off(&mut swarm, 500, 9_000);
    assert!(took <= 5_000, "it took {took} ms");
}

#[test]
fn rounds_faster_than_an_attempt_leave_nobody_behind_for_good() {
    for seed in 0..8 {
        let mut swarm = swarm();
        swarm.delay = (5, 60);
        swarm.dice.0 = seed;
        let took = cut_off(&mut swarm, 500 + 37 * seed, 9_000);
        assert!(took <= 10_000, "seed {seed}: it took {took} ms");
    }
}

/// Runs until a peer is in a round, and fails if it is not there in time.
fn run_to(swarm: &mut Swarm, peer: usize, round: u64, until: u64) {
    let here = |swarm: &Swarm| swarm.machine(peer).round() == Round(round);
    let arrived = (0..until).step_by(10).any(|ms| {
        swarm.run_until(at(ms));
        here(swarm)
    });
    assert!(
        arrived,
        "peer {peer} is not in round {round} after {until} ms"
    );
}

/// A, B and C end the round without D, for which they keep its payloads. B and C lose all but the state before it, and
/// so A, alone in the next one, goes back to them.
#[test]
fn who_goes_back_keeps_the_payloads_that_somebody_may_lack() {
    let mut swarm = Swarm::new(&NAMES[..4], spec(Key::of("A").peer()));
    std::sync::Arc::make_mut(&mut swarm.spec).inline_max = 0;
    swarm.compute = Some(20);
    let state = swarm.state(0, &[0, 1, 2, 3], b"model");
    for peer in 0..4 {
        swarm.start(peer, vec![state.clone()], true);
    }
    for other in 0..3 {
        swarm.part(3, other);
    }
    run_to(&mut swarm, 0, 1, 20_000);
    let kept = swarm.machine(0).kept_payloads();
    assert!(kept.len() >= 3, "D may come and ask: {kept:?}");
    for peer in [1, 2] {
        swarm.stop(peer, true);
    }
    for peer in [1, 2] {
        swarm.start(peer, vec![state.clone()], false);
    }
    run_to(&mut swarm, 0, 0, 60_000);
    assert!(swarm.machine(0).kept_payloads().is_superset(&kept));
}

/// A swarm that stopped while a round ended: some saved the state after it, some the one before. Nobody has its frames.
#[test]
fn peers_that_start_again_a_round_apart_do_not_wait_for_a_round_that_is_over() {
    for ahead in 1..3 {
        let names = &NAMES[..3];
        let mut swarm = Swarm::new(names, spec(Key::of("A").peer()));
        swarm.compute = Some(20);
        let before = swarm.state(24, &[0, 1, 2], b"before");
        let after = swarm.state(25, &[0, 1, 2], b"after");
        for peer in 0..3 {
            let saved = if peer < ahead { &after } else { &before };
            swarm.start(peer, vec![saved.clone()], true);
        }
        let attempts = 3 * swarm.spec.timing.attempt();
        swarm.run_until(Time(attempts));
        for (peer, name) in names.iter().enumerate() {
            let state = swarm.machine(peer).state().expect("it resumed");
            let saved = before.round;
            assert!(
                state.round > saved,
                "{ahead} are ahead: {name} is in round {:?}",
                state.round
            );
        }
    }
}

/// C asks A and B for the state of the run, and A never answers. On B's word alone nothing is taken over.
#[test]
fn one_that_never_answers_is_not_waited_for_again_and_again() {
    let mut swarm = Swarm::new(&NAMES[..3], spec(Key::of("A").peer()));
    let (first, later) = (
        swarm.state(0, &[0, 1], b"first"),
        swarm.state(9, &[0, 1], b"later"),
    );
    for peer in 0..2 {
        swarm.start(peer, vec![later.clone()], true);
    }
    swarm.links.insert((0, 2), Link::Drop);
    swarm.start(2, vec![first], false);
    let attempt = swarm.spec.timing.attempt();
    swarm.run_until(Time(attempt * 5));
    let asked = |whom: usize| -> Vec<Time> {
        let query = Output::Query(swarm.peers[whom].key.peer());
        let asked = swarm.seen.iter().filter_map(|(at, peer, seen)| match seen {
            Seen::Output(output) if *peer == 2 && *output == query => Some(*at),
            _ => None,
        });
        asked.collect()
    };
    assert!(asked(0).len() <= 6, "one question in an attempt");
    let asked = asked(1);
    let waits: Vec<_> = asked
        .windows(2)
        .map(|pair| pair[1].since(pair[0]))
        .collect();
    let (first, later) = waits.split_at(3);
    assert!(
        first.iter().all(|wait| *wait == attempt),
        "it may be slow: {waits:?}"
    );
    assert!(
        later.iter().all(|wait| *wait < attempt / 2),
        "it is silent: {waits:?}"
    );
    assert!(later.len() > 3, "and goes on asking: {waits:?}");
}

/// C, D and E stand at the first state while A and B train, and hear of them only when these are far beyond it. They are more
/// than A and B, who no longer vouch for a state that all know.
#[test]
fn newcomers_do_not_keep_each_other_back_though_they_outnumber_the_members() {
    let mut swarm = Swarm::new(&NAMES, spec(Key::of("A").peer()));
    let spec = std::sync::Arc::make_mut(&mut swarm.spec);
    (spec.max_byzantine, spec.min_peers, spec.min_inputs) = (0, 2, 2);
    swarm.compute = Some(20);
    let first = swarm.state(0, &[0, 1], b"model");
    for newcomer in 2..5 {
        for member in 0..2 {
            swarm.part(newcomer, member);
        }
    }
    for peer in 0..5 {
        swarm.start(peer, vec![first.clone()], peer < 2);
    }
    swarm.run_until(at(3_000));
    assert!(
        swarm.machine(0).round() > Round(2 * 8),
        "far beyond the first state"
    );
    for newcomer in 2..5 {
        assert_eq!(swarm.machine(newcomer).round(), Round(0));
        for member in 0..2 {
            swarm.unite(newcomer, member);
        }
    }
    let attempts = swarm.spec.timing.attempt() * 10;
    assert!(attempts < swarm.spec.timing.collect_max());
    swarm.run_until(at(3_000) + attempts);
    for (newcomer, name) in NAMES.iter().enumerate().skip(2) {
        assert!(swarm.machine(newcomer).is_member(), "{name} is not in");
    }
}

/// Says how many rounds the members go on without a newcomer that starts at `from` and fetches states as slowly as the
/// swarm says.
fn rounds_until_in(swarm: &mut Swarm, from: u64) -> u64 {
    swarm.run_until(at(from));
    let began = swarm.machine(0).round();
    let first = swarm.state(0, &[0, 1, 2, 3], b"model");
    swarm.start(4, vec![first], false);
    let is_in = |swarm: &Swarm| swarm.machine(4).is_member();
    let arrived = (from..from + 20_000).step_by(10).any(|now| {
        swarm.run_until(at(now));
        is_in(swarm)
    });
    assert!(arrived, "E is never in");
    swarm.machine(0).round().0 - began.0
}

/// By the time E has a state, the members are some rounds further, and what they said there came too early for it.
#[test]
fn a_newcomer_whose_state_takes_several_rounds_to_come_is_soon_in() {
    for seed in 0..16 {
        let mut swarm = Swarm::new(&NAMES, spec(Key::of("A").peer()));
        std::sync::Arc::make_mut(&mut swarm.spec).timing.pace = 0;
        swarm.compute = Some(100);
        swarm.delay = (2, 12);
        swarm.dice.0 = seed;
        swarm.fetch = 200 + 25 * seed;
        let state = swarm.state(0, &[0, 1, 2, 3], b"model");
        for peer in 0..4 {
            swarm.start(peer, vec![state.clone()], true);
        }
        let rounds = rounds_until_in(&mut swarm, 1_000 + 17 * seed);
        // A round takes some milliseconds more than the arithmetic.
        let most = 4 + swarm.fetch / 100;
        assert!(rounds <= most, "seed {seed}: {rounds} rounds, not {most}");
    }
}
