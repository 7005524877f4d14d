//! Which of the states that others vouch for to take over. Pure: all that are told the same choose alike.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::id::{PeerId, Round, StateId};

/// A state, and the round that starts from it.
pub(super) type At = (Round, StateId);

/// Who vouches for which states, each peer for those that it went through last, oldest first.
pub(super) type Vouches = BTreeMap<PeerId, Vec<At>>;

/// A state to take over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) at: At,
    /// The peers that vouch for this very state.
    pub(super) holders: Vec<PeerId>,
}

type Peers = BTreeSet<PeerId>;

impl Choice {
    /// The state to take over: more than `liars` peers and the plurality stand behind it.
    ///
    /// Peers stand behind several states of one way, so this walks along the way of the plurality to
    /// the latest state that still has more than `liars` behind it. A state is on the way from an earlier
    /// one if more than `liars` stand behind both: one of them is honest, and went from the one to the other.
    /// Ties go to the later round, then to the side with the smallest peer id, so that two equal halves of a
    /// healed partition choose alike.
    ///
    /// Who is held up passes its own round as `after`: then later states come first, if there are any.
    /// Peers that stand still cannot outvote those that go on: going forward loses nothing.
    pub(super) fn of(vouches: &Vouches, liars: usize, after: Option<Round>) -> Option<Self> {
        let mut holders: BTreeMap<At, Peers> = BTreeMap::new();
        for (peer, states) in vouches {
            for at in states {
                holders.entry(*at).or_default().insert(*peer);
            }
        }
        holders.retain(|_, peers| peers.len() > liars);
        let is_later = |at: &At| after.is_some_and(|after| at.0 > after);
        let any_later = holders.keys().any(is_later);
        let backed = holders.keys().filter(|at| !any_later || is_later(at));
        let backed: BTreeMap<At, Peers> = backed
            .map(|at| (*at, backers(*at, vouches, &holders, liars)))
            .collect();
        let first = backed.iter().max_by_key(weight)?;
        let at = latest_on_the_way(first, &backed, liars);
        let holders = holders.get(&at)?.iter().copied().collect();
        Some(Self { at, holders })
    }
}

/// What makes one state outweigh another.
fn weight((at, peers): &(&At, &Peers)) -> (usize, Round, Reverse<Option<PeerId>>) {
    (peers.len(), at.0, Reverse(peers.first().copied()))
}

/// Goes from state to state, as long as more than `liars` stand behind both.
fn latest_on_the_way(first: (&At, &Peers), backed: &BTreeMap<At, Peers>, liars: usize) -> At {
    let mut here = first;
    loop {
        let on_the_way = |(at, peers): &(&At, &Peers)| {
            at.0 > here.0.0 && peers.intersection(here.1).count() > liars
        };
        match backed.iter().filter(on_the_way).max_by_key(weight) {
            Some(further) => here = further,
            None => return *here.0,
        }
    }
}

/// Who stands behind a state: who went through it, and who went through a later one only, if more than `liars` others
/// went through both. Peers that took a state over, or started again, do not know what came before; but it is the way
/// on which they are, like those that never left it.
fn backers(at: At, vouches: &Vouches, holders: &BTreeMap<At, Peers>, liars: usize) -> Peers {
    let both = |later: &At| {
        let pair = holders.get(later).zip(holders.get(&at));
        pair.map_or(0, |(these, those)| these.intersection(those).count())
    };
    let is_behind = |states: &Vec<At>| {
        let next = states.iter().find(|(round, _)| *round >= at.0);
        next.is_some_and(|next| *next == at || next.0 > at.0 && both(next) > liars)
    };
    let peers = vouches.iter().filter(|(_, states)| is_behind(states));
    peers.map(|(peer, _)| *peer).collect()
}
