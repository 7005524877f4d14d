//! What a soak came to, and the bounds that it must keep.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::observe::{Event, rounds};

/// What came of a soak.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Where the nodes ran.
    pub host: String,
    /// Seconds that faults lasted.
    pub seconds: f64,
    /// As planned.
    pub seed: u64,
    /// Rounds that ended.
    pub rounds: u64,
    /// Times that no round ended for half a minute.
    pub stuck_rounds: u64,
    /// Rounds after which honest nodes held different models, and none of them took it back.
    pub divergences: u64,
    /// Rounds that some honest node ended without an update, added up over the nodes.
    pub rounds_lost: u64,
    /// Rounds that no honest node ended with an update.
    pub rounds_lost_by_all: u64,
    /// Digest of the model that all honest nodes held at the end.
    pub model: String,
    /// Most resident memory of any honest node.
    pub max_rss_bytes: u64,
    /// The same in the first quarter of the time alone.
    pub max_rss_bytes_first_quarter: u64,
    /// Honest nodes at the end, which all ended rounds together.
    pub together: usize,
    /// Nodes that lied.
    pub liars: usize,
    /// Processes or containers that were killed, and started again.
    pub kills: u64,
    /// That stood still for a while.
    pub freezes: u64,
    /// That came.
    pub joins: u64,
    /// That left.
    pub leaves: u64,
    /// That lost links for a while: some of them in namespaces, all of them in containers.
    pub cuts: u64,
}

impl Summary {
    /// Whether everything held: nothing stuck, nothing apart, and the run lost no more rounds than nodes
    /// were disturbed. (A round in which more than f are disturbed, or late, may end without an update.)
    pub const fn is_good(&self) -> bool {
        let disturbed = self.kills + self.freezes + self.cuts;
        self.stuck_rounds == 0
            && self.divergences == 0
            && self.rounds > 0
            && self.rounds_lost_by_all <= disturbed
    }

    /// Counts the rounds that were lost, from what all honest nodes said.
    pub(super) fn count_losses(&mut self, told: &[(String, Vec<Event>)]) {
        let mut applied: BTreeMap<u64, bool> = BTreeMap::new();
        for round in told.iter().flat_map(|(_, events)| rounds(events)) {
            self.rounds_lost += u64::from(!round.applied);
            *applied.entry(round.round).or_default() |= round.applied;
        }
        self.rounds_lost_by_all = applied.values().filter(|applied| !**applied).count() as u64;
    }
}
