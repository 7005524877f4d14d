//! Does this node stand with the others? Each header names the state that it was computed from, so
//! it is a vote on the state before its round.

use std::collections::{BTreeMap, VecDeque};

use crate::id::{PeerId, Round, StateId};

use super::choice::{At, Vouches};

/// Rounds whose states are remembered for comparison with the votes of others.
const HISTORY: usize = 4096;
/// States that are remembered of each peer that contributed to them: as many as it can vouch for.
const CONTRIBUTIONS: usize = crate::MAX_VOUCHED;

/// The states that this node went through, and the latest vote of each peer.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    history: BTreeMap<Round, StateId>,
    votes: BTreeMap<PeerId, At>,
    /// From which states each peer contributed, the last to be heard of last.
    contributed: BTreeMap<PeerId, VecDeque<At>>,
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

    /// Hears that a peer contributes to a round, which is a vote too.
    pub(super) fn contribution(&mut self, peer: PeerId, at: At, most: usize) {
        self.vote(peer, at.0, at.1, most);
        if self.contributed.len() < most || self.contributed.contains_key(&peer) {
            let states = self.contributed.entry(peer).or_default();
            states.retain(|known| *known != at);
            states.push_back(at);
            if states.len() > CONTRIBUTIONS {
                states.pop_front();
            }
        }
    }

    /// Forgets a peer that is gone.
    pub(super) fn lose(&mut self, peer: &PeerId) {
        self.forget(peer);
        self.contributed.remove(peer);
    }

    /// Counts who contributed from a later state than `here` that another peer vouches for, as if it vouched
    /// for it too.
    pub(super) fn second(&self, vouches: &mut Vouches, here: Option<Round>) {
        let told: Vec<(PeerId, At)> = vouches
            .iter()
            .flat_map(|(peer, states)| states.iter().map(|at| (*peer, *at)))
            .filter(|(_, (round, _))| Some(*round) > here)
            .collect();
        for (peer, contributed) in &self.contributed {
            let by_another = |at: &&At| {
                told.iter()
                    .any(|(other, told)| other != peer && told == *at)
            };
            for at in contributed.iter().filter(by_another) {
                let states = vouches.entry(*peer).or_default();
                if !states.contains(at) {
                    states.push(*at);
                    states.sort_unstable();
                }
            }
        }
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
        let there = self
            .votes
            .iter()
            .filter(move |(_, (round, _))| *round >= first);
        there.map(|(peer, _)| *peer)
    }

    /// Compares the votes with the node's own way. `liars` peers may vote for anything. Those who are not on the `roster`
    /// were on this way once, and may have left it: they stand with nobody.
    pub(super) fn doubt(&self, now: Round, roster: &[PeerId], liars: usize) -> Option<Doubt> {
        let mut with = 1;
        let mut apart = 0;
        let mut ahead = 0;
        for (peer, (round, state)) in &self.votes {
            let counts = usize::from(roster.contains(peer));
            match self.history.get(round) {
                Some(own) if own == state => with += counts,
                Some(_) => apart += 1,
                // The next round's first headers may overtake this round's last seals.
                None if *round == now.next() => with += counts,
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
