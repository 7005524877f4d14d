//! How a node comes to its run: it founds one, goes on with the one in its data dir, or asks the
//! bootstrap peers. Owns the file `run.spec` of the data dir.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use spirt_protocol::{
    Config as MachineConfig, Identity as SigningKey, Manifest, PeerId, Request, Response,
    RoundMachine, RunId, RunSpec, Time,
};
use tokio::sync::mpsc;

use super::DaemonError;
use crate::blobs::Packed;
use crate::buffers::Buffers;
use crate::checkpoint;
use crate::config::{Config, Entry};
use crate::control::{ControlRequest, Status};
use crate::datadir::{DataDir, write::replace as replace_file};
use crate::fetch;
use crate::job::Job;
use crate::model_state::ModelState;
use crate::swarm::{Event, EventStream, Handle};

/// How long a node that knows its run asks whether the bootstrap peers train it too.
const KNOWN_RUN_PATIENCE: Duration = Duration::from_secs(3);

/// What is known of the run before the network is up.
pub(super) enum Prepared {
    /// The run is known: a new one, or the one in the data dir.
    Known {
        job: Box<Job>,
        held: Vec<(Manifest, Packed)>,
        new: bool,
    },
    /// The peers will tell.
    Unknown,
}

impl Prepared {
    pub(super) fn run(&self) -> Option<RunId> {
        match self {
            Self::Known { job, .. } => Some(job.id),
            Self::Unknown => None,
        }
    }
}

/// All that a node needs to take part.
pub(super) struct Entered {
    pub(super) job: Job,
    /// The states that it brings, by ascending round; never empty.
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

/// What the node talks to before the driver takes over.
pub(super) struct Door<'a> {
    pub(super) swarm: &'a Handle,
    /// The version of the wire format that this node speaks.
    pub(super) version: u16,
    pub(super) events: &'a mut EventStream,
    pub(super) control: mpsc::Receiver<ControlRequest>,
    pub(super) signals: mpsc::Receiver<()>,
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
            let job = Job::read(spec)?;
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
            remember(data_dir, &job.spec)?;
            Ok(Prepared::Known {
                job: Box::new(job),
                held: Vec::new(),
                new: true,
            })
        }
        (Entry::Join { .. }, None) => Ok(Prepared::Unknown),
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
            entered(*job, held, new, door).await.map(Some)
        }
        (Prepared::Known { job, held, .. }, Entry::Join { .. }) => {
            // The peers must be training the same run as the data dir, if they are up at all: after
            // a shutdown of the whole swarm each waits for the others.
            match ask_for_spec(config, Some(job.id), Some(&job.spec), door).await? {
                Some(_) => entered(*job, held, false, door).await.map(Some),
                None => Ok(None),
            }
        }
        (Prepared::Unknown, _) => {
            let wanted = config.stay.run;
            let Some(spec) = ask_for_spec(config, wanted, None, door).await? else {
                return Ok(None);
            };
            let job = Job::read(spec)?;
            remember(data_dir, &job.spec)?;
            entered(job, Vec::new(), false, door).await.map(Some)
        }
    }
}

/// Joins the run's topic, so that its peers come up while this node computes the first state.
async fn entered(
    job: Job,
    held: Vec<(Manifest, Packed)>,
    new: bool,
    door: &Door<'_>,
) -> Result<Entered, DaemonError> {
    door.swarm.join(job.id.0).await.map_err(DaemonError::Join)?;
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

/// Asks each peer that comes up for the run, until one tells. A node that knows the run already asks
/// for a moment only, and tells others that ask meanwhile.
async fn ask_for_spec(
    config: &Config,
    wanted: Option<RunId>,
    known: Option<&RunSpec>,
    door: &mut Door<'_>,
) -> Result<Option<RunSpec>, DaemonError> {
    let timeout = match known {
        Some(_) => config.network.join_timeout.min(KNOWN_RUN_PATIENCE),
        None => config.network.join_timeout,
    };
    let deadline = tokio::time::Instant::now() + timeout;
    let mut last = String::from("no bootstrap address answered");
    let mut asked_in_vain = None;
    let mut foreign = BTreeSet::new();
    loop {
        for peer in super::protocol_peers(door.swarm) {
            match fetch::spec(door.swarm, peer, wanted).await {
                Some(spec) => return Ok(Some(spec)),
                None => asked_in_vain = Some(peer),
            }
        }
        if let Some(peer) = asked_in_vain {
            last = format!("{peer} takes part in no run that can be joined");
            if let (Some(wanted), true) = (wanted, other_run(door.swarm, peer).await) {
                return Err(DaemonError::NoSuchRun {
                    wanted: wanted.to_string(),
                });
            }
        }
        // Peers come up, and runs begin, at any time: look again soon.
        let again = tokio::time::sleep(Duration::from_millis(250));
        tokio::select! {
            () = again => {}
            () = tokio::time::sleep_until(deadline) => {
                return match known {
                    Some(spec) => Ok(Some(spec.clone())),
                    None => Err(DaemonError::NotJoined { timeout, last }),
                };
            }
            Some(()) = door.signals.recv() => return Ok(None),
            Some(request) = door.control.recv() => {
                if answer(request, door.swarm) {
                    return Ok(None);
                }
            }
            event = door.events.recv() => match event {
                Some(Event::BootstrapFailed { addr, error }) => last = format!("{addr}: {error}"),
                Some(Event::OtherVersion { peer, version }) => {
                    let ours = door.version;
                    tracing::warn!(
                        %peer,
                        "refused a peer that speaks wire version {version}: this build speaks {ours}"
                    );
                    foreign.insert(peer);
                    let all_are = door.swarm.peers().iter().all(|peer| foreign.contains(peer));
                    if known.is_none() && all_are && foreign.len() >= super::bootstrap(config).len() {
                        return Err(DaemonError::OtherVersion { peer, version, ours });
                    }
                }
                Some(Event::Request { data, reply, .. }) => {
                    let asked = Request::decode(&data);
                    if let (Some(spec), Ok(Request::Spec(_))) = (known, asked) {
                        reply.send(Response::Spec(spec.encode()).encode());
                    }
                }
                Some(_) => {}
                None => return Err(DaemonError::NotJoined { timeout, last }),
            }
        }
    }
}

/// Whether the peer takes part in some run, though not in the one that was asked for.
async fn other_run(swarm: &Handle, peer: PeerId) -> bool {
    fetch::spec(swarm, peer, None).await.is_some()
}

/// Answers the operator while the node looks for its run; whether it is to stop.
fn answer(request: ControlRequest, swarm: &Handle) -> bool {
    match request {
        ControlRequest::Status { reply } => {
            let mut status = Status::starting(swarm.local_peer());
            status.peers_connected = swarm.peers().len() as u64;
            // Whoever asked may be gone.
            let _ = reply.send(status);
            false
        }
        ControlRequest::Stop { reply, .. } => {
            let _ = reply.send(());
            true
        }
    }
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
