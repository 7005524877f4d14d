//! Agreement: all honest machines decide the same set, whatever up to f liars seal (Dolev and
//! Strong, 1983), as long as messages arrive in time.
//!
//! The liars of these tests say anything to anybody at any time; what an honest machine hears, all
//! hear within [`DELAY`], because gossip passes it on.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use spirt_protocol::{Digest, Event, Message, Output, Round, RoundRecord, Seal, StateId, Time};

use crate::forge::{header, seal_body, spec};
use crate::swarm::{Dice, Link, Seen, Swarm, millis};

/// Longest time of a message, in milliseconds: a quarter of an attempt. Attempts start at a node
/// up to half an attempt after another's, and what it then says must arrive before they end.
const DELAY: u64 = 75;
/// When collecting ends if somebody is missing: `collect_max`.
const SEALED: u64 = 5_000;

const NAMES: [&str; 15] = [
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O",
];

/// One thing that a liar says.
#[derive(Debug, Clone)]
struct Lie {
    /// Milliseconds.
    at: u64,
    liar: usize,
    says: Says,
    /// Bits: to which honest peers.
    to: u8,
}

#[derive(Debug, Clone)]
enum Says {
    /// A contribution, of so many that it has ready.
    Contribution(u8),
    /// A seal: bits choose among all contributions that are known so far.
    Seal(u8, u32),
    Leave,
}

/// `n` peers of which the last `f` are liars, a roster of all, round 0 about to begin.
fn swarm(n: usize, f: usize, liars: usize, compute: Option<u64>) -> Swarm {
    let mut swarm = Swarm::new(&NAMES[..n], spec(crate::forge::Key::of("A").peer()));
    let spec = std::sync::Arc::make_mut(&mut swarm.spec);
    spec.max_byzantine = f as u16;
    spec.max_faulty = f as u16;
    spec.min_peers = (n - f) as u16;
    spec.min_inputs = spec.min_peers;
    swarm.gossip = true;
    swarm.compute = compute;
    swarm.delay = (1, DELAY);
    let roster: Vec<usize> = (0..n).collect();
    let state = swarm.state(0, &roster, b"model");
    for honest in 0..n - liars {
        swarm.start(honest, vec![state.clone()], true);
    }
    swarm
}

fn at(ms: u64) -> Time {
    Time(millis(ms))
}

/// Lets a liar speak now.
fn tell(swarm: &mut Swarm, liar: usize, message: Message, body: &[u8], to: &[usize]) -> Digest {
    let key = swarm.peers[liar].key.clone();
    let frame = key
        .say((swarm.spec.id(), 1, 0), message, body)
        .expect("well formed");
    for peer in to {
        swarm.deliver(&frame, *peer, swarm.now);
    }
    frame.digest()
}

fn first_state(swarm: &Swarm) -> StateId {
    let roster: Vec<usize> = (0..swarm.peers.len()).collect();
    swarm.state(0, &roster, b"model").id()
}

fn contribute(swarm: &mut Swarm, liar: usize, label: &str, to: &[usize]) -> Digest {
    let body = swarm.payload(liar, Round(0), label);
    let message = header(first_state(swarm));
    tell(swarm, liar, message, &body, to)
}

fn seal(swarm: &mut Swarm, liar: usize, attempt: u8, entries: &[Digest], to: &[usize]) -> Digest {
    tell(
        swarm,
        liar,
        Message::Seal(Seal { view: 0, attempt }),
        &seal_body(entries),
        to,
    )
}

/// The contributions that honest peers published so far, by author.
fn published(swarm: &Swarm) -> BTreeMap<usize, Digest> {
    let frames = swarm.seen.iter().filter_map(|(_, peer, seen)| match seen {
        Seen::Output(Output::Publish(frame)) => Some((*peer, frame)),
        _ => None,
    });
    let contributions = frames.filter(|(_, f)| matches!(f.message(), Message::Contribution(_)));
    contributions
        .map(|(peer, frame)| (peer, frame.digest()))
        .collect()
}

/// What each peer decided for round 0, and the state that it went on from.
fn decisions(swarm: &Swarm) -> BTreeMap<usize, (RoundRecord, Option<StateId>)> {
    let mut decided = BTreeMap::new();
    for (_, peer, seen) in &swarm.seen {
        match seen {
            Seen::Output(Output::Notify(Event::Agreed(record))) if record.round == Round(0) => {
                decided.entry(*peer).or_insert((record.clone(), None));
            }
            Seen::Output(Output::Notify(Event::Started { round, state, .. }))
                if *round == Round(1) =>
            {
                if let Some((_, after)) = decided.get_mut(peer) {
                    after.get_or_insert(*state);
                }
            }
            _ => {}
        }
    }
    decided
}

/// All honest peers end round 0, and with the same state.
fn assert_agreed(swarm: &Swarm, honest: usize) {
    let decided = decisions(swarm);
    let all: Vec<usize> = decided.keys().copied().collect();
    assert_eq!(all, (0..honest).collect::<Vec<_>>(), "not all decided");
    let states: Vec<_> = decided.values().map(|(_, state)| *state).collect();
    let same = states.windows(2).all(|pair| pair[0] == pair[1]);
    assert!(same && states[0].is_some(), "apart: {decided:#?}");
}

fn lie() -> impl Strategy<Value = Lie> {
    // Most of what can go wrong goes wrong around the borders of the attempts.
    let border =
        (0_u64..6, -40_i64..90).prop_map(|(k, off)| (SEALED + 300 * k).saturating_add_signed(off));
    let time = prop_oneof![1 => 30_u64..SEALED, 6 => border, 2 => SEALED..SEALED + 1_500];
    let says = prop_oneof![
        3 => (0_u8..2).prop_map(Says::Contribution),
        6 => (1_u8..=3, any::<u32>()).prop_map(|(attempt, mask)| Says::Seal(attempt, mask)),
        1 => Just(Says::Leave),
    ];
    (time, 0_usize..2, says, any::<u8>()).prop_map(|(at, liar, says, to)| Lie {
        at,
        liar,
        says,
        to,
    })
}

fn play(n: usize, f: usize, mut lies: Vec<Lie>, dice: u64) -> Swarm {
    let mut swarm = swarm(n, f, f, Some(20));
    swarm.dice = Dice(dice);
    let honest = n - f;
    if dice.is_multiple_of(3) {
        // What it contributes breaks the spec, so that nobody seals it but itself.
        swarm.bad.insert(honest);
    }
    lies.sort_by_key(|lie| lie.at);
    let mut own: Vec<Digest> = Vec::new();
    for lie in lies {
        swarm.run_until(at(lie.at));
        let liar = honest + lie.liar % f;
        let to: Vec<usize> = (0..honest).filter(|i| lie.to >> i & 1 == 1).collect();
        match lie.says {
            Says::Contribution(label) => {
                let said = contribute(&mut swarm, liar, &label.to_string(), &to);
                own.push(said);
            }
            Says::Seal(attempt, mask) => {
                let known: Vec<_> = published(&swarm).into_values().chain(own.clone()).collect();
                // Honest contributions are left out less often, or nobody would be misled.
                let named =
                    |i: &usize| *i < honest && mask >> (i + 16) & 3 != 0 || mask >> i & 1 == 1;
                let entries: Vec<_> = (0..known.len().min(16))
                    .filter(named)
                    .map(|i| known[i])
                    .collect();
                seal(&mut swarm, liar, attempt, &entries, &to);
            }
            Says::Leave => {
                tell(&mut swarm, liar, Message::Leave, b"", &to);
            }
        }
    }
    swarm.run_until(at(SEALED + 4_000));
    swarm
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn all_honest_peers_decide_alike_with_one_liar(
        n in 4_usize..=7,
        lies in prop::collection::vec(lie(), 0..14),
        dice in any::<u64>(),
    ) {
        let swarm = play(n, 1, lies, dice);
        assert_agreed(&swarm, n - 1);
    }

    #[test]
    fn all_honest_peers_decide_alike_with_two_liars(
        lies in prop::collection::vec(lie(), 0..20),
        dice in any::<u64>(),
    ) {
        let swarm = play(7, 2, lies, dice);
        assert_agreed(&swarm, 5);
    }
}

#[test]
fn a_late_second_first_seal_does_not_part_the_honest() {
    let mut swarm = swarm(7, 2, 2, Some(20));
    swarm.delay = (10, 10);
    let (held_back, double) = (5, 6);
    swarm.run_until(at(200));
    let mut everybodys: Vec<_> = published(&swarm).into_values().collect();
    everybodys.push(contribute(&mut swarm, double, "", &[0, 1, 2, 3, 4]));
    // All but `held_back` are in; at the deadline the honest seal, and soon the attempts start.
    let last_moment = SEALED + 310 - 5;
    swarm.run_until(at(last_moment));
    let extra = contribute(&mut swarm, held_back, "", &[1]);
    let with_extra = [&everybodys[..], &[extra]].concat();
    seal(&mut swarm, held_back, 1, &everybodys, &[0]);
    seal(&mut swarm, double, 1, &everybodys, &[0]);
    seal(&mut swarm, double, 1, &with_extra, &[1]);
    swarm.run_until(at(SEALED + 4_000));
    assert_agreed(&swarm, 5);
}

#[test]
fn a_first_seal_given_to_one_alone_does_not_part_the_honest() {
    // Two of thirteen honest peers hold the liar's contribution in time; its first seal is the third that names it,
    // and one peer has that. Gossip passes nothing on: what was asked for does not come by gossip.
    let mut swarm = swarm(15, 2, 2, Some(20));
    swarm.gossip = false;
    swarm.delay = (10, 10);
    let liar = 13;
    swarm.run_until(at(200));
    let mut everybodys: Vec<_> = published(&swarm).into_values().collect();
    swarm.run_until(at(SEALED - 20));
    everybodys.push(contribute(&mut swarm, liar, "", &[0, 1]));
    swarm.run_until(at(SEALED + 200));
    seal(&mut swarm, liar, 1, &everybodys, &[0]);
    swarm.run_until(at(SEALED + 6_000));
    assert_agreed(&swarm, 13);
}

#[test]
fn a_goodbye_in_the_last_moment_does_not_part_the_honest() {
    let mut swarm = swarm(5, 1, 0, None);
    swarm.delay = (10, 10);
    for peer in 0..4 {
        swarm.gradient(peer);
    }
    // The contribution of the fifth reaches one peer before the deadline, the others after it.
    swarm.run_until(at(SEALED - 5));
    swarm.gradient(4);
    let late = swarm.seen.iter().rev().find_map(|(_, _, seen)| match seen {
        Seen::Output(Output::Publish(frame)) if frame.round() == Round(0) => {
            match frame.message() {
                Message::Contribution(_) => Some(frame.clone()),
                _ => None,
            }
        }
        _ => None,
    });
    swarm.deliver(&late.expect("was published"), 1, at(SEALED - 4));
    // That one sealed it, alone; and leaves just before the others count its seal.
    swarm.run_until(at(SEALED + 295));
    swarm.links.insert((1, 2), Link::Drop);
    swarm.links.insert((1, 3), Link::Drop);
    swarm.input(1, spirt_protocol::Input::Leave);
    swarm.run_until(at(SEALED + 4_000));
    let decided = decisions(&swarm);
    let states: BTreeSet<_> = [0, 2, 3, 4].map(|peer| decided[&peer].1).into();
    assert_eq!(states.len(), 1, "apart: {decided:#?}");
}

#[test]
fn a_contribution_at_the_edge_of_the_deadline_does_not_part_its_author() {
    let mut swarm = swarm(4, 1, 0, None);
    swarm.delay = (10, 10);
    for peer in 0..3 {
        swarm.gradient(peer);
    }
    // It arrives within a thirtieth of an attempt, yet everybody has sealed by then.
    swarm.run_until(at(SEALED - 5));
    swarm.gradient(3);
    swarm.run_until(at(SEALED + 4_000));
    assert_agreed(&swarm, 4);
}

#[test]
fn a_peer_that_forgot_its_contribution_counts_it_like_the_others() {
    let mut swarm = swarm(4, 1, 0, None);
    swarm.delay = (10, 10);
    swarm.run_until(at(100));
    swarm.gradient(3);
    swarm.run_until(at(150));
    swarm.stop(3, true);
    swarm.run_until(at(200));
    let state = swarm.state(0, &[0, 1, 2, 3], b"model");
    swarm.start(3, vec![state], false);
    swarm.run_until(at(300));
    for peer in 0..3 {
        swarm.gradient(peer);
    }
    swarm.run_until(at(SEALED + 4_000));
    assert_agreed(&swarm, 4);
}

/// A liar's contribution reaches two: one that seals with the others, and one that is cut off until these are about to
/// conclude. Its own seal would be the second that names the contribution, but it comes too late to count for them.
#[test]
fn a_seal_that_comes_too_late_for_the_others_does_not_count_for_its_author_either() {
    let mut swarm = swarm(6, 1, 1, Some(20));
    swarm.delay = (10, 10);
    let (late, liar) = (4, 5);
    swarm.run_until(at(60));
    for other in 0..late {
        swarm.part(late, other);
    }
    contribute(&mut swarm, liar, "", &[late]);
    swarm.run_until(at(SEALED - 5));
    contribute(&mut swarm, liar, "", &[3]);
    swarm.run_until(at(SEALED));
    let honest: Vec<_> = published(&swarm).into_values().collect();
    seal(&mut swarm, liar, 1, &honest, &[0, 1, 2, 3]);
    swarm.run_until(at(SEALED + 350));
    for other in 0..late {
        swarm.unite(late, other);
    }
    swarm.run_until(at(SEALED + 6_000));
    let decided = decisions(&swarm);
    let states: BTreeSet<_> = decided.values().map(|(_, state)| *state).collect();
    assert_eq!(states.len(), 1, "apart: {decided:#?}");
    let stands = |peer: usize| swarm.machine(peer).state().map(|state| state.round);
    assert!(
        stands(late) > Some(Round(0)),
        "it goes on with the others: {:?}",
        stands(late)
    );
}
