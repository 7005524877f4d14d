//! What peers did wrong, what it costs them here, and for how long they are shut out.
//!
//! A local matter: each node keeps its own book, tells nobody, and nothing in it decides whose
//! contribution is aggregated. Debts are paid by time, so a mistake is forgotten; a proven
//! equivocation never is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use spirt_protocol::{MAX_PEERS, Offence, PeerId};

/// Debt at which a peer is shut out.
pub const BAN_AT: f64 = 100.0;
/// How long it stays out.
pub const BAN: Duration = Duration::from_secs(600);
/// Time in which half a debt is paid.
const HALF_LIFE: Duration = Duration::from_secs(300);
/// Debt below which nothing is owed.
const PAID: f64 = 0.5;
/// Peers in the book; beyond that the one that owes least is struck off.
const MOST_PEERS: usize = 4 * MAX_PEERS as usize;

/// What an offence costs; `None` if nothing can pay for it.
pub const fn price(offence: Offence) -> Option<f64> {
    match offence {
        // Proven by two signatures.
        Offence::Equivocation => None,
        // Nothing that any version of this program sends, but a peer may be broken.
        Offence::CorruptChunk | Offence::FalseState | Offence::FalseSum => Some(25.0),
        Offence::Garbage | Offence::BadSignature => Some(10.0),
        // One per round at most: a training that diverged does this, too.
        Offence::BadPayload | Offence::WrongShape | Offence::Flood => Some(5.0),
    }
}

/// What is to be done about a peer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sanction {
    /// Its gossip counts for less, by this score; never above 0.
    Score(f64),
    /// It is shut out, for a time or for ever.
    Ban(Option<Duration>),
    /// Its time is over: it may come back.
    Pardon,
}

/// What one peer owes.
#[derive(Debug, Clone)]
struct Account {
    debt: f64,
    since: Instant,
    /// Until when it is shut out; the far end is for ever.
    out: Option<Option<Instant>>,
    counts: BTreeMap<Offence, u64>,
}

impl Account {
    fn owes(&self, now: Instant) -> f64 {
        let halves =
            now.saturating_duration_since(self.since).as_secs_f64() / HALF_LIFE.as_secs_f64();
        let debt = self.debt * (-halves).exp2();
        if debt < PAID { 0.0 } else { debt }
    }
}

/// The book of all peers.
#[derive(Debug, Default)]
pub struct Conduct {
    accounts: BTreeMap<PeerId, Account>,
}

impl Conduct {
    /// Writes down an offence, and says how often the peer did it and what is to be done.
    pub fn offend(
        &mut self,
        peer: PeerId,
        offence: Offence,
        now: Instant,
    ) -> (u64, Option<Sanction>) {
        if !self.accounts.contains_key(&peer) && self.accounts.len() >= MOST_PEERS {
            self.strike_off(now);
        }
        let account = self.accounts.entry(peer).or_insert_with(|| Account {
            debt: 0.0,
            since: now,
            out: None,
            counts: BTreeMap::new(),
        });
        let count = account.counts.entry(offence).or_default();
        *count += 1;
        let count = *count;
        let Some(price) = price(offence) else {
            let known = account.out == Some(None);
            account.out = Some(None);
            return (count, (!known).then_some(Sanction::Ban(None)));
        };
        account.debt = account.owes(now) + price;
        account.since = now;
        let sanction = match account.out {
            Some(_) => None,
            None if account.debt >= BAN_AT => {
                account.out = Some(Some(now + BAN));
                Some(Sanction::Ban(Some(BAN)))
            }
            None => Some(Sanction::Score(-account.debt)),
        };
        (count, sanction)
    }

    /// What time has changed: pardons that are due, and the scores of those that still owe.
    pub fn tick(&mut self, now: Instant) -> Vec<(PeerId, Sanction)> {
        let mut changes = Vec::new();
        for (peer, account) in &mut self.accounts {
            match account.out {
                Some(Some(end)) if now >= end => {
                    // Half of what it takes to be shut out again stays on the book.
                    account.out = None;
                    account.debt = account.owes(now).min(BAN_AT / 2.0);
                    account.since = now;
                    changes.push((*peer, Sanction::Pardon));
                    changes.push((*peer, Sanction::Score(-account.debt)));
                }
                None if account.debt > 0.0 => {
                    let debt = account.owes(now);
                    if debt == 0.0 {
                        account.debt = 0.0;
                    }
                    changes.push((*peer, Sanction::Score(-debt)));
                }
                Some(_) | None => {}
            }
        }
        self.accounts
            .retain(|_, account| account.out.is_some() || account.debt > 0.0);
        changes
    }

    /// Makes room: the one that owes least, of those that are not shut out, or else of all but the
    /// equivocators.
    fn strike_off(&mut self, now: Instant) {
        let rank = |account: &Account| (account.out.is_some(), account.out == Some(None));
        let least = self.accounts.iter().min_by(|(_, a), (_, b)| {
            let by_rank = rank(a).cmp(&rank(b));
            by_rank.then(a.owes(now).total_cmp(&b.owes(now)))
        });
        if let Some(peer) = least.map(|(peer, _)| *peer) {
            self.accounts.remove(&peer);
        }
    }
}

#[cfg(test)]
mod tests;
