//! The one thread that computes: local training, aggregation, update, evaluation.
//!
//! Owns the engine and the model. It takes [`Task`]s in order and answers each with a [`Done`]; it
//! never sees the network. The *epoch* of a task counts the states that the node took over, so
//! that an answer for a model that was since replaced can be told apart.

mod trainer;

use std::collections::BTreeMap;

use bytes::Bytes;
use spirt_aggregation::{Inputs, Verdict};
use spirt_protocol::{PeerId, Round};
use spirt_training::{EngineError, Evaluation, WorkerMomentum};
use tokio::sync::mpsc;

use self::trainer::Trainer;

use crate::attack::Attack;
use crate::job::{Job, JobError};
use crate::model_state::{ModelState, Packed, vector_bytes, vector_of};

/// Tasks that wait for the worker. A round has three, and a state that is taken over one.
const QUEUE: usize = 16;
/// A model is evaluated in each round if that takes at most so many multiplications, about 10 ms.
const CHEAP_EVALUATION: u64 = 20_000_000;
/// Rounds between two evaluations that take more.
const COSTLY_EVALUATION_EVERY: u64 = 10;

/// What the worker is asked to do.
#[derive(Debug)]
pub enum Task {
    /// Train on this node's shard among the roster.
    Compute(u64, Round, Vec<PeerId>),
    /// Run the rule over these payloads, by ascending author. They are of the right length and
    /// finite.
    Aggregate(u64, Round, Vec<(PeerId, Bytes)>),
    /// Apply the latest aggregate, if there is to be an update.
    Apply(u64, Round, bool),
    /// Go on from this model.
    Load(Box<ModelState>),
}

/// What the worker did.
#[derive(Debug)]
pub enum Done {
    /// Answers [`Task::Compute`].
    Computed {
        /// The task's epoch.
        epoch: u64,
        /// The round.
        round: Round,
        /// The vector's bytes.
        payload: Bytes,
        /// Samples drawn.
        samples: u64,
        /// Mean training loss.
        loss: f32,
    },
    /// Answers [`Task::Aggregate`].
    Aggregated {
        /// The task's epoch.
        epoch: u64,
        /// The round.
        round: Round,
        /// What the rule made of each contribution.
        verdicts: BTreeMap<PeerId, Verdict>,
    },
    /// Answers [`Task::Apply`].
    Applied {
        /// The task's epoch.
        epoch: u64,
        /// The round.
        round: Round,
        /// The model after it.
        model: Packed,
        /// How good it is on held-out samples, when that was looked at.
        evaluation: Option<Evaluation>,
    },
    /// A task failed; the model is as it was.
    Failed {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        error: String,
    },
}

/// The thread's other end.
#[derive(Debug)]
pub struct Worker {
    tasks: mpsc::Sender<Task>,
}

impl Worker {
    /// Starts the thread with the given model. It ends when the worker is dropped.
    ///
    /// # Errors
    /// When the model does not fit the data.
    pub fn start(
        job: Job,
        me: PeerId,
        attack: Option<Attack>,
        model: ModelState,
    ) -> Result<(Self, mpsc::Receiver<Done>), JobError> {
        let failed = |error: EngineError| JobError::Text(error.to_string(), error.hint());
        let mut trainer = Trainer::new(&job).map_err(failed)?;
        trainer.load(&model.params).map_err(failed)?;
        let momentum = WorkerMomentum::new(job.local.worker_momentum);
        let (tasks, mut todo) = mpsc::channel(QUEUE);
        let (done, answers) = mpsc::channel(QUEUE);
        let mut bench = Bench {
            job,
            me,
            attack,
            trainer,
            model,
            aggregate: None,
            momentum,
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
    model: ModelState,
    aggregate: Option<(Round, Vec<f32>)>,
    momentum: WorkerMomentum,
}

impl Bench {
    fn carry_out(&mut self, task: Task) -> Option<Done> {
        let (doing, done) = match task {
            Task::Compute(epoch, round, roster) => ("train", self.compute(epoch, round, &roster)),
            Task::Aggregate(epoch, round, rows) => {
                ("aggregate", self.run_rule(epoch, round, &rows))
            }
            Task::Apply(epoch, round, update) => ("apply", self.apply(epoch, round, update)),
            Task::Load(model) => {
                self.aggregate = None;
                self.momentum.reset();
                self.model = *model;
                match self.trainer.load(&self.model.params) {
                    Ok(()) => return None,
                    Err(error) => ("load", Err(error.into())),
                }
            }
        };
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| Done::Failed {
            doing,
            error: error.to_string(),
        };
        Some(done.unwrap_or_else(failed))
    }

    fn compute(&mut self, epoch: u64, round: Round, roster: &[PeerId]) -> Outcome {
        let mut update = self.trainer.train(&self.job, round, roster, self.me)?;
        self.momentum.smooth(&mut update.vector);
        if let Some(attack) = &self.attack {
            attack.corrupt(&mut update.vector, round.0);
        }
        let payload = vector_bytes(&update.vector).into();
        Ok(Done::Computed {
            epoch,
            round,
            payload,
            samples: update.samples,
            loss: update.loss,
        })
    }

    fn run_rule(&mut self, epoch: u64, round: Round, rows: &[(PeerId, Bytes)]) -> Outcome {
        let vectors: Vec<Vec<f32>> = rows.iter().map(|(_, payload)| vector_of(payload)).collect();
        let inputs = Inputs::new(&vectors)?;
        let result = self
            .job
            .rule
            .aggregate(&inputs, self.job.spec.max_byzantine.into())?;
        self.aggregate = Some((round, result.vector));
        let verdicts = rows.iter().zip(result.report.rows());
        let verdicts = verdicts
            .map(|((peer, _), row)| (*peer, row.verdict))
            .collect();
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
        if let Some((_, aggregate)) = aggregate {
            self.model
                .optimizer
                .apply(&mut self.model.params, &aggregate)?;
            self.trainer.load(&self.model.params)?;
        }
        let evaluation = self.evaluate(round)?;
        Ok(Done::Applied {
            epoch,
            round,
            model: Packed::new(self.model.encode()),
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
