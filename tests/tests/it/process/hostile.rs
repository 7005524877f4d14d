//! Peers that lie, and strangers that shout.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use spirt_tests::cluster::{Cluster, PATIENT};
use spirt_tests::observe::{Round, rounds};

/// Five nodes, the last of which plays `attack`; no round ends with fewer than `least`.
fn with_liar(attack: &str, least: usize) -> Cluster {
    let options = format!("--max-byzantine 1 --min-peers {least} {PATIENT}");
    let mut swarm = Cluster::found(&options);
    for _ in 1..4 {
        swarm.join(0, "");
    }
    swarm.join(0, &format!("--attack {attack}"));
    swarm
}

#[test]
fn a_sign_flipper_among_five_is_dropped_and_the_model_learns() {
    // All five from the first update on: later, honest gradients are hardly more than noise.
    let swarm = with_liar("sign-flip", 5);
    let honest = [0, 1, 2, 3];
    let liar = swarm[4].peer().to_owned();
    let since = swarm[0]
        .wait_round(0, "there are five", |round| round.verdicts.len() == 5)
        .round;
    let learnt = |round: &Round| round.accuracy >= Some(0.9);
    for node in honest {
        swarm[node].wait_round(since + 15, "the accuracy is 0.9", learnt);
    }
    swarm.agree(&honest, since, 1);
    swarm.no_round_lost(&honest, since);
    let events = swarm[0].events();
    let mut verdicts: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    for round in rounds(&events)
        .filter(|round| round.round >= since)
        .take(10)
    {
        *verdicts.entry(round.verdict(&liar)).or_default() += 1;
    }
    assert!(
        verdicts.get(&Some("dropped")) >= Some(&8),
        "verdicts on the liar: {verdicts:?}"
    );
}

#[test]
fn a_contribution_of_nan_is_named_and_changes_nothing() {
    let swarm = with_liar("nan", 4);
    let honest = [0, 1, 2, 3];
    let liar = swarm[4].peer().to_owned();
    for node in honest {
        let named = |round: &Round| round.verdict(&liar) == Some("bad-payload");
        swarm[node].wait_round(0, "the liar is named", named);
    }
    let since = swarm.wait_together(&honest).round;
    let learnt = |round: &Round| round.accuracy >= Some(0.9);
    for node in honest {
        swarm[node].wait_round(since + 10, "the accuracy is 0.9", learnt);
    }
    swarm.agree(&honest, since, 5);
    swarm.no_round_lost(&honest, since);
    let events = swarm[0].events();
    let kept = rounds(&events).find(|round| round.kept(&liar));
    assert_eq!(kept, None, "no update holds a value of the liar");
}

/// Sends bytes that are no protocol to `addr`, on one connection after another, until told to end.
fn shout(addr: SocketAddr, seed: u64, end: &AtomicBool, sent: &AtomicU64) {
    let mut state = seed;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    while !end.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect(addr).expect("the node still listens");
        let length = random() % 65536;
        let mut bytes: Vec<u8> = (0..length).map(|_| random().to_le_bytes()[0]).collect();
        if random() % 2 == 0 {
            // A line as the other side expects it first, so that it reads on.
            bytes.splice(0..0, *b"\x13/multistream/1.0.0\n");
        }
        // It may hang up on us at any byte.
        let _ = stream.write_all(&bytes);
        sent.fetch_add(length, Ordering::Relaxed);
    }
}

#[test]
fn random_bytes_to_the_port_neither_stop_a_run_nor_fill_the_memory() {
    let swarm = Cluster::of(3, &format!("--min-peers 3 {PATIENT}"));
    let since = swarm.wait_together(&[0, 1, 2]).round;
    let (end, sent) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let addr = swarm[0].tcp_addr();
    let shouters: Vec<_> = (1..=4)
        .map(|seed: u64| {
            let (end, sent) = (Arc::clone(&end), Arc::clone(&sent));
            thread::spawn(move || {
                shout(addr, seed.wrapping_mul(0x9E37_79B9_7F4A_7C15), &end, &sent)
            })
        })
        .collect();
    swarm.agree(&[0, 1, 2], since, 20);
    let status = swarm[0].status();
    end.store(true, Ordering::Relaxed);
    for shouter in shouters {
        shouter.join().expect("the node took all connections");
    }
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent > 4_000_000, "only {sent} bytes were sent");
    let resident = status.rss_bytes.expect("Linux tells");
    assert!(resident < 200_000_000, "{resident} bytes are resident");
    swarm.no_round_lost(&[0, 1, 2], since);
}
