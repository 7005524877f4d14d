//! Does this node stand with the others? Each header names the state that it was computed from, so
//! it is a vote on the state before its round.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{PeerId, Round, StateId};

/// Rounds whose states are remembered for comparison with the votes of others.
const HISTORY: usize = 4096;

/// The states that this node went through, and the latest vote of each peer.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    history: BTreeMap<Round, StateId>,
    votes: BTreeMap<PeerId, (Round, StateId)>,
    /// Session and round of the latest vouch of each peer.
    vouched: BTreeMap<PeerId, (u64, Round)>,
}

/// Why a node should look for another state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Peers are further than the next round.
    Behind,
    /// As many peers or more may be on another state.
    Outvoted,
}

impl Standing {
    pub(super) fn record(&mut self, round: Round, state: StateId) {
        self.history.insert(round, state);
        if self.history.len() > HISTORY {
            self.history.pop_first();
        }
    }

    /// Takes over a state that the node did not reach itself; what it knows of later rounds is
    /// void, and of earlier ones too unless it passed this very state.
    pub(super) fn restart(&mut self, round: Round, state: StateId) {
        if self.passed(round, state) {
            self.history.retain(|known, _| *known <= round);
        } else {
            self.history.clear();
            self.record(round, state);
        }
    }

    pub(super) fn vote(&mut self, peer: PeerId, round: Round, state: StateId, most: usize) {
        let room = self.votes.len() < most;
        match self.votes.get_mut(&peer) {
            Some(vote) if vote.0 <= round => *vote = (round, state),
            None if room => drop(self.votes.insert(peer, (round, state))),
            Some(_) | None => {}
        }
    }

    /// A restarted peer may vote for an earlier round than before.
    pub(super) fn forget(&mut self, peer: &PeerId) {
        self.votes.remove(peer);
    }

    /// Whether a vouch is no older than what was heard of this peer: anybody can repeat an old one.
    pub(super) fn is_current(&mut self, peer: PeerId, said: (u64, Round), most: usize) -> bool {
        let room = self.vouched.len() < most;
        match self.vouched.get_mut(&peer) {
            Some(latest) if said < *latest => return false,
            Some(latest) => *latest = said,
            None if room => drop(self.vouched.insert(peer, said)),
            None => {}
        }
        true
    }

    /// The state before a round, as far as the node went through it.
    pub(super) fn at(&self, round: Round) -> Option<StateId> {
        self.history.get(&round).copied()
    }

    /// Whether the node went through this state itself.
    pub(super) fn passed(&self, round: Round, state: StateId) -> bool {
        self.history.get(&round) == Some(&state)
    }

    /// The latest states, oldest first.
    pub(super) fn recent(&self, most: usize) -> Vec<(Round, StateId)> {
        let skip = self.history.len().saturating_sub(most);
        self.history
            .iter()
            .skip(skip)
            .map(|(round, state)| (*round, *state))
            .collect()
    }

    /// The peers that speak of this round or a later one.
    pub(super) fn heard_from(&self, first: Round) -> impl Iterator<Item = PeerId> + '_ {
        let there = self.votes.iter().filter(move |(_, (round, _))| *round >= first);
        there.map(|(peer, _)| *peer)
    }

    /// Compares the votes with the node's own way. `liars` peers may vote for anything.
    pub(super) fn doubt(&self, now: Round, liars: usize) -> Option<Doubt> {
        let mut with = 1;
        let mut apart = 0;
        let mut ahead = 0;
        for (round, state) in self.votes.values() {
            match self.history.get(round) {
                Some(own) if own == state => with += 1,
                Some(_) => apart += 1,
                // The next round's first headers may overtake this round's last seals.
                None if *round == now.next() => with += 1,
                None if *round > now => {
                    apart += 1;
                    ahead += 1;
                }
                None => apart += 1,
            }
        }
        if ahead > liars {
            Some(Doubt::Behind)
        } else if apart > liars && apart >= with {
            Some(Doubt::Outvoted)
        } else {
            None
        }
    }
}

/// Who vouches for which states, each peer for those that it went through last.
pub(super) type Vouches = BTreeMap<PeerId, Vec<(Round, StateId)>>;

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
///
/// Returned with the peers that vouch for that very state.
pub(super) fn choose(
    vouches: &Vouches,
    liars: usize,
    after: Option<Round>,
) -> Option<(Round, StateId, Vec<PeerId>)> {
    let mut holders = Holders::new();
    for (peer, states) in vouches {
        for state in states {
            holders.entry(*state).or_default().insert(*peer);
        }
    }
    holders.retain(|_, peers| peers.len() > liars);
    let backers: BTreeMap<_, _> = holders
        .keys()
        .map(|state| (*state, backers(*state, vouches, &holders, liars)))
        .collect();
    let is_later = |round: &Round| after.is_some_and(|after| *round > after);
    let any_later = backers.keys().any(|(round, _)| is_later(round));
    let candidates: Vec<_> = backers
        .iter()
        .filter(|((round, _), _)| !any_later || is_later(round))
        .collect();
    let weight = |((round, _), peers): &(&(Round, StateId), &BTreeSet<PeerId>)| {
        (
            peers.len(),
            *round,
            std::cmp::Reverse(peers.first().copied()),
        )
    };
    let mut chosen = candidates.iter().copied().max_by_key(weight)?;
    while let Some(further) = candidates
        .iter()
        .copied()
        .filter(|((round, _), peers)| {
            *round > chosen.0.0 && peers.intersection(chosen.1).count() > liars
        })
        .max_by_key(weight)
    {
        chosen = further;
    }
    let (round, state) = *chosen.0;
    let peers = holders.get(chosen.0)?.iter().copied().collect();
    Some((round, state, peers))
}

type Holders = BTreeMap<(Round, StateId), BTreeSet<PeerId>>;

/// Who stands behind a state: who went through it, and who went through a later one only, if more than `liars` others
/// went through both. Peers that took a state over, or started again, do not know what came before; but it is the way
/// on which they are, like those that never left it.
fn backers(
    state: (Round, StateId),
    vouches: &Vouches,
    holders: &Holders,
    liars: usize,
) -> BTreeSet<PeerId> {
    let both = |later: &(Round, StateId)| {
        let pair = holders.get(later).zip(holders.get(&state));
        pair.map_or(0, |(these, those)| these.intersection(those).count())
    };
    let is_behind = |states: &Vec<(Round, StateId)>| {
        let next = states.iter().find(|(round, _)| *round >= state.0);
        next.is_some_and(|next| *next == state || next.0 > state.0 && both(next) > liars)
    };
    let peers = vouches.iter().filter(|(_, states)| is_behind(states));
    peers.map(|(peer, _)| *peer).collect()
}
