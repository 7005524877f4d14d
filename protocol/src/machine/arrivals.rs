//! How long to wait for contributions, learned from how long they took before.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::id::PeerId;
use crate::spec::Timing;

/// Arrivals remembered.
const WINDOW: usize = 256;
/// Median absolute deviations beyond the median that a contribution may take. For a normal
/// distribution, 6 of them are 4 standard deviations.
const DEVIATIONS: u32 = 6;
/// Arrivals of one peer from which its own patience is learned.
const ENOUGH: usize = 3;
/// The part of the median that a contribution may be late by in any case: few arrivals say little of the spread, and where
/// all take the same time, none would be waited for that takes a moment longer.
const LEEWAY: u32 = 2;

/// The recent times from the start of a wait to a contribution, and whose.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrivals {
    recent: VecDeque<(PeerId, Duration)>,
}

impl Arrivals {
    pub(super) fn record(&mut self, peer: PeerId, took: Duration) {
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back((peer, took));
    }

    /// What was learned so far: median + k·MAD, of all arrivals and of those of each peer, within the bounds of the spec.
    ///
    /// Fewer than half of the peers cannot move the median of all far, so liars cannot stretch it by being late. What is
    /// learned of one peer only shortens the wait for it: who is always early is missed sooner.
    pub(super) fn patience(&self, timing: &Timing) -> Patience {
        let bounded = |span: Duration| span.clamp(timing.collect_min(), timing.collect_max());
        let Some((median, spread)) = middle(self.recent.iter().map(|(_, took)| *took)) else {
            return Patience {
                of_all: timing.collect_max(),
                of_peer: BTreeMap::new(),
            };
        };
        let of_all = bounded(longest(median, spread));
        let mut by_peer: BTreeMap<PeerId, Vec<Duration>> = BTreeMap::new();
        for (peer, took) in &self.recent {
            by_peer.entry(*peer).or_default().push(*took);
        }
        by_peer.retain(|_, arrivals| arrivals.len() >= ENOUGH);
        let own = |arrivals: Vec<Duration>| {
            let (median, spread) = middle(arrivals.into_iter())?;
            Some(bounded(longest(median, spread)).min(of_all))
        };
        let of_peer = by_peer.into_iter();
        Patience {
            of_all,
            of_peer: of_peer
                .filter_map(|(peer, arrivals)| Some((peer, own(arrivals)?)))
                .collect(),
        }
    }
}

/// How long to wait for whom, as known before the wait.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    of_all: Duration,
    of_peer: BTreeMap<PeerId, Duration>,
}

impl Patience {
    /// For the one of these peers that takes longest.
    pub(super) fn with<'a>(&self, missing: impl IntoIterator<Item = &'a PeerId>) -> Duration {
        let each = missing.into_iter().map(|peer| self.of_peer.get(peer));
        let each = each.map(|own| own.copied().unwrap_or(self.of_all));
        each.max().unwrap_or(self.of_all)
    }
}

/// How long a contribution may take, given the median and the median deviation of earlier ones.
fn longest(median: Duration, spread: Duration) -> Duration {
    median + (spread * DEVIATIONS).max(median / LEEWAY)
}

/// The median, and the median deviation from it.
fn middle(values: impl Iterator<Item = Duration> + Clone) -> Option<(Duration, Duration)> {
    let middle = median(values.clone())?;
    let spread = median(values.map(|took| took.abs_diff(middle)));
    Some((middle, spread.unwrap_or_default()))
}

fn median(values: impl Iterator<Item = Duration>) -> Option<Duration> {
    let mut values: Vec<Duration> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}
