//! Does this node stand with the others? Each header names the state that it was computed from, so
//! it is a vote on the state before its round.

use std::collections::BTreeMap;

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
