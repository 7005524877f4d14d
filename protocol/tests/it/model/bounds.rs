//! What a peer can make a machine keep: a flooding author, a crowd of strangers.

use spirt_protocol::{
    Digest, Input, Join, MAX_PEERS, Membership, Message, Offence, Output, Reception, Round,
    RunSpec, Seal, Time, Vouched,
};

use crate::forge::{Key, encode, evidence, header, seal_body, spec};
use crate::swarm::{Seen, Swarm, millis};

/// Four members, of which the last has no machine; round 0 is under way.
fn swarm() -> Swarm {
    let mut swarm = Swarm::new(&["A", "B", "C", "L"], spec(Key::of("A").peer()));
    let state = swarm.state(0, &[0, 1, 2, 3], b"model");
    swarm.start(0, vec![state], true);
    swarm
}

/// Lets a key say something to the machine.
fn tell(
    swarm: &mut Swarm,
    key: &Key,
    place: (u64, u64),
    message: Message,
    body: &[u8],
) -> Reception {
    let (session, round) = place;
    let frame = key
        .say((swarm.spec.id(), session, round), message, body)
        .expect("well formed");
    swarm.deliver(&frame, 0, swarm.now);
    swarm.run_until(swarm.now);
    let heard = swarm.seen.iter().rev().find_map(|(.., seen)| match seen {
        Seen::Heard(_, reception) => Some(*reception),
        Seen::Output(_) => None,
    });
    heard.expect("was delivered")
}

fn kept(swarm: &Swarm, round: u64) -> usize {
    swarm.machine(0).frames(Round(round)).count()
}

fn flood(swarm: &mut Swarm, round: u64) {
    let liar = Key::of("L");
    let parent = swarm.machine(0).state_id().expect("a member has a state");
    let run = swarm.spec.id();
    for i in 0..60_u64 {
        let bytes = i.to_le_bytes();
        tell(swarm, &liar, (i / 3, round), header(parent), &bytes);
        let body = seal_body(&[Digest::of(&bytes)]);
        tell(
            swarm,
            &liar,
            (i / 3, round),
            Message::Seal(Seal {
                view: 0,
                attempt: 1,
            }),
            &body,
        );
        tell(swarm, &liar, (i, round), Message::Leave, b"");
        let joiner = Key::of(&i.to_string());
        let join = joiner.frame((run, 1, round), Message::Join(Join { nonce: 1 }), b"");
        tell(swarm, &liar, (1, round), Message::Admit, &join);
        let lie =
            |body: &[u8]| joiner.sign(&joiner.envelope((run, 1, round), header(parent), body));
        tell(
            swarm,
            &liar,
            (1, round),
            Message::Accuse,
            &evidence(&lie(b"1"), &lie(b"2")),
        );
    }
}

#[test]
fn a_flooding_member_is_kept_to_a_few_dozen_frames_and_reported() {
    let mut swarm = swarm();
    flood(&mut swarm, 0);
    assert!(kept(&swarm, 0) <= 64, "{}", kept(&swarm, 0));
    let flood = Output::Report(Key::of("L").peer(), Offence::Flood);
    let reported =
        |(.., seen): &(Time, usize, Seen)| matches!(seen, Seen::Output(o) if *o == flood);
    assert!(swarm.seen.iter().any(reported));
}

#[test]
fn a_flood_for_the_next_round_is_kept_to_a_few_dozen_frames() {
    let mut swarm = swarm();
    flood(&mut swarm, 1);
    assert!(kept(&swarm, 1) <= 64, "{}", kept(&swarm, 1));
}

#[test]
fn seals_of_attempts_that_do_not_exist_are_not_kept() {
    let mut swarm = swarm();
    let before = kept(&swarm, 0);
    // With f = 1 there are two attempts; a seal may weigh 32 KiB.
    for attempt in 1..=255 {
        for i in 0..8_u64 {
            let body = seal_body(&[Digest::of(&[attempt, i as u8])]);
            tell(
                &mut swarm,
                &Key::of("L"),
                (i / 2, 0),
                Message::Seal(Seal { view: 0, attempt }),
                &body,
            );
        }
    }
    // Eight seals for each attempt, and this node's accusation.
    assert!(
        kept(&swarm, 0) <= before + 17,
        "{} seals of one author",
        kept(&swarm, 0)
    );
}

#[test]
fn rounds_beyond_the_next_are_not_kept() {
    let mut swarm = swarm();
    let parent = swarm.machine(0).state_id().expect("a member has a state");
    let liar = Key::of("L");
    for round in 2..50 {
        let heard = tell(&mut swarm, &liar, (1, round), header(parent), b"x");
        assert_eq!(heard, Reception::Early);
        assert_eq!(kept(&swarm, round), 0);
    }
}

#[test]
fn a_crowd_of_strangers_is_not_kept() {
    let mut swarm = swarm();
    let parent = swarm.machine(0).state_id().expect("a member has a state");
    for i in 0..300 {
        let stranger = Key::of(&format!("stranger {i}"));
        let heard = tell(&mut swarm, &stranger, (1, 0), header(parent), b"x");
        assert_eq!(heard, Reception::Outsider);
        tell(
            &mut swarm,
            &stranger,
            (1, 0),
            Message::Join(Join { nonce: 1 }),
            b"",
        );
        let states = vec![(Round(0), parent)];
        tell(
            &mut swarm,
            &stranger,
            (1, 0),
            Message::Vouch,
            &encode(&Vouched { states }),
        );
    }
    let most = usize::from(MAX_PEERS);
    // Requests to join, and this node's own admissions of some.
    assert!(kept(&swarm, 0) <= 2 * most, "{}", kept(&swarm, 0));
}

/// Whether a node of a closed run looks for another state, because all other members have one,
/// after so many strangers have vouched for its own.
fn doubts(strangers: u32) -> bool {
    let names = ["A", "B", "C", "L"];
    let mut allowed: Vec<_> = names.iter().map(|name| Key::of(name).peer()).collect();
    allowed.sort_unstable();
    let closed = RunSpec {
        membership: Membership::Allow(allowed),
        ..spec(Key::of("A").peer())
    };
    let mut swarm = Swarm::new(&names, closed);
    let state = swarm.state(0, &[0, 1, 2, 3], b"model");
    swarm.start(0, vec![state.clone()], true);
    for i in 0..strangers {
        let states = vec![(Round(0), state.id())];
        let stranger = Key::of(&format!("stranger {i}"));
        tell(
            &mut swarm,
            &stranger,
            (1, 0),
            Message::Vouch,
            &encode(&Vouched { states }),
        );
    }
    let other = swarm.state(0, &[0, 1, 2, 3], b"another model").id();
    for name in &names[1..] {
        swarm.input(0, Input::PeerUp(Key::of(name).peer()));
        tell(&mut swarm, &Key::of(name), (1, 0), header(other), b"x");
    }
    swarm.run_until(Time(millis(2_000)));
    swarm.machine(0).is_catching_up()
}

#[test]
fn strangers_do_not_outvote_members() {
    assert!(doubts(0), "three members say otherwise");
    assert!(doubts(3), "three strangers are not asked");
}

#[test]
fn strangers_do_not_crowd_out_the_votes_of_members() {
    assert!(doubts(200), "three members say otherwise");
}
