//! Prices, bans and the bound on the book.

use super::*;

fn peer(n: u32) -> PeerId {
    let mut name = [0; 32];
    name[..4].copy_from_slice(&n.to_le_bytes());
    PeerId(name)
}

#[test]
fn garbage_lowers_the_score_until_the_peer_is_shut_out_for_a_time() {
    let (mut conduct, now) = (Conduct::default(), Instant::now());
    for n in 1..10 {
        let (count, sanction) = conduct.offend(peer(1), Offence::Garbage, now);
        assert_eq!(
            (count, sanction),
            (n, Some(Sanction::Score(-10.0 * n as f64)))
        );
    }
    let (_, sanction) = conduct.offend(peer(1), Offence::Garbage, now);
    assert_eq!(sanction, Some(Sanction::Ban(Some(BAN))));
    let (_, sanction) = conduct.offend(peer(1), Offence::Garbage, now);
    assert_eq!(sanction, None, "it is out already");
    let (_, sanction) = conduct.offend(peer(2), Offence::Garbage, now);
    assert_eq!(
        sanction,
        Some(Sanction::Score(-10.0)),
        "debts are each one's own"
    );
}

#[test]
fn a_ban_expires_and_half_the_debt_at_most_remains() {
    let (mut conduct, now) = (Conduct::default(), Instant::now());
    for _ in 0..40 {
        conduct.offend(peer(1), Offence::CorruptChunk, now);
    }
    assert_eq!(conduct.tick(now + BAN - Duration::from_secs(1)), []);
    let changes = conduct.tick(now + BAN);
    assert_eq!(
        changes,
        [
            (peer(1), Sanction::Pardon),
            (peer(1), Sanction::Score(-50.0))
        ]
    );
    let (_, again) = conduct.offend(peer(1), Offence::CorruptChunk, now + BAN);
    assert_eq!(again, Some(Sanction::Score(-75.0)), "not out at once");
}

#[test]
fn an_equivocation_is_for_ever() {
    let (mut conduct, now) = (Conduct::default(), Instant::now());
    let (_, sanction) = conduct.offend(peer(1), Offence::Equivocation, now);
    assert_eq!(sanction, Some(Sanction::Ban(None)));
    let year = Duration::from_secs(365 * 24 * 3600);
    assert_eq!(conduct.tick(now + year), []);
    let (_, sanction) = conduct.offend(peer(1), Offence::Garbage, now + year);
    assert_eq!(sanction, None, "still out");
}

#[test]
fn a_temporary_ban_becomes_one_for_ever_by_an_equivocation() {
    let (mut conduct, now) = (Conduct::default(), Instant::now());
    for _ in 0..4 {
        conduct.offend(peer(1), Offence::FalseState, now);
    }
    let (_, sanction) = conduct.offend(peer(1), Offence::Equivocation, now);
    assert_eq!(sanction, Some(Sanction::Ban(None)));
    assert_eq!(conduct.tick(now + 2 * BAN), []);
}

#[test]
fn a_debt_is_paid_by_time() {
    let (mut conduct, now) = (Conduct::default(), Instant::now());
    conduct.offend(peer(1), Offence::Garbage, now);
    assert_eq!(
        conduct.tick(now + HALF_LIFE),
        [(peer(1), Sanction::Score(-5.0))]
    );
    let paid = conduct.tick(now + 10 * HALF_LIFE);
    assert_eq!(paid, [(peer(1), Sanction::Score(-0.0))]);
    assert!(conduct.accounts.is_empty());
}

#[test]
fn the_book_is_bounded_and_keeps_those_that_are_out() {
    let (mut conduct, now) = (Conduct::default(), Instant::now());
    conduct.offend(peer(0), Offence::Equivocation, now);
    for n in 1..2_000 {
        conduct.offend(peer(n), Offence::Flood, now);
        assert!(conduct.accounts.len() <= MOST_PEERS);
    }
    assert!(conduct.accounts.contains_key(&peer(0)));
}

#[test]
fn every_offence_has_a_price_and_only_equivocation_none_that_can_be_paid() {
    for offence in Offence::ALL {
        match price(offence) {
            Some(points) => assert!(points > 0.0 && points < BAN_AT, "{offence}"),
            None => assert_eq!(offence, Offence::Equivocation),
        }
    }
}
