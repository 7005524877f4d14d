//! What trains: an engine, or nothing but the formula of a synthetic model.

use spirt_protocol::{PeerId, Round};
use spirt_training::{
    CandleEngine, Draw, Engine as _, EngineError, Evaluation, LocalUpdate, ModelSpec, Shard,
    shard::{blocks_for, shard},
    synthetic::Synthetic,
};

use super::Failure;
use crate::blobs::Packed;
use crate::job::Job;
use crate::model_state::ModelState;

/// The trainer of a run's model.
pub(super) enum Trainer {
    /// Layers and gradients.
    Candle(Box<CandleEngine>),
    /// Vectors without training. Holds no parameters: they do not matter.
    Synthetic,
}

impl Trainer {
    /// The trainer of a job, with the run's first parameters.
    pub(super) fn new(job: &Job) -> Result<Self, EngineError> {
        if let ModelSpec::Synthetic { .. } = job.model {
            return Ok(Self::Synthetic);
        }
        let train = &job.data.train;
        let engine = CandleEngine::new(job.model, train.shape(), train.classes(), &job.seed)?;
        Ok(Self::Candle(Box::new(engine)))
    }

    /// Goes on from a model as it is served. One without layers has nothing to remember of it.
    pub(super) fn take(&mut self, job: &Job, model: &Packed) -> Result<(), Failure> {
        match self {
            Self::Candle(_) => Ok(self.load(&ModelState::unpack(job, model)?.params)?),
            Self::Synthetic => Ok(ModelState::check(job, model)?),
        }
    }

    pub(super) fn load(&mut self, params: &[f32]) -> Result<(), EngineError> {
        match self {
            Self::Candle(engine) => engine.load(params),
            Self::Synthetic => Ok(()),
        }
    }

    /// Trains on this node's shard among the roster. `spare` is memory for a vector.
    pub(super) fn train(
        &mut self,
        job: &Job,
        round: Round,
        roster: &[PeerId],
        me: PeerId,
        mut spare: Vec<f32>,
    ) -> Result<LocalUpdate, Failure> {
        let draw = Draw {
            seed: job.seed,
            round: round.0,
            salt: me.0,
        };
        let Self::Candle(engine) = self else {
            spare.resize(usize::try_from(job.spec.dimension)?, 0.0);
            Synthetic::new(&draw).fill(0, &mut spare);
            return Ok(LocalUpdate {
                vector: spare,
                samples: 1,
                loss: 0.0,
            });
        };
        let train = &job.data.train;
        let blocks = blocks_for(train.len());
        let keys: Vec<[u8; 32]> = roster.iter().map(|peer| peer.0).collect();
        let ids = shard(&job.seed, blocks, &keys, &me.0);
        let shard = Shard::of_blocks(train, blocks, &ids)?;
        Ok(engine.train(&shard, &job.local, &draw)?)
    }

    /// Multiplications of an evaluation on the held-out samples.
    pub(super) fn evaluation_cost(&self, job: &Job) -> u64 {
        match self {
            Self::Candle(_) => job.data.test.len() as u64 * job.spec.dimension,
            Self::Synthetic => 0,
        }
    }

    /// How good the model is on the held-out samples; a synthetic one is neither good nor bad.
    pub(super) fn evaluate(&self, job: &Job) -> Result<Option<Evaluation>, EngineError> {
        match self {
            Self::Candle(engine) => engine.evaluate(&job.data.test).map(Some),
            Self::Synthetic => Ok(None),
        }
    }
}
