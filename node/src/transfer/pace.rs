//! How long a chunk takes, learned from those that came; and from that, when a source has stalled.

use std::collections::VecDeque;
use std::time::Duration;

/// Chunks remembered.
const REMEMBERED: usize = 128;
/// Median absolute deviations beyond the median at which a source counts as stalled.
const DEVIATIONS: u32 = 8;
/// The same in multiples of a slow chunk, for chunks that all take about equally long.
const TIMES_SLOW: u32 = 4;

/// What the recent chunks of all sources took, from request to arrival.
#[derive(Debug, Default)]
pub(super) struct Pace {
    recent: VecDeque<Duration>,
}

impl Pace {
    pub(super) fn record(&mut self, took: Duration) {
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(took);
    }

    /// How long a source may bring nothing: median + k·MAD of the chunks that came, of whichever source, and not less than
    /// a few times what all but the slowest tenth took. `None` before the first chunk: then nothing is known of the
    /// network, and only a lost connection ends the wait.
    pub(super) fn patience(&self) -> Option<Duration> {
        let median = quantile(self.recent.iter().copied(), 5)?;
        let spread = self.recent.iter().map(|took| took.abs_diff(median));
        let spread = quantile(spread, 5)?;
        let slow = quantile(self.recent.iter().copied(), 9)?;
        Some((median + spread * DEVIATIONS).max(slow * TIMES_SLOW))
    }
}

/// The value that so many tenths of the others lie below.
fn quantile(values: impl Iterator<Item = Duration>, tenths: usize) -> Option<Duration> {
    let mut values: Vec<Duration> = values.collect();
    values.sort_unstable();
    values.get(values.len() * tenths / 10).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(millis: &[u64]) -> Pace {
        let mut pace = Pace::default();
        for took in millis {
            pace.record(Duration::from_millis(*took));
        }
        pace
    }

    #[test]
    fn patience_follows_the_network_and_not_a_clock() {
        assert_eq!(pace(&[]).patience(), None);
        assert_eq!(pace(&[5; 9]).patience(), Some(Duration::from_millis(20)));
        assert_eq!(
            pace(&[5000; 9]).patience(),
            Some(Duration::from_secs(20)),
            "a thousand times slower, a thousand times more patient"
        );
        let uneven = pace(&[10, 20, 30, 40, 50]);
        assert_eq!(uneven.patience(), Some(Duration::from_millis(200)));
    }

    #[test]
    fn a_few_slow_chunks_do_not_stretch_it_and_old_ones_are_forgotten() {
        let mut few = vec![10; 60];
        few.extend([60_000; 5]);
        assert_eq!(pace(&few).patience(), Some(Duration::from_millis(40)));
        let mut old = vec![60_000; 500];
        old.extend([10; REMEMBERED]);
        assert_eq!(pace(&old).patience(), Some(Duration::from_millis(40)));
    }
}
