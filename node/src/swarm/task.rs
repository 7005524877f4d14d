//! The one task that owns the swarm. It waits for nobody: full queues drop, and count.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use futures::StreamExt as _;
use libp2p::{Multiaddr, PeerId, Swarm, gossipsub, kad::RecordKey, swarm::dial_opts::DialOpts};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::AbortHandle,
    time::{Instant as Sleep, sleep_until},
};

use super::{
    behaviour::Behaviour,
    config::Limits,
    dialect::Dialect,
    discovery::{Action, Discovery},
    error::{DialError, JoinError, PublishError},
    event::{Acceptance, Event, Fault},
    handle::{Command, Shared},
    limits,
    providers::ProviderKeys,
    pull::client::PullClient,
};
use crate::latest::Latest;

mod events;
mod shutdown;

/// The task's ends of the queues.
pub(super) struct Channels {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) faults: mpsc::Receiver<(PeerId, Fault)>,
}

/// What else the task looks after.
pub(super) struct Parts {
    pub(super) dialect: Dialect,
    pub(super) shared: Arc<Shared>,
    pub(super) pull: PullClient,
    pub(super) served: AbortHandle,
}

pub(super) struct Task {
    swarm: Swarm<Behaviour>,
    channels: Channels,
    parts: Parts,
    limits: Limits,
    discovery: Discovery,
    providers: ProviderKeys,
    topic: Option<gossipsub::IdentTopic>,
    /// Events that must not be lost, while the queue is full.
    outbox: Latest<Event, { limits::OUTBOX }>,
    unjudged: HashMap<PeerId, Arc<Semaphore>>,
    banned: Latest<PeerId, { limits::BANNED_PEERS }>,
}

impl Task {
    pub(super) fn new(
        swarm: Swarm<Behaviour>,
        bootstrap: Vec<Multiaddr>,
        limits: Limits,
        channels: Channels,
        parts: Parts,
    ) -> Self {
        let discovery = Discovery::new(*swarm.local_peer_id(), bootstrap, Instant::now());
        Self {
            swarm,
            channels,
            parts,
            limits,
            discovery,
            providers: ProviderKeys::default(),
            topic: None,
            outbox: Latest::default(),
            unjudged: HashMap::new(),
            banned: Latest::default(),
        }
    }

    pub(super) async fn run(mut self) {
        let events = self.channels.events.clone();
        let done = loop {
            let due = self.discovery.poll_timeout();
            tokio::select! {
                biased;
                command = self.channels.commands.recv() => match command {
                    Some(Command::Shutdown(done)) => break Some(done),
                    Some(command) => self.command(command),
                    None => break None,
                },
                Ok(permit) = events.reserve(), if !self.outbox.is_empty() => {
                    if let Some(event) = self.outbox.pop() {
                        permit.send(event);
                    }
                }
                () = sleep_until(due.map_or_else(Sleep::now, Sleep::from_std)), if due.is_some() => {
                    for action in self.discovery.handle_timeout(Instant::now()) {
                        self.act(action);
                    }
                }
                Some((peer, fault)) = self.channels.faults.recv() => self.fault(peer, fault),
                event = self.swarm.select_next_some() => self.swarm_event(event),
            }
        };
        self.shut_down().await;
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    fn command(&mut self, command: Command) {
        // A caller that no longer waits for its answer is nobody's fault.
        match command {
            Command::Join(key, done) => drop(done.send(self.join(key))),
            Command::Publish(data, done) => drop(done.send(self.publish(data))),
            Command::Judge(token, acceptance) => {
                let acceptance = match acceptance {
                    Acceptance::Accept => gossipsub::MessageAcceptance::Accept,
                    Acceptance::Reject => gossipsub::MessageAcceptance::Reject,
                    Acceptance::Ignore => gossipsub::MessageAcceptance::Ignore,
                };
                let gossip = &mut self.swarm.behaviour_mut().gossip;
                gossip.report_message_validation_result(&token.id, &token.source, acceptance);
            }
            Command::Dial(addr, done) => {
                let dial = DialOpts::unknown_peer_id()
                    .address(addr)
                    .allocate_new_port()
                    .build();
                let result = self.swarm.dial(dial);
                let result = result.map_err(|error| DialError::Refused(error.to_string()));
                drop(done.send(result));
            }
            Command::Members(done) => drop(done.send(self.discovery.book.members())),
            Command::Disconnect(peer) => {
                self.discovery.book.left(&peer);
                // An error means that it is not connected.
                let _ = self.swarm.disconnect_peer_id(peer);
            }
            Command::Ban(peer) => self.ban(peer),
            Command::Pardon(peer) => {
                self.banned.retain(|banned| *banned != peer);
                self.swarm.behaviour_mut().banned.unblock_peer(peer);
            }
            Command::Score(peer, score) => {
                let gossip = &mut self.swarm.behaviour_mut().gossip;
                // A peer that gossip forgot has no score to lower.
                let _ = gossip.set_application_score(&peer, score.min(0.0));
            }
            Command::Shutdown(done) => drop::<oneshot::Sender<()>>(done),
        }
    }

    fn join(&mut self, key: [u8; 32]) -> Result<(), JoinError> {
        if self.topic.is_some() {
            return Err(JoinError::AlreadyJoined);
        }
        let refused = |error: &dyn std::fmt::Display| JoinError::Refused(error.to_string());
        let topic = self.parts.dialect.topic(&key);
        let behaviour = self.swarm.behaviour_mut();
        let subscribed = behaviour.gossip.subscribe(&topic);
        subscribed.map_err(|error| refused(&error))?;
        let key = RecordKey::new(&key);
        let provided = behaviour.kad.start_providing(key.clone());
        provided.map_err(|error| refused(&error))?;
        let members: Vec<PeerId> = behaviour
            .gossip
            .all_peers()
            .filter(|(_, topics)| topics.contains(&&topic.hash()))
            .map(|(peer, _)| *peer)
            .collect();
        self.topic = Some(topic);
        let now = Instant::now();
        self.discovery.join(key, now);
        for peer in members {
            self.member(peer, now);
        }
        Ok(())
    }

    /// A connected peer has subscribed to our topic. The stream to it also keeps the connection
    /// from idling out when gossipsub does not have it in its mesh.
    fn member(&mut self, peer: PeerId, now: Instant) {
        self.discovery.book.member(peer, now);
        self.parts.pull.warm(peer);
    }

    fn publish(&mut self, data: Vec<u8>) -> Result<(), PublishError> {
        let topic = self.topic.as_ref().ok_or(PublishError::NotJoined)?;
        if data.len() > limits::GOSSIP_MESSAGE {
            return Err(PublishError::TooLarge(data.len()));
        }
        let bytes = data.len();
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        match gossip.publish(topic.hash(), data) {
            Ok(_) | Err(gossipsub::PublishError::Duplicate) => Ok(()),
            Err(gossipsub::PublishError::NoPeersSubscribedToTopic) => {
                Err(PublishError::NoPeersSubscribed)
            }
            Err(gossipsub::PublishError::MessageTooLarge) => Err(PublishError::TooLarge(bytes)),
            Err(gossipsub::PublishError::AllQueuesFull(peers)) => {
                Err(PublishError::QueuesFull(peers))
            }
            Err(error) => Err(PublishError::Refused(error.to_string())),
        }
    }

    fn ban(&mut self, peer: PeerId) {
        if peer == *self.swarm.local_peer_id() || self.banned.contains(&peer) {
            return;
        }
        self.discovery.book.forget(&peer);
        let oldest = self.banned.push(peer);
        let behaviour = self.swarm.behaviour_mut();
        // Closes its connections too.
        behaviour.banned.block_peer(peer);
        behaviour.kad.remove_peer(&peer);
        if let Some(oldest) = oldest {
            behaviour.banned.unblock_peer(oldest);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Dial(dial) => {
                let (connection, peer) = (dial.connection_id(), dial.get_peer_id());
                if let Err(error) = self.swarm.dial(dial) {
                    self.dial_failed(connection, peer, &error);
                }
            }
            Action::Provide(key) => {
                if let Err(error) = self.swarm.behaviour_mut().kad.start_providing(key) {
                    tracing::warn!(%error, "cannot announce this node");
                }
            }
            Action::Find(key) => {
                self.swarm.behaviour_mut().kad.get_providers(key);
            }
        }
    }

    fn fault(&mut self, peer: PeerId, fault: Fault) {
        tracing::debug!(%peer, ?fault, "peer broke a protocol");
        if fault == Fault::Garbage {
            self.discovery.book.penalise(&peer, Instant::now());
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        self.emit(Event::Misbehaved(peer, fault));
    }

    /// Tells the driver something that it must learn, in order.
    fn emit(&mut self, event: Event) {
        let event = if self.outbox.is_empty() {
            match self.channels.events.try_send(event) {
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => return,
                Err(mpsc::error::TrySendError::Full(event)) => event,
            }
        } else {
            event
        };
        if self.outbox.push(event).is_some() {
            tracing::warn!("the driver does not take its events, the oldest is lost");
        }
    }

    fn drop_gossip(&self) {
        let dropped = &self.parts.shared.gossip_dropped;
        dropped.fetch_add(1, Ordering::Relaxed);
    }
}
