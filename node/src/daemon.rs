//! Start and stop of a node: what is opened in which order, and what is closed again.
//!
//! Data dir and lock, identity, network, `ready`; then the run: founded, resumed, or asked from the
//! bootstrap peers; then the [driver](crate::driver) until it ends; goodbye.

mod dataset;
mod door;
mod entry;
mod error;
mod listen;

use std::collections::BTreeMap;
use std::time::Instant;

use libp2p::Multiaddr;
use spirt_protocol::{Identity as SigningKey, PeerId, WIRE_VERSION};
use tokio::sync::mpsc;

use crate::attack::{Attack, Liar, Mask};
use crate::blobs::{Blobs, Packed};
use crate::buffers::Buffers;
use crate::config::{Config, Entry, Home};
use crate::control::ControlServer;
use crate::datadir::DataDir;
use crate::driver::{Bounds, Driver, Ending, Report, Wiring};
use crate::identity::Identity;
use crate::output::{Left, Output};
use crate::peer;
use crate::swarm::{self, Handle};
use crate::transfer::Transfers;
use crate::worker::Worker;

use entry::Entered;

pub use error::DaemonError;

/// Threads for what blocks: checks of whole models, writing of checkpoints.
const BLOCKING_THREADS: usize = 4;
/// Most threads for the network: each moves about a gigabyte per second.
const MOST_NETWORK_THREADS: usize = 4;

/// How a node came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did its rounds, or was asked to stop, and left.
    Left,
    /// A second signal stopped it at once.
    Interrupted,
}

/// Runs a node until it leaves.
///
/// # Errors
/// When it cannot start, join or go on.
pub fn run(config: Config, output: &Output) -> Result<Outcome, DaemonError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(network_threads())
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()
        .map_err(DaemonError::Runtime)?;
    let outcome = runtime.block_on(async {
        let (first, again) = signals().map_err(DaemonError::Runtime)?;
        tokio::select! {
            result = live(config, output.clone(), first) => result,
            () = again => Ok(Outcome::Interrupted),
        }
    });
    // A computation under way is of no use any more.
    runtime.shutdown_background();
    outcome
}

/// Half of the cores: the rest is for the arithmetic, and threads that outnumber cores wake each other in vain.
fn network_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    (cores / 2).clamp(1, MOST_NETWORK_THREADS)
}

/// The first signal goes into the channel; the second ends the future.
fn signals() -> std::io::Result<(mpsc::Receiver<()>, impl Future<Output = ()>)> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let (first, received) = mpsc::channel(1);
    let again = async move {
        for _ in 0..2 {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            // Full, or nobody listens: then this is the second one, or the node is leaving.
            let _ = first.try_send(());
        }
    };
    Ok((received, again))
}

async fn live(
    config: Config,
    output: Output,
    signals: mpsc::Receiver<()>,
) -> Result<Outcome, DaemonError> {
    let started = Instant::now();
    let data_dir = DataDir::open(&config.home)?;
    let identity = match config.home {
        Home::Dir(_) => Identity::load_or_create(&data_dir.identity())?,
        Home::Ephemeral => Identity::ephemeral(),
    };
    let start = u32::try_from(data_dir.next_session()?).unwrap_or(u32::MAX);
    let attack = config
        .attack
        .as_deref()
        .map(str::parse::<Attack>)
        .transpose();
    let attack = attack.map_err(DaemonError::Attack)?;
    let me = peer::from_libp2p(&identity.peer_id()).ok_or(DaemonError::ForeignKey)?;
    let key = signing_key(&identity).ok_or(DaemonError::ForeignKey)?;
    // Everything that can be wrong on this machine is found before the first packet is sent.
    let prepared = entry::prepare(&config, me, &data_dir)?;
    let (blobs, buffers) = (Blobs::default(), Buffers::default());
    let mut network = listen::network(&config, &identity, &data_dir)?;
    let bends = attack.as_ref().is_some_and(Attack::bends_service);
    network.blobs = (!bends).then(|| blobs.clone());
    network.buffers = buffers.clone();
    network.version = attack.as_ref().map_or(WIRE_VERSION, Attack::version);
    let version = network.version;
    let (handle, mut events) = swarm::start(network).await?;
    let (control_sender, control) = mpsc::channel(crate::control::QUEUE);
    let transfers = Transfers::new(handle.clone());
    let mut door = door::Door {
        swarm: &handle,
        transfers: transfers.clone(),
        blobs: blobs.clone(),
        foreign: BTreeMap::new(),
        version,
        events: &mut events,
        control,
        signals,
    };
    let Some(listen) = listen::listening(&mut door).await? else {
        handle.shutdown().await;
        return Ok(Outcome::Left);
    };
    let ready = listen::announce(&config, &identity, listen, &data_dir, &prepared)?;
    output.ready(&ready);
    let server = ControlServer::bind(&data_dir.control_socket())?;
    tokio::spawn(server.serve(control_sender));
    let Some(mut entered) = entry::enter(prepared, &config, &mut door, &data_dir).await? else {
        handle.shutdown().await;
        return Ok(Outcome::Left);
    };
    let door::Door {
        control, signals, ..
    } = door;
    if let (Some(lie), Some(text)) = (&attack, &config.attack) {
        tracing::warn!(attack = %text, "THIS NODE LIES: it plays a Byzantine peer, by --attack");
        Liar::gather(lie, &key, &entered.job, bootstrap(&config));
    }
    let liar = attack
        .as_ref()
        .and_then(|attack| Liar::new(attack, &key, &entered.job));
    let latest = hold(&mut entered, &blobs);
    let (worker, answers) =
        Worker::start(entered.job.clone(), me, attack, latest.clone(), buffers)?;
    let machine = entered.machine(key, start, started);
    let wiring = Wiring {
        transfers,
        swarm: handle,
        events,
        worker,
        answers,
        control,
        signals,
        blobs,
        data_dir,
        printer: output.clone(),
        mask: Mask::of(liar),
    };
    let bounds = bounds(&config, started);
    let report = Report::new(me, entered.job.id, ready);
    let driver = Driver::new(
        entered.job,
        machine,
        latest,
        wiring,
        bounds,
        started,
        report,
    );
    finish(driver, &output).await
}

/// Holds what the node brings, for its peers to fetch; the latest model of it.
fn hold(entered: &mut Entered, blobs: &Blobs) -> Option<Packed> {
    if let Some(packed) = entered.job.shared.take() {
        blobs.keep(&packed);
    }
    // Held by none but `blobs` from here on: their memory is to go when the run has left them behind.
    let models = std::mem::take(&mut entered.models);
    models
        .into_iter()
        .inspect(|model| blobs.insert(model))
        .last()
}

async fn finish(driver: Driver, output: &Output) -> Result<Outcome, DaemonError> {
    let (ending, report, swarm) = driver.run().await;
    let traffic = swarm.traffic();
    swarm.shutdown().await;
    output.left(&Left {
        reason: reason(ending).into(),
        round: report.round(),
        rounds_applied: report.rounds_applied,
        rounds_lost: report.rounds_lost,
        bytes_sent: traffic.sent,
        bytes_received: traffic.received,
    });
    match ending {
        Ending::RunLost => Err(DaemonError::RunLost),
        _ => Ok(Outcome::Left),
    }
}

const fn reason(ending: Ending) -> &'static str {
    match ending {
        Ending::Complete => "the run is complete",
        Ending::Stopped => "stopped on request",
        Ending::RoundsDone => "its rounds are done",
        Ending::LeaseOver => "its lease is over",
        Ending::RunLost => "no round ended for too long",
    }
}

fn bounds(config: &Config, started: Instant) -> Bounds {
    // A founder's rounds are the run's, and end it for everybody.
    let joined = matches!(config.entry, Entry::Join { .. });
    Bounds {
        rounds: config
            .stay
            .rounds
            .filter(|_| joined)
            .map(std::num::NonZeroU64::get),
        lease_end: config.stay.lease.map(|lease| started + lease),
        patience: config.stay.patience,
        checkpoint_every: config.checkpoint_every.map(std::num::NonZeroU64::get),
    }
}

/// The addresses that the operator gave to enter the network by.
fn bootstrap(config: &Config) -> &[Multiaddr] {
    match &config.entry {
        Entry::Join { bootstrap } => bootstrap,
        Entry::Found { .. } => &[],
    }
}

fn signing_key(identity: &Identity) -> Option<SigningKey> {
    let pair = identity.keypair().clone().try_into_ed25519().ok()?;
    let seed: [u8; 32] = pair.secret().as_ref().try_into().ok()?;
    Some(SigningKey::from_seed(&seed))
}

/// The protocol's name of a peer of the swarm, for those that have one.
pub(crate) fn protocol_peers(swarm: &Handle) -> Vec<PeerId> {
    swarm.peers().iter().filter_map(peer::from_libp2p).collect()
}
