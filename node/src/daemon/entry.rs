//! How a node comes to its run: it founds one, goes on with the one in its data dir, or asks the
//! bootstrap peers. Owns the file `run.spec` of the data dir.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use spirt_protocol::{
    Config as MachineConfig, Identity as SigningKey, Manifest, PeerId, RoundMachine, RunId,
    RunSpec, Time,
};

use super::DaemonError;
use super::dataset::{self, Data};
use super::door::{Door, ask_for_spec, is_under_way, join};
use crate::blobs::Packed;
use crate::buffers::Buffers;
use crate::checkpoint;
use crate::config::{Config, Entry};
use crate::datadir::{DataDir, write::replace as replace_file};
use crate::dataset::{SharedData, save as save_data};
use crate::job::{Job, JobError};
use crate::model_state::ModelState;

/// What is known of the run before the network is up.
pub(super) enum Prepared {
    /// The run is known: a new one, or the one in the data dir.
    Known {
        job: Box<Job>,
        held: Vec<(Manifest, Packed)>,
        new: bool,
    },
    /// The peers will tell; of this run, if it is given.
    Unknown(Option<RunId>),
}

impl Prepared {
    pub(super) fn run(&self) -> Option<RunId> {
        match self {
            Self::Known { job, .. } => Some(job.id),
            Self::Unknown(run) => *run,
        }
    }
}

/// All that a node needs to take part.
pub(super) struct Entered {
    pub(super) job: Job,
    /// The states that it brings, by ascending round. None, if it comes to a run that is under way.
    manifests: Vec<Manifest>,
    /// Their models, in the same order.
    pub(super) models: Vec<Packed>,
    /// Whether it starts a new run.
    new: bool,
}

impl Entered {
    pub(super) fn machine(&self, identity: SigningKey, start: u32, began: Instant) -> RoundMachine {
        let config = MachineConfig {
            identity,
            start,
            spec: Arc::clone(&self.job.spec),
        };
        RoundMachine::new(
            config,
            self.manifests.clone(),
            self.new,
            Time(began.elapsed()),
        )
    }
}

/// Reads what this machine knows of the run, and checks all of it.
pub(super) fn prepare(
    config: &Config,
    me: PeerId,
    data_dir: &DataDir,
) -> Result<Prepared, DaemonError> {
    let remembered = remembered(data_dir)?;
    match (&config.entry, remembered) {
        (_, Some(spec)) => {
            if let Some(wanted) = config.stay.run.filter(|wanted| *wanted != spec.id()) {
                let (ours, theirs) = (spec.id().to_string(), wanted.to_string());
                return Err(DaemonError::OtherRun { ours, theirs });
            }
            let run = spec.id();
            let shared = SharedData::of(&spec).map_err(JobError::from)?;
            let shared = shared.and_then(|name| name.saved(data_dir));
            let job = match (Job::read(spec, shared), &config.entry) {
                // The peers have it; and a state later than any that is here.
                (Err(JobError::NotSaved), Entry::Join { .. }) => {
                    return Ok(Prepared::Unknown(Some(run)));
                }
                (job, _) => job?,
            };
            let saved = checkpoint::load(&data_dir.checkpoints(), job.id)?;
            let held = saved
                .into_iter()
                .map(|saved| (saved.manifest, saved.model))
                .collect();
            Ok(Prepared::Known {
                job: Box::new(job),
                held,
                new: false,
            })
        }
        (Entry::Found(plan), None) => {
            let rounds = config.stay.rounds.map_or(0, std::num::NonZeroU64::get);
            let job = Job::found(plan, rounds, me)?;
            if let Some(packed) = &job.shared {
                save_data(data_dir, packed).map_err(JobError::Save)?;
            }
            remember(data_dir, &job.spec)?;
            Ok(Prepared::Known {
                job: Box::new(job),
                held: Vec::new(),
                new: true,
            })
        }
        (Entry::Join { .. }, None) => Ok(Prepared::Unknown(config.stay.run)),
    }
}

/// Finds the run, asking peers if need be; `None` when the operator stopped the node meanwhile.
pub(super) async fn enter(
    prepared: Prepared,
    config: &Config,
    door: &mut Door<'_>,
    data_dir: &DataDir,
) -> Result<Option<Entered>, DaemonError> {
    match (prepared, &config.entry) {
        (Prepared::Known { job, held, new }, Entry::Found(_)) => {
            join(job.id, door).await?;
            entered(*job, held, new).await.map(Some)
        }
        (Prepared::Known { job, held, .. }, Entry::Join { .. }) => {
            // The peers must be training the same run as the data dir, if they are up at all: after
            // a shutdown of the whole swarm each waits for the others.
            match ask_for_spec(config, Some(job.id), Some(&job.spec), door).await? {
                Some(_) => {
                    join(job.id, door).await?;
                    entered(*job, held, false).await.map(Some)
                }
                None => Ok(None),
            }
        }
        (Prepared::Unknown(wanted), _) => {
            let Some((spec, teller)) = ask_for_spec(config, wanted, None, door).await? else {
                return Ok(None);
            };
            join(spec.id(), door).await?;
            let shared =
                match dataset::get(&spec, config.network.join_timeout, door, data_dir).await? {
                    Data::Own => None,
                    Data::Shared(packed) => Some(packed),
                    Data::Stopped => return Ok(None),
                };
            let job = Job::read(spec, shared)?;
            remember(data_dir, &job.spec)?;
            if let Some(teller) = teller
                && is_under_way(door.swarm, teller, job.id).await
            {
                return Ok(Some(stateless(job)));
            }
            entered(job, Vec::new(), false).await.map(Some)
        }
    }
}

/// Without any state: the members have a later one.
fn stateless(job: Job) -> Entered {
    Entered {
        job,
        manifests: Vec::new(),
        models: Vec::new(),
        new: false,
    }
}

/// With the first state, and those held.
async fn entered(
    job: Job,
    held: Vec<(Manifest, Packed)>,
    new: bool,
) -> Result<Entered, DaemonError> {
    let computed = tokio::task::spawn_blocking(move || with_states(job, held, new));
    computed.await.map_err(|_| DaemonError::NoState)?
}

fn with_states(job: Job, held: Vec<(Manifest, Packed)>, new: bool) -> Result<Entered, DaemonError> {
    let first = ModelState::first(&job, job.first_params()?).pack(&Buffers::default());
    let manifest = Manifest::first(&job.spec, first.root(), first.length());
    let (mut manifests, mut models) = (vec![manifest], vec![first]);
    for (manifest, model) in held
        .into_iter()
        .filter(|(manifest, _)| manifest.round.0 > 0)
    {
        let round = manifest.round.0;
        ModelState::unpack(&job, &model).map_err(|source| DaemonError::Model { round, source })?;
        manifests.push(manifest);
        models.push(model);
    }
    Ok(Entered {
        job,
        manifests,
        models,
        new,
    })
}

fn spec_path(data_dir: &DataDir) -> PathBuf {
    data_dir.root().join("run.spec")
}

fn remembered(data_dir: &DataDir) -> Result<Option<RunSpec>, DaemonError> {
    let path = spec_path(data_dir);
    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| DaemonError::Spec {
        path: path.clone(),
        source,
    };
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error.into())),
    };
    let spec = RunSpec::decode(&bytes).map_err(|error| unreadable(error.into()))?;
    Ok(Some(spec))
}

fn remember(data_dir: &DataDir, spec: &RunSpec) -> Result<(), DaemonError> {
    let path = spec_path(data_dir);
    replace_file(&path, &spec.encode(), 0o600).map_err(|error| DaemonError::Spec {
        path,
        source: error.into(),
    })
}
