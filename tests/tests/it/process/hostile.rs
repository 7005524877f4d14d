//! Peers that lie, and strangers that shout.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use spirt_tests::cluster::Cluster;
use spirt_tests::observe::{Round, rounds};

/// Five nodes, the last of which plays `attack`.
fn with_liar(attack: &str) -> Cluster {
    let mut swarm = Cluster::found("--max-byzantine 1 --min-peers 4 --pace 20ms");
    for _ in 1..4 {
        swarm.join(0, "");
    }
    swarm.join(0, &format!("--attack {attack}"));
    swarm
}

#[test]
fn a_sign_flipper_among_five_is_dropped_and_the_model_learns() {
    let swarm = with_liar("sign-flip");
    let honest = [0, 1, 2, 3];
    let liar = swarm[4].peer().to_owned();
    let dropped = |round: &Round| round.verdict(&liar) == Some("dropped");
    let since = swarm[0].wait_round(0, "the liar is dropped", dropped).round;
    let learnt = |round: &Round| round.accuracy >= Some(0.9);
    for node in honest {
        swarm[node].wait_round(since + 20, "the accuracy is 0.9", learnt);
    }
    swarm.agree(&honest, since, 5);
    swarm.no_round_lost(&honest, since);
    let events = swarm[0].events();
    // With all five on time; a machine under load may leave out an honest one, and the rule sees
    // less of a difference among four.
    let all_there = |round: &&Round| {
        honest.iter().all(|node| round.kept(swarm[*node].peer())) && round.verdicts.len() == 5
    };
    let mut of_the_liar: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    for round in rounds(&events).filter(all_there) {
        *of_the_liar.entry(round.verdict(&liar)).or_default() += 1;
    }
    let kept = of_the_liar.get(&Some("kept")).copied().unwrap_or_default();
    let dropped = of_the_liar
        .get(&Some("dropped"))
        .copied()
        .unwrap_or_default();
    assert!(
        dropped > 0 && kept * 10 <= dropped,
        "verdicts on the liar: {of_the_liar:?}"
    );
}

#[test]
fn a_contribution_of_nan_is_named_and_changes_nothing() {
    let swarm = with_liar("nan");
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
    let swarm = Cluster::of(3, "--min-peers 3 --pace 20ms");
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
    swarm.agree(&[0, 1, 2], since, 50);
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
