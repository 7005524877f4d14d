//! What is done for an aggregate before its set is agreed on.
//!
//! In a good round the set is what all have announced; so its chunks are worked on as they come, and when the set is agreed little
//! is left to do. If the set is another one, the work was in vain, and nothing else.

use std::sync::Arc;

use bytes::Bytes;
use spirt_aggregation::{Incremental, Verdict};
use spirt_protocol::{Digest, PeerId, blob};

use super::message::{Early, Row};
use super::rule::{self, Values};
use super::{Bench, Failure};

/// An aggregation of payloads in single precision that has begun.
pub(super) struct Begun {
    set: Arc<[(PeerId, Digest)]>,
    work: Incremental<Values>,
}

impl Begun {
    /// Whether these are the payloads.
    pub(super) fn is_for(&self, rows: &[Row]) -> bool {
        let rows = rows.iter().map(|row| (row.author, row.root));
        self.set.iter().copied().eq(rows)
    }

    /// Does the rest: the aggregate, and the verdict on each row.
    pub(super) fn complete(self, rows: &[&[Bytes]]) -> Result<(Vec<f32>, Vec<Verdict>), Failure> {
        rule::complete(self.work, rows)
    }

    /// The memory for its result.
    pub(super) fn into_spare(self) -> Vec<f32> {
        self.work.into_spare()
    }
}

impl Bench {
    /// Works on some chunks. What cannot be done now is done, or fails, when the set is agreed on.
    pub(super) fn work_early(&mut self, early: Early) {
        let begun = self.begun.as_ref();
        if begun.is_none_or(|begun| begun.set != early.set) {
            self.begin(early.set);
        }
        let Some(begun) = &mut self.begun else {
            return;
        };
        for (index, rows) in early.chunks {
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            if let Err(error) = begun.work.add(index, rule::values(rows.iter())) {
                tracing::debug!(%error, "cannot aggregate early");
                return;
            }
        }
        // Whoever asked may have gone on to another round.
        let _ = early.done.send(());
    }

    fn begin(&mut self, set: Arc<[(PeerId, Digest)]>) {
        let spec = &self.job.spec;
        let (n, f) = (set.len(), spec.max_byzantine.into());
        let (Ok(dimension), Ok(columns)) = (
            usize::try_from(spec.dimension),
            usize::try_from(blob::chunk_bytes(spec.dimension * 4) / 4),
        ) else {
            return;
        };
        let (rule, spare) = (self.job.rule.clone(), self.take_spare());
        if rule.check(n, f).is_err() {
            self.spare = spare;
            return;
        }
        let work = Incremental::new(rule, f, n, dimension, columns, spare);
        self.begun = work.ok().map(|work| Begun { set, work });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::{mpsc, oneshot};
    use tokio::time::timeout;

    use super::super::Worker;
    use super::super::message::{Done, Task};
    use super::*;
    use crate::blobs::Packed;
    use crate::buffers::Buffers;
    use crate::job::tests::job;
    use crate::model_state::ModelState;
    use spirt_protocol::Round;

    const DIMENSION: usize = 200_000;

    struct Bench {
        worker: Worker,
        answers: mpsc::Receiver<Done>,
    }

    fn payload(author: u8) -> (PeerId, Packed) {
        let value = |i: usize| ((i * 31 + usize::from(author) * 17) % 1009) as f32 - 504.0;
        let bytes: Vec<u8> = (0..DIMENSION)
            .flat_map(|i| value(i).to_le_bytes())
            .collect();
        (PeerId([author; 32]), Packed::new(bytes))
    }

    fn set(payloads: &[(PeerId, Packed)]) -> Arc<[(PeerId, Digest)]> {
        let named = payloads
            .iter()
            .map(|(author, packed)| (*author, packed.root()));
        named.collect()
    }

    impl Bench {
        fn start() -> Self {
            let mut job = job(&format!("synthetic:dimension={DIMENSION}"), "sgd:lr=0.5");
            job.rule = "trimmed-mean".parse().unwrap();
            let model = ModelState::first(&job, vec![1.0; DIMENSION]).pack(&Buffers::default());
            let me = PeerId([9; 32]);
            let (worker, answers) =
                Worker::start(job, me, None, Some(model), Buffers::default()).unwrap();
            Self { worker, answers }
        }

        /// Whether the early work on these chunks was done.
        async fn early(&self, payloads: &[(PeerId, Packed)], chunks: &[u32]) -> bool {
            let row = |index: u32| move |(_, packed): &(PeerId, Packed)| packed.blob().chunk(index);
            let rows = |index: &u32| (*index, payloads.iter().map_while(row(*index)).collect());
            let (done, finished) = oneshot::channel();
            let early = Early {
                set: set(payloads),
                chunks: chunks.iter().map(rows).collect(),
                done,
            };
            assert!(self.worker.ask(Task::Early(early)));
            let finished = timeout(Duration::from_secs(20), finished).await;
            finished.expect("in time").is_ok()
        }

        /// The model after the aggregate of these.
        async fn round(&mut self, round: u64, payloads: &[(PeerId, Packed)]) -> Packed {
            let row = |(author, packed): &(PeerId, Packed)| Row {
                author: *author,
                root: packed.root(),
                pieces: packed.chunks().collect(),
            };
            let rows = payloads.iter().map(row).collect();
            assert!(self.worker.ask(Task::Aggregate(0, Round(round), rows)));
            assert!(self.worker.ask(Task::Apply(0, Round(round), true)));
            loop {
                let done = timeout(Duration::from_secs(20), self.answers.recv()).await;
                match done.expect("in time").expect("it goes on") {
                    Done::Aggregated { verdicts, .. } => assert_eq!(verdicts.len(), payloads.len()),
                    Done::Applied { model, .. } => return model,
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[tokio::test]
    async fn early_work_changes_no_bit_whether_it_was_on_the_agreed_set_or_not() {
        let payloads: Vec<(PeerId, Packed)> = (1..6).map(payload).collect();
        let (mut plain, mut early) = (Bench::start(), Bench::start());
        let sets = [&payloads[..], &payloads[1..], &payloads[..4]];
        for (round, agreed) in (0..).zip(sets) {
            // Some chunks only, and not in order; two of the three sets are others than the one worked on.
            for chunks in [&[3, 1][..], &[0]] {
                assert!(early.early(&payloads, chunks).await);
            }
            let expected = plain.round(round, agreed).await;
            assert_eq!(early.round(round, agreed).await, expected, "round {round}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_worked_on_is_said_and_does_no_harm() {
        let payloads: Vec<(PeerId, Packed)> = (1..6).map(payload).collect();
        let (mut plain, mut early) = (Bench::start(), Bench::start());
        assert!(!early.early(&[], &[0]).await, "no rows");
        assert!(!early.early(&payloads, &[77]).await, "beyond the end");
        assert!(early.early(&payloads, &[2]).await);
        assert!(!early.early(&payloads, &[2]).await, "twice");
        let expected = plain.round(0, &payloads).await;
        assert_eq!(early.round(0, &payloads).await, expected);
    }
}
