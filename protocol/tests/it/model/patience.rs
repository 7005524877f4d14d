//! How long peers wait for each other follows what their transfers take.

use std::sync::Arc;

use spirt_protocol::{Event, Output, RoundRecord, Time};

use crate::forge::{Key, spec};
use crate::swarm::{Seen, Swarm, millis};

/// The rounds that a peer agreed on between two times.
fn rounds(swarm: &Swarm, peer: usize, from: Time, until: Time) -> Vec<RoundRecord> {
    let seen = swarm.seen.iter().filter_map(|(at, who, seen)| match seen {
        Seen::Output(Output::Notify(Event::Agreed(record)))
            if *who == peer && (from..until).contains(at) =>
        {
            Some(record.clone())
        }
        _ => None,
    });
    seen.collect()
}

/// Whether all five contributed, and nobody had to hear of anything from others.
fn at_once(record: &RoundRecord) -> bool {
    record.contributors.len() == 5 && record.attempts == 0
}

/// The transfers of all but one begin to take longer than anybody has learned to wait, and that one is enough to go on
/// with. The others see them come too late, and wait for them in later rounds.
#[test]
fn payloads_that_take_longer_from_now_on_are_waited_for_after_a_few_rounds() {
    let mut swarm = Swarm::new(&["A", "B", "C", "D", "E"], spec(Key::of("A").peer()));
    let spec = Arc::make_mut(&mut swarm.spec);
    (spec.inline_max, spec.min_peers, spec.min_inputs) = (0, 2, 2);
    swarm.compute = Some(100);
    let state = swarm.state(0, &[0, 1, 2, 3, 4], b"model");
    for peer in 0..5 {
        swarm.start(peer, vec![state.clone()], true);
    }
    let [learned, slow, end] = [500, 20_000, 30_000].map(|ms| Time(millis(ms)));
    swarm.run_until(learned);
    let before = rounds(&swarm, 1, Time::default(), learned);
    assert!(
        before.len() >= 3 && before.iter().all(at_once),
        "{before:?}"
    );
    swarm.transfers = [(1, 900), (2, 900), (3, 900), (4, 900)].into();
    swarm.run_until(end);
    let after = rounds(&swarm, 1, slow, end);
    assert!(after.len() >= 5 && after.iter().all(at_once), "{after:?}");
}
