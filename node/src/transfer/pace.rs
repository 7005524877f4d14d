//! How long a chunk takes, learned from those that came; and from that, when a source has stalled, and how much to ask of it
//! ahead.

use std::collections::BTreeMap;
use std::time::Duration;

use spirt_protocol::PeerId;

use crate::latest::Latest;

/// Chunks remembered.
const REMEMBERED: usize = 128;
/// Median absolute deviations beyond the median at which a source counts as stalled.
const DEVIATIONS: u32 = 8;
/// The same in multiples of a slow chunk, for chunks that all take about equally long.
const TIMES_SLOW: u32 = 4;
/// So late the tasks of a busy machine may be, however fast its network is.
const LEAST: Duration = Duration::from_millis(100);

/// Chunks of a source before it is judged by its own pace.
const ENOUGH: usize = 16;
/// How many times as patient as with all others one is with a slow source: its chunks come from elsewhere sooner.
const MOST_PATIENT: u32 = 8;
/// Sources whose pace is remembered; more than a roster has.
const SOURCES: usize = 128;

/// Bytes a second that one source is taken to send at most. What is asked of it beyond those of one way to it and back waits in
/// buffers, and out of the processor's cache, and brings nothing sooner.
const RATE: u64 = 50_000_000;

/// What a chunk took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Took {
    /// From the request, or from when it could be shown if that was later, to its arrival.
    pub(super) wait: Duration,
    /// From the request to its arrival.
    pub(super) trip: Duration,
}

/// What recent chunks took: those of all sources, and those of each.
#[derive(Debug, Default)]
pub(super) struct Pace {
    all: Recent,
    of: BTreeMap<PeerId, Recent>,
}

impl Pace {
    pub(super) fn record(&mut self, source: PeerId, took: Took) {
        self.all.record(took);
        if self.of.len() == SOURCES && !self.of.contains_key(&source) {
            self.of.pop_first();
        }
        self.of.entry(source).or_default().record(took);
    }

    /// Bytes to ask of a source ahead of their coming; `None` before its first chunk.
    pub(super) fn ahead(&self, source: PeerId) -> Option<usize> {
        let trips = self.of.get(&source)?.took.iter();
        let least = trips.map(|took| took.trip).min()?;
        let bytes = least.as_micros() * u128::from(RATE) / 1_000_000;
        Some(usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// How long a source may bring nothing: as long as chunks of all sources take at most as a rule, and longer if its own
    /// take longer, within bounds. `None` before the first chunk: then nothing is known of the network, and only a
    /// lost connection ends the wait.
    pub(super) fn patience(&self, source: PeerId) -> Option<Duration> {
        let all = self.all.patience()?;
        let own = self.of.get(&source);
        let own = own.filter(|own| own.took.len() >= ENOUGH);
        let own = own.and_then(Recent::patience);
        Some(own.map_or(all, |own| own.clamp(all, all * MOST_PATIENT)))
    }
}

#[derive(Debug, Default)]
struct Recent {
    took: Latest<Took, REMEMBERED>,
    patience: Option<Duration>,
}

impl Recent {
    fn record(&mut self, took: Took) {
        self.took.push(took);
        self.patience = self.learn();
    }

    /// Looked up more often than learned.
    const fn patience(&self) -> Option<Duration> {
        self.patience
    }

    /// Median + k·MAD, and not less than a few times what all but the slowest tenth took, nor than [`LEAST`].
    fn learn(&self) -> Option<Duration> {
        let took = || self.took.iter().map(|took| took.wait);
        let median = quantile(took(), 5)?;
        let spread = quantile(took().map(|took| took.abs_diff(median)), 5)?;
        let slow = quantile(took(), 9)?;
        Some(
            (median + spread * DEVIATIONS)
                .max(slow * TIMES_SLOW)
                .max(LEAST),
        )
    }
}

/// The value that so many tenths of the others lie below.
fn quantile(values: impl Iterator<Item = Duration>, tenths: usize) -> Option<Duration> {
    let mut values: Vec<Duration> = values.collect();
    let at = values.len() * tenths / 10;
    (at < values.len()).then(|| *values.select_nth_unstable(at).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that could be shown when it was asked for.
    fn took(millis: u64) -> Took {
        let wait = Duration::from_millis(millis);
        Took { wait, trip: wait }
    }

    fn pace(millis: &[u64]) -> Recent {
        let mut recent = Recent::default();
        for millis in millis {
            recent.record(took(*millis));
        }
        recent
    }

    #[test]
    fn patience_follows_the_network_and_not_a_clock() {
        assert_eq!(pace(&[]).patience(), None);
        assert_eq!(pace(&[50; 9]).patience(), Some(Duration::from_millis(200)));
        assert_eq!(
            pace(&[5000; 9]).patience(),
            Some(Duration::from_secs(20)),
            "a hundred times slower, a hundred times more patient"
        );
        let uneven = pace(&[10, 20, 30, 40, 50]);
        assert_eq!(uneven.patience(), Some(Duration::from_millis(200)));
        assert_eq!(pace(&[1; 9]).patience(), Some(LEAST), "a task may be late");
    }

    #[test]
    fn a_few_slow_chunks_do_not_stretch_it_and_old_ones_are_forgotten() {
        let mut few = vec![100; 60];
        few.extend([60_000; 5]);
        assert_eq!(pace(&few).patience(), Some(Duration::from_millis(400)));
        let mut old = vec![60_000; 500];
        old.extend([100; REMEMBERED]);
        assert_eq!(pace(&old).patience(), Some(Duration::from_millis(400)));
    }

    #[test]
    fn a_slow_source_is_given_its_own_time_within_bounds_and_a_fast_one_that_of_all() {
        let peer = |name| PeerId([name; 32]);
        let mut pace = Pace::default();
        assert_eq!(pace.patience(peer(0)), None);
        for _ in 0..ENOUGH {
            pace.record(peer(0), took(10));
            pace.record(peer(1), took(10));
            pace.record(peer(2), took(30));
        }
        let [all, slow] = [120, 120].map(Duration::from_millis);
        assert_eq!(pace.patience(peer(0)), Some(all));
        assert_eq!(pace.patience(peer(9)), Some(all), "one never heard of");
        assert_eq!(pace.patience(peer(2)), Some(slow));
        for _ in 0..ENOUGH {
            pace.record(peer(3), took(60_000));
        }
        let most = pace.patience(peer(0)).unwrap() * MOST_PATIENT;
        assert!(pace.patience(peer(3)) <= Some(most));
        for name in 0..=255 {
            pace.record(peer(name), took(10));
        }
        assert_eq!(pace.of.len(), SOURCES);
    }

    #[test]
    fn a_near_source_is_asked_little_ahead_and_a_far_one_much() {
        let [near, far] = [1, 2].map(|name| PeerId([name; 32]));
        let mut pace = Pace::default();
        assert_eq!(pace.ahead(near), None);
        for waited in [90, 3, 40] {
            pace.record(near, took(2 + waited));
            pace.record(far, took(80 + waited));
        }
        // What was asked for before it was shown tells nothing of the way.
        let early = Took {
            wait: Duration::from_millis(1),
            ..took(70)
        };
        pace.record(near, early);
        assert_eq!(pace.ahead(near), Some(250_000), "5 ms at 50 MB/s");
        assert_eq!(pace.ahead(far), Some(4_150_000));
        for _ in 0..REMEMBERED {
            pace.record(near, took(80));
        }
        assert_eq!(pace.ahead(near), Some(4_000_000), "it has moved away");
    }
}
