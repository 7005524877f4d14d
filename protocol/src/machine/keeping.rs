//! What a node keeps for others: payloads of recent rounds.

use std::collections::BTreeSet;

use crate::id::Digest;

use super::RoundMachine;

impl RoundMachine {
    /// The roots of all payloads that this node or others may still ask for: those of the rounds whose frames are kept,
    /// so that whoever comes late to the end of a round still finds them.
    pub fn kept_payloads(&self) -> BTreeSet<Digest> {
        let logs = self.past_logs.iter().chain([&self.log, &self.next_log]);
        logs.flat_map(|log| log.entries.values())
            .filter(|entry| entry.contribution().is_some())
            .map(|entry| entry.frame.envelope().root)
            .collect()
    }
}
