//! What a node does before it takes part in a run: it asks peers for it, and answers the operator meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use spirt_protocol::{Frame, PeerId, Request, Response, RunId, RunSpec};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::DaemonError;
use crate::blobs::Blobs;
use crate::config::Config;
use crate::control::{ControlRequest, Status};
use crate::fetch;
use crate::swarm::{Event, EventStream, Handle};
use crate::transfer::Transfers;

/// How long a node that knows its run asks whether the bootstrap peers train it too.
const KNOWN_RUN_PATIENCE: Duration = Duration::from_secs(3);
/// How long to wait before peers are asked again.
pub(super) const PAUSE: Duration = Duration::from_millis(250);
/// How long a newcomer waits to hear how far the run is, before it computes the first state.
const VOUCH_PATIENCE: Duration = Duration::from_millis(500);

/// What the node talks to before the driver takes over.
pub(super) struct Door<'a> {
    pub(super) swarm: &'a Handle,
    pub(super) transfers: Transfers,
    pub(super) blobs: Blobs,
    /// Peers that speak another version of the wire format, with theirs.
    pub(super) foreign: BTreeMap<libp2p::PeerId, u16>,
    /// The version of the wire format that this node speaks.
    pub(super) version: u16,
    pub(super) events: &'a mut EventStream,
    pub(super) control: mpsc::Receiver<ControlRequest>,
    pub(super) signals: mpsc::Receiver<()>,
}

/// Why nothing more comes through the door.
pub(super) enum Shut {
    /// The operator stops the node.
    Stopped,
    /// The network is gone.
    NoNetwork,
}

impl Door<'_> {
    /// The next thing that matters to whoever waits at the door; answers the operator's questions, and notes who speaks
    /// another version. Loses nothing when it is dropped.
    pub(super) async fn hear(&mut self) -> Result<Event, Shut> {
        loop {
            tokio::select! {
                Some(()) = self.signals.recv() => return Err(Shut::Stopped),
                Some(request) = self.control.recv() => {
                    if answer(request, self.swarm) {
                        return Err(Shut::Stopped);
                    }
                }
                event = self.events.recv() => match event {
                    Some(Event::OtherVersion { peer, version }) => self.refuse(peer, version),
                    Some(event) => return Ok(event),
                    None => return Err(Shut::NoNetwork),
                },
            }
        }
    }

    /// Notes and says that a peer speaks another version.
    fn refuse(&mut self, peer: libp2p::PeerId, version: u16) {
        let ours = self.version;
        tracing::warn!(
            %peer,
            "refused a peer that speaks wire version {version}: this build speaks {ours}"
        );
        self.foreign.insert(peer, version);
    }

    /// What to say when as many peers as were to be asked speak another version, and nobody else is there.
    fn only_foreign(&self, config: &Config) -> Option<DaemonError> {
        let (peer, version) = self.foreign.first_key_value()?;
        let peers = self.swarm.peers();
        let all_are = peers.iter().all(|peer| self.foreign.contains_key(peer));
        let enough = self.foreign.len() >= super::bootstrap(config).len();
        (all_are && enough).then(|| DaemonError::OtherVersion {
            peer: *peer,
            version: *version,
            ours: self.version,
        })
    }
}

/// What came of asking all peers that are up for the run.
enum Asked {
    Told(Box<RunSpec>, PeerId),
    /// The last of them that knows none.
    InVain(Option<PeerId>),
    /// There is a run, but not this one, which is wanted.
    OtherRun(RunId),
}

/// Asks each peer that is up after a pause for the run, until one tells.
async fn ask_after(pause: Duration, swarm: &Handle, wanted: Option<RunId>) -> Asked {
    tokio::time::sleep(pause).await;
    let mut asked_in_vain = None;
    for peer in super::protocol_peers(swarm) {
        match fetch::spec(swarm, peer, wanted).await {
            Some(spec) => return Asked::Told(Box::new(spec), peer),
            None => asked_in_vain = Some(peer),
        }
    }
    if let Some((peer, wanted)) = asked_in_vain.zip(wanted)
        && fetch::spec(swarm, peer, None).await.is_some()
    {
        return Asked::OtherRun(wanted);
    }
    Asked::InVain(asked_in_vain)
}

/// Asks each peer that comes up for the run, until one tells; who that was. A node that knows the run already asks
/// for a moment only, and tells others that ask meanwhile: two that ask each other wait for neither.
pub(super) async fn ask_for_spec(
    config: &Config,
    wanted: Option<RunId>,
    known: Option<&RunSpec>,
    door: &mut Door<'_>,
) -> Result<Option<(RunSpec, Option<PeerId>)>, DaemonError> {
    let patience = match known {
        Some(_) => config.network.join_timeout.min(KNOWN_RUN_PATIENCE),
        None => config.network.join_timeout,
    };
    let deadline = tokio::time::Instant::now() + patience;
    let mut last = String::from("no bootstrap address answered");
    let swarm = door.swarm;
    let asking = ask_after(Duration::ZERO, swarm, wanted);
    tokio::pin!(asking);
    loop {
        if known.is_none()
            && let Some(error) = door.only_foreign(config)
        {
            return Err(error);
        }
        tokio::select! {
            asked = &mut asking => match asked {
                Asked::Told(spec, peer) => return Ok(Some((*spec, Some(peer)))),
                Asked::OtherRun(wanted) => return Err(DaemonError::NoSuchRun {
                    wanted: wanted.to_string(),
                }),
                Asked::InVain(peer) => {
                    if let Some(peer) = peer {
                        last = format!("{peer} takes part in no run that can be joined");
                    }
                    // Peers come up, and runs begin, at any time: look again soon.
                    asking.set(ask_after(PAUSE, swarm, wanted));
                }
            },
            () = tokio::time::sleep_until(deadline) => {
                return match known {
                    Some(spec) => Ok(Some((spec.clone(), None))),
                    None => Err(DaemonError::NotJoined {
                        timeout: patience,
                        last,
                    }),
                };
            }
            heard = door.hear() => match heard {
                Ok(Event::BootstrapFailed { addr, error }) => last = format!("{addr}: {error}"),
                Ok(Event::Request { data, reply, .. }) => {
                    let asked = Request::decode(&data);
                    if let (Some(spec), Ok(Request::Spec(_))) = (known, asked) {
                        reply.send(Response::Spec(spec.encode()).encode());
                    }
                }
                Ok(_) => {}
                Err(Shut::Stopped) => return Ok(None),
                Err(Shut::NoNetwork) => return Err(DaemonError::NotJoined {
                        timeout: patience,
                        last,
                    }),
            }
        }
    }
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

/// Whether the run has left its first state behind, as a peer tells: that state need not be computed then, which takes long
/// for a large model. A peer that lies costs time, as the state that the members stand behind is fetched in any case.
pub(super) async fn is_under_way(swarm: &Handle, teller: PeerId, run: RunId) -> bool {
    let vouch = timeout(VOUCH_PATIENCE, fetch::vouch(swarm, teller)).await;
    let frames = vouch.unwrap_or_default();
    let mut frames = frames.iter().filter_map(|it| Frame::verify(it, &run).ok());
    frames.any(|frame| frame.author() == teller && frame.round().0 > 0)
}

/// Joins the run's topic, so that its peers come up while this node fetches its data set and computes its first state.
pub(super) async fn join(run: RunId, door: &Door<'_>) -> Result<(), DaemonError> {
    door.swarm.join(run.0).await.map_err(DaemonError::Join)
}

#[cfg(test)]
mod tests;
