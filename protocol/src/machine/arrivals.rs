//! How long to wait for contributions, learned from how long they took before.

use std::collections::VecDeque;
use std::time::Duration;

use crate::spec::Timing;

/// Arrivals remembered.
const WINDOW: usize = 256;
/// Median absolute deviations beyond the median that a contribution may take. For a normal
/// distribution, 6 of them are 4 standard deviations.
const DEVIATIONS: u32 = 6;

/// The recent times from the start of a round to a contribution.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrivals {
    recent: VecDeque<Duration>,
}

impl Arrivals {
    pub(super) fn record(&mut self, took: Duration) {
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(took);
    }

    /// How long to wait: median + k·MAD of what was seen, within the bounds of the spec. Fewer
    /// than half of the peers cannot move a median far, so liars cannot stretch it by being late.
    pub(super) fn patience(&self, timing: &Timing) -> Duration {
        let Some(median) = median(self.recent.iter().copied()) else {
            return timing.collect_max();
        };
        let spread = median_or_zero(self.recent.iter().map(|took| took.abs_diff(median)));
        (median + spread * DEVIATIONS).clamp(timing.collect_min(), timing.collect_max())
    }
}

fn median(values: impl Iterator<Item = Duration>) -> Option<Duration> {
    let mut values: Vec<Duration> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

fn median_or_zero(values: impl Iterator<Item = Duration>) -> Duration {
    median(values).unwrap_or_default()
}
