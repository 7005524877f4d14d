//! When a node's ledger of rounds names the liars.
//!
//! One way is certain: an *offence* is something that no honest peer does. Two are a matter of counting. Most rules
//! drop somebody in each round, and a *copy* may be heard before what it was copied from. But who is dropped, or
//! copies, more often than anybody honest stands out, and whoever looks at the ledger sees it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::observe::{Event, Round, rounds};

/// What a ledger says of the liars, in rounds since all of them could count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Naming {
    /// Until each of them was named for an offence, or banned.
    pub offence: Option<u64>,
    /// Until they were those that had been dropped most often, and stayed so to the end.
    pub outliers: Option<u64>,
    /// Until they were those that had copied most often, and stayed so to the end.
    #[serde(default)]
    pub copies: Option<u64>,
    /// Share of the rounds in which a liar was dropped.
    pub liars_dropped: f64,
    /// The same of an honest peer.
    pub honest_dropped: f64,
}

impl Naming {
    /// Reads the events of an honest node from round `since` on.
    pub fn read(events: &[Event], liars: &[String], since: u64) -> Self {
        let offences = liars.iter().map(|liar| first_offence(events, liar));
        let offence = offences.collect::<Option<Vec<u64>>>();
        let offence = offence.and_then(|rounds| rounds.into_iter().max());
        let ledger: Vec<&Round> = rounds(events)
            .filter(|round| round.round >= since)
            .collect();
        Self {
            offence: offence.map(|round| round.saturating_sub(since)),
            outliers: stand_out(&ledger, liars, dropped),
            copies: stand_out(&ledger, liars, copied),
            liars_dropped: share_dropped(&ledger, |peer| liars.iter().any(|liar| liar == peer)),
            honest_dropped: share_dropped(&ledger, |peer| liars.iter().all(|liar| liar != peer)),
        }
    }

    /// The earliest of them.
    pub fn rounds(&self) -> Option<u64> {
        let ways = [self.offence, self.outliers, self.copies];
        ways.into_iter().flatten().min()
    }
}

fn first_offence(events: &[Event], liar: &str) -> Option<u64> {
    events.iter().find_map(|event| match event {
        Event::Offence(offence) if offence.peer == liar => Some(offence.round),
        Event::Round(round) if round.verdict(liar) == Some("banned") => Some(round.round),
        Event::Ready(_)
        | Event::Joined(_)
        | Event::Round(_)
        | Event::Offence(_)
        | Event::Left(_) => None,
    })
}

fn dropped(round: &Round, peer: &str) -> bool {
    round.verdict(peer) == Some("dropped")
}

fn copied(round: &Round, peer: &str) -> bool {
    round.copies.contains_key(peer)
}

/// Rounds until each liar had done it more often than any honest peer, for good.
fn stand_out(
    ledger: &[&Round],
    liars: &[String],
    did: impl Fn(&Round, &str) -> bool,
) -> Option<u64> {
    let mut times: BTreeMap<&str, u64> = BTreeMap::new();
    let mut since = None;
    for (number, round) in (1..).zip(ledger) {
        for peer in round.verdicts.keys() {
            *times.entry(peer).or_default() += u64::from(did(round, peer));
        }
        let of = |liar: &String| times.get(liar.as_str()).copied().unwrap_or(0);
        let least = liars.iter().map(of).min().unwrap_or(0);
        let honest = times
            .iter()
            .filter(|(peer, _)| liars.iter().all(|liar| liar != *peer));
        let most = honest.map(|(_, times)| *times).max().unwrap_or(0);
        since = (least > most).then(|| since.unwrap_or(number));
    }
    since
}

fn share_dropped(ledger: &[&Round], who: impl Fn(&str) -> bool) -> f64 {
    let verdicts = ledger.iter().flat_map(|round| &round.verdicts);
    let of: Vec<&String> = verdicts
        .filter(|(peer, _)| who(peer))
        .map(|(_, verdict)| verdict)
        .collect();
    let dropped = of.iter().filter(|verdict| **verdict == "dropped").count();
    dropped as f64 / of.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A round in which these were dropped, and those copied, of the peers `a`, `b`, `x` and `y`.
    fn round(number: u64, dropped: &str, copied: &str) -> Event {
        let verdict = |peer: char| {
            if dropped.contains(peer) {
                "dropped"
            } else {
                "kept"
            }
        };
        let verdicts = "abxy".chars();
        Event::Round(Round {
            round: number,
            applied: true,
            accuracy: None,
            roster: 4,
            verdicts: verdicts
                .map(|peer| (peer.to_string(), verdict(peer).to_owned()))
                .collect(),
            copies: copied
                .chars()
                .map(|peer| (peer.to_string(), "a".to_owned()))
                .collect(),
            model: "m".into(),
            keepers: None,
            bytes_sent: 0,
        })
    }

    fn read(events: &[Event]) -> Naming {
        Naming::read(events, &["x".into(), "y".into()], 0)
    }

    fn naming(dropped: &[&str]) -> Naming {
        let rounds = (0..).zip(dropped);
        let events: Vec<Event> = rounds.map(|(n, who)| round(n, who, "")).collect();
        read(&events)
    }

    #[test]
    fn who_copies_more_often_than_any_honest_peer_stands_out_too() {
        let rounds = (0..).zip(["xb", "y", "xy", "b"]);
        let events: Vec<Event> = rounds.map(|(n, who)| round(n, "b", who)).collect();
        let naming = read(&events[..3]);
        assert_eq!((naming.outliers, naming.copies), (None, Some(3)));
        assert_eq!(naming.rounds(), Some(3));
        assert_eq!(read(&events).rounds(), None, "not for good");
    }

    #[test]
    fn liars_stand_out_once_each_is_dropped_more_often_than_any_honest_peer_for_good() {
        assert_eq!(naming(&["xy", "xy", "xy"]).outliers, Some(1));
        assert_eq!(naming(&["x", "ay", "xy", "xy"]).outliers, Some(3));
        assert_eq!(naming(&["xy", "ab", "ab"]).outliers, None);
        assert_eq!(naming(&["x", "x", "x"]).outliers, None);
    }

    #[test]
    fn shares_of_drops_are_told_apart() {
        let naming = naming(&["xya", "x"]);
        assert_eq!((naming.liars_dropped, naming.honest_dropped), (0.75, 0.25));
        assert_eq!((naming.offence, naming.rounds()), (None, None));
    }
}
