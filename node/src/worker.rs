//! The one thread that computes: local training, aggregation, update, evaluation.
//!
//! Owns the engine and the model. It takes [`Task`]s in order and answers each with a [`Done`]; it
//! never sees the network. The *epoch* of a task counts the states that the node took over, so
//! that an answer for a model that was since replaced can be told apart.

mod early;
pub mod message;
mod rule;
mod step;
mod sum;
mod trainer;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use spirt_aggregation::Verdict;
use spirt_protocol::{PeerId, Round};
use spirt_training::{EngineError, Evaluation, WorkerMomentum};
use tokio::sync::mpsc;

use self::early::Begun;
use self::message::{Done, Row, Sum, Task};
use self::trainer::Trainer;

use crate::attack::Attack;
use crate::blobs::Packed;
use crate::buffers::Buffers;
use crate::encoding::Encoder;
use crate::job::{Job, JobError};

/// Tasks that wait for the worker. A round has three and early work one at a time, a state that is taken over one.
const QUEUE: usize = 16;
/// A model is evaluated in each round if that takes at most so many multiplications, about 10 ms.
const CHEAP_EVALUATION: u64 = 20_000_000;
/// Rounds between two evaluations that take more.
const COSTLY_EVALUATION_EVERY: u64 = 10;

/// The thread's other end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Worker {
    tasks: mpsc::Sender<Task>,
}

impl Worker {
    /// Starts the thread with the given model; without one the first task is to load one. It ends when the worker is dropped.
    ///
    /// # Errors
    /// When the model does not fit the data.
    pub fn start(
        job: Job,
        me: PeerId,
        attack: Option<Attack>,
        model: Option<Packed>,
        buffers: Buffers,
    ) -> Result<(Self, mpsc::Receiver<Done>), JobError> {
        let mut job = job;
        if let Some(data) = attack.as_ref().and_then(|attack| attack.data(&job.data)) {
            job.data = Arc::new(data);
        }
        let failed = |error: EngineError| JobError::Text(error.to_string(), error.hint());
        let mut trainer = Trainer::new(&job).map_err(failed)?;
        if let Some(model) = &model {
            let taken = trainer.take(&job, model);
            taken.map_err(|error| JobError::Text(error.to_string(), String::new()))?;
        }
        let momentum = WorkerMomentum::new(job.local.worker_momentum);
        let encoder = Encoder::new(job.spec.encoding);
        let (tasks, mut todo) = mpsc::channel(QUEUE);
        let (done, answers) = mpsc::channel(QUEUE);
        let mut bench = Bench {
            job,
            me,
            attack,
            trainer,
            model,
            buffers,
            begun: None,
            aggregate: None,
            momentum,
            encoder,
            spare: Vec::new(),
        };
        std::thread::Builder::new()
            .name("worker".into())
            .spawn(move || {
                while let Some(task) = todo.blocking_recv() {
                    let answer = bench.carry_out(task);
                    if answer.is_some_and(|answer| done.blocking_send(answer).is_err()) {
                        return;
                    }
                }
            })
            .map_err(|error| {
                JobError::Text(format!("cannot start a thread: {error}"), String::new())
            })?;
        Ok((Self { tasks }, answers))
    }

    /// Queues a task; false when the worker is hopelessly behind, or gone.
    pub fn ask(&self, task: Task) -> bool {
        self.tasks.try_send(task).is_ok()
    }
}

struct Bench {
    job: Job,
    me: PeerId,
    attack: Option<Attack>,
    trainer: Trainer,
    /// The model before the round under way, as it is served: there is no second copy of it. A newcomer has none yet.
    model: Option<Packed>,
    buffers: Buffers,
    /// What was done for an aggregate before its set was agreed on. It has the spare memory.
    begun: Option<Begun>,
    aggregate: Option<(Round, Vec<f32>)>,
    momentum: WorkerMomentum,
    encoder: Encoder,
    /// Memory for one vector: of a round's aggregate first, then of the parameters that it becomes.
    spare: Vec<f32>,
}

impl Bench {
    fn carry_out(&mut self, task: Task) -> Option<Done> {
        let (doing, done) = match task {
            Task::Compute(epoch, round, roster) => ("train", self.compute(epoch, round, &roster)),
            Task::Aggregate(epoch, round, rows) => {
                ("aggregate", self.run_rule(epoch, round, &rows))
            }
            Task::Early(early) => {
                self.work_early(early);
                return None;
            }
            Task::Sum(sum) => match self.sum(sum) {
                Ok(()) => return None,
                Err(error) => ("aggregate", Err(error)),
            },
            Task::Assemble(epoch, round, aggregate, verdicts) => (
                "aggregate",
                self.assemble(epoch, round, &aggregate, verdicts),
            ),
            Task::Apply(epoch, round, update) => ("apply", self.apply(epoch, round, update)),
            Task::Load(model) => match self.load(model) {
                Ok(()) => return None,
                Err(error) => ("load", Err(error)),
            },
        };
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| Done::Failed {
            doing,
            error: error.to_string(),
        };
        Some(done.unwrap_or_else(failed))
    }

    fn compute(&mut self, epoch: u64, round: Round, roster: &[PeerId]) -> Outcome {
        let spare = self.take_spare();
        let trained = self.trainer.train(&self.job, round, roster, self.me, spare);
        let mut update = trained?;
        self.momentum.smooth(&mut update.vector);
        if let Some(attack) = &self.attack {
            attack.corrupt(&mut update.vector, round.0);
        }
        let payload = self.encoder.encode(&mut update.vector, &self.buffers)?;
        self.spare = update.vector;
        Ok(Done::Computed {
            epoch,
            round,
            payload,
            samples: update.samples,
            loss: update.loss,
        })
    }

    fn load(&mut self, model: Packed) -> Result<(), Failure> {
        self.spare = self.take_spare();
        self.aggregate = None;
        self.momentum.reset();
        self.encoder.reset();
        self.trainer.take(&self.job, &model)?;
        self.model = Some(model);
        Ok(())
    }

    fn run_rule(&mut self, epoch: u64, round: Round, rows: &[Row]) -> Outcome {
        let pieces: Vec<&[Bytes]> = rows.iter().map(|row| row.pieces.as_slice()).collect();
        let (vector, verdicts) = match self.begun.take_if(|begun| begun.is_for(rows)) {
            Some(begun) => begun.complete(&pieces)?,
            None => {
                let f = self.job.spec.max_byzantine.into();
                let dimension = usize::try_from(self.job.spec.dimension)?;
                let spare = self.take_spare();
                let encoding = self.job.spec.encoding;
                rule::aggregate(&self.job.rule, f, encoding, &pieces, dimension, spare)?
            }
        };
        self.aggregate = Some((round, vector));
        let verdicts = rows.iter().zip(verdicts);
        Ok(Done::Aggregated {
            epoch,
            round,
            verdicts: verdicts
                .map(|(row, verdict)| (row.author, verdict))
                .collect(),
        })
    }

    /// The memory for one vector. What was begun with it is given up.
    fn take_spare(&mut self) -> Vec<f32> {
        let begun = self.begun.take().map(Begun::into_spare);
        begun.unwrap_or_else(|| std::mem::take(&mut self.spare))
    }

    fn sum(&self, sum: Sum) -> Result<(), Failure> {
        let f = self.job.spec.max_byzantine.into();
        let mut summed = sum::sum(&self.job.rule, f, &sum.chunks, &self.buffers)?;
        if let Some(attack) = &self.attack {
            attack.falsify(&mut summed.chunks);
        }
        // Whoever asked may have gone on to another state.
        let _ = sum.done.send(summed);
        Ok(())
    }

    fn assemble(
        &mut self,
        epoch: u64,
        round: Round,
        aggregate: &Packed,
        verdicts: BTreeMap<PeerId, Verdict>,
    ) -> Outcome {
        let mut vector = self.take_spare();
        vector.clear();
        for chunk in aggregate.chunks() {
            vector.extend_from_slice(rule::Values::of(chunk).as_ref());
        }
        self.aggregate = Some((round, vector));
        Ok(Done::Aggregated {
            epoch,
            round,
            verdicts,
        })
    }

    fn apply(&mut self, epoch: u64, round: Round, update: bool) -> Outcome {
        let aggregate = self
            .aggregate
            .take()
            .filter(|(of, _)| update && *of == round);
        let mut model = self.model.clone().ok_or("there is no model yet")?;
        if let Some((_, aggregate)) = aggregate {
            let params;
            (params, model) = step::step(&self.job, &model, aggregate, &self.buffers)?;
            self.model = Some(model.clone());
            self.trainer.load(&params)?;
            self.spare = params;
        }
        let evaluation = self.evaluate(round)?;
        Ok(Done::Applied {
            epoch,
            round,
            model,
            evaluation,
        })
    }

    fn evaluate(&self, round: Round) -> Result<Option<Evaluation>, Failure> {
        let cost = self.trainer.evaluation_cost(&self.job);
        let next = round.0 + 1;
        let last = next == self.job.spec.rounds;
        let wanted =
            cost <= CHEAP_EVALUATION || last || next.is_multiple_of(COSTLY_EVALUATION_EVERY);
        Ok(if wanted {
            self.trainer.evaluate(&self.job)?
        } else {
            None
        })
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Outcome = Result<Done, Failure>;
