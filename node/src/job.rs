//! A run's specification, understood: from the founder's plan to a [`RunSpec`], and from a
//! [`RunSpec`] to the model, data, optimizer and rule that its texts name.
//!
//! The only place that knows both the protocol's texts and the types of the other rooms.

mod error;
mod local;

use std::str::FromStr;
use std::sync::Arc;

use spirt_aggregation::Pipeline;
use spirt_protocol::{
    Digest, MAX_INLINE_BYTES, MAX_PEERS, Membership, PeerId, RunId, RunSpec, Timing, WIRE_VERSION,
};
use spirt_training::{DataError, DataSpec, LocalSteps, ModelSpec, OptimizerSpec, Split};

use crate::blobs::Packed;
use crate::config::{Division, Plan};
use crate::dataset::{self, SharedData};

pub use error::JobError;

/// Stands before a rule that each peer runs by itself, though it takes columns apart.
const WHOLE: &str = "whole:";

/// What a node needs to know to take part in a run.
#[derive(Debug, Clone)]
pub struct Job {
    /// What the peers agreed on.
    pub spec: Arc<RunSpec>,
    /// The run's name.
    pub id: RunId,
    /// The model.
    pub model: ModelSpec,
    /// The data, split in the same way on each peer.
    pub data: Arc<Split>,
    /// The same as bytes, if peers give it to each other.
    pub shared: Option<Packed>,
    /// How an aggregate is applied.
    pub optimizer: OptimizerSpec,
    /// Training between two rounds.
    pub local: LocalSteps,
    /// The aggregation rule.
    pub rule: Pipeline,
    /// Whether members may share the work of the rule.
    pub is_shared: bool,
    /// Seeds all that is random in the run.
    pub seed: [u8; 32],
}

impl Job {
    /// The run that a founder plans: its texts are checked by reading them.
    ///
    /// # Errors
    /// When a text names nothing, the data cannot be read, or a bound is broken.
    pub fn found(plan: &Plan, rounds: u64, founder: PeerId) -> Result<Self, JobError> {
        let (training, aggregation) = (&plan.training, &plan.aggregation);
        let rule = shared_rule(&aggregation.rule)?;
        let f = aggregation.max_byzantine;
        let min_inputs = u16::try_from(rule.min_inputs(f.into())).unwrap_or(u16::MAX);
        let local = LocalSteps {
            steps: training.local_steps.get(),
            batch_size: training.batch_size.get(),
            learning_rate: training.learning_rate,
            worker_momentum: training.worker_momentum,
        };
        let mut spec = RunSpec {
            wire: WIRE_VERSION,
            seed: training.seed,
            founder,
            model: training.model.clone(),
            data: training.data.clone(),
            data_digest: Digest([0; 32]),
            optimizer: training.optimizer.clone(),
            local: local::text(&local),
            rule: match aggregation.division {
                Division::Whole if rule.takes_columns_apart() => format!("{WHOLE}{rule}"),
                Division::Whole | Division::Auto => rule.to_string(),
            },
            max_byzantine: f,
            max_faulty: f.max(1),
            min_peers: aggregation.min_peers.max(min_inputs),
            min_inputs,
            max_peers: MAX_PEERS,
            rounds,
            dimension: 1,
            encoding: aggregation.encoding,
            inline_max: MAX_INLINE_BYTES,
            timing: Timing {
                pace: millis(aggregation.pace),
                collect_min: millis(aggregation.collect_min),
                collect_max: millis(aggregation.collect_max),
                attempt: millis(aggregation.attempt),
            },
            membership: Membership::Open,
        };
        spec.check()?;
        let data = load(&spec.data)?;
        spec.data_digest = Digest(data.digest());
        let shared = training.share_data.then(|| dataset::pack(&data));
        let shared = shared
            .transpose()
            .map_err(|error| unloadable(&spec.data, error))?;
        if let Some(packed) = &shared {
            spec.data = SharedData::named(packed).to_string();
        }
        let model: ModelSpec = read("model", &spec.model)?;
        let layout = model.layout(data.train.shape(), data.train.classes());
        let layout = layout.map_err(|error| JobError::Text(error.to_string(), error.hint()))?;
        spec.dimension = layout.dimension() as u64;
        Self::with_data(spec, data, shared)
    }

    /// Understands the specification of a run that others train, and loads its data: from `shared`, which is what the
    /// specification names, if peers give it to each other.
    ///
    /// # Errors
    /// When a text names nothing here, or the data is missing or different.
    pub fn read(spec: RunSpec, shared: Option<Packed>) -> Result<Self, JobError> {
        spec.check()?;
        let data = match (SharedData::of(&spec)?, &shared) {
            (None, _) => load(&spec.data)?,
            (Some(name), Some(packed)) if SharedData::named(packed) == name => {
                dataset::unpack(packed).map_err(|error| JobError::Shared(error.into()))?
            }
            (Some(_), _) => return Err(JobError::NotSaved),
        };
        if Digest(data.digest()) != spec.data_digest {
            return Err(JobError::OtherData { data: spec.data });
        }
        Self::with_data(spec, data, shared)
    }

    fn with_data(spec: RunSpec, data: Split, shared: Option<Packed>) -> Result<Self, JobError> {
        spec.check()?;
        let (rule, is_whole) = match spec.rule.strip_prefix(WHOLE) {
            Some(rule) => (rule, true),
            None => (spec.rule.as_str(), false),
        };
        let rule = shared_rule(rule)?;
        Ok(Self {
            id: spec.id(),
            model: read("model", &spec.model)?,
            optimizer: read("optimizer", &spec.optimizer)?,
            local: local::read(&spec.local)?,
            is_shared: !is_whole && rule.takes_columns_apart(),
            rule,
            seed: seed_key(spec.seed),
            data: Arc::new(data),
            shared,
            spec: Arc::new(spec),
        })
    }

    /// The parameters that the run begins with.
    ///
    /// # Errors
    /// When the model does not fit the data.
    pub fn first_params(&self) -> Result<Vec<f32>, JobError> {
        let train = &self.data.train;
        let layout = self.model.layout(train.shape(), train.classes());
        let layout = layout.map_err(|error| JobError::Text(error.to_string(), error.hint()))?;
        Ok(layout.initial(&self.seed))
    }
}

/// What seeds all that is random in a run.
pub fn seed_key(seed: u64) -> [u8; 32] {
    blake3::derive_key("spirt 1 seed", &seed.to_le_bytes())
}

fn load(text: &str) -> Result<Split, JobError> {
    let source: DataSpec = read("data set", text)?;
    source.load().map_err(|error| unloadable(text, error))
}

fn unloadable(text: &str, error: DataError) -> JobError {
    JobError::Data {
        data: text.to_owned(),
        hint: error.hint().to_owned(),
        source: error.into(),
    }
}

fn read<T: FromStr<Err: std::error::Error>>(what: &str, text: &str) -> Result<T, JobError> {
    text.parse().map_err(|error: T::Err| {
        let hint = format!("see the {what} under `spirt-node run --help`");
        JobError::Text(error.to_string(), hint)
    })
}

fn millis(span: std::time::Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}

/// The rule of a run: one that gives all peers the same, those included that joined just now.
fn shared_rule(text: &str) -> Result<Pipeline, JobError> {
    let rule: Pipeline = read("rule", text)?;
    if rule.needs_only_rows() {
        return Ok(rule);
    }
    let message = format!("the rule `{rule}` does not give all peers the same aggregate");
    let hint =
        "it needs a row of one's own, or the aggregate before; take another for a run".into();
    Err(JobError::Text(message, hint))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::{AggregationPlan, TrainingPlan};
    use spirt_protocol::Encoding;
    use std::num::NonZeroU32;
    use std::time::Duration;

    /// A job on the built-in data.
    pub(crate) fn job(model: &str, optimizer: &str) -> Job {
        let plan = Plan {
            training: TrainingPlan {
                model: model.into(),
                data: "digits".into(),
                share_data: false,
                optimizer: optimizer.into(),
                local_steps: NonZeroU32::MIN,
                batch_size: NonZeroU32::MIN,
                learning_rate: 0.5,
                worker_momentum: 0.0,
                seed: 0,
            },
            aggregation: AggregationPlan {
                rule: "mean".into(),
                encoding: Encoding::F32,
                division: Division::Auto,
                max_byzantine: 0,
                min_peers: 1,
                pace: Duration::ZERO,
                collect_min: Duration::ZERO,
                collect_max: Duration::from_secs(1),
                attempt: Duration::from_secs(1),
            },
        };
        Job::found(&plan, 0, PeerId([1; 32])).unwrap()
    }
}
