//! The libp2p network of a node: finds the peers of a run, gossips, and answers and asks requests.
//!
//! It deals in opaque bytes; the driver alone knows what they mean. One task owns the libp2p
//! swarm and never waits for a peer or for the driver:
//!
//! ```text
//!  driver -- Handle ----> commands ---> task (swarm, discovery) ---> EventStream --> driver
//!         -- Handle::request --> one session task per peer  =====/spirt/pull/1=====  one serve task per peer
//! ```
//!
//! * **Discovery.** TCP (and QUIC with the feature `quic`), Noise, Yamux; Kademlia in explicit
//!   server mode with one provider record per run; identify feeds the routing table. Every
//!   provider found is dialled: small swarms form a full mesh.
//! * **Gossip.** gossipsub 1.2, signed, each message judged by the driver before it is passed on.
//!   Peers are scored by what the node above says of them, and by nothing else: the default
//!   parameters empty every mesh where peers share an address. Whether a peer counts is decided by
//!   signatures and membership above this layer.
//! * **Requests.** One persistent stream per ordered pair of peers, many requests in flight in it. Chunks of
//!   [blobs](crate::blobs) are served without the driver and come into [buffers](crate::buffers); all else is its affair.
//!
//! Everything is bounded; the bounds are in [`limits`] and [`Limits`].

mod announced;
mod behaviour;
mod book;
mod config;
mod dialect;
mod discovery;
mod error;
mod event;
mod handle;
pub mod limits;
mod meter;
mod providers;
mod pull;
mod streams;
mod task;
mod transport;

#[cfg(test)]
mod tests;

pub use config::{Limits, SwarmConfig};
pub use error::{ChunkError, DialError, JoinError, PublishError, RequestError, StartError};
pub use event::{Acceptance, Event, EventStream, Fault, MessageToken, Responder};
pub use handle::{Handle, Traffic};
#[cfg(feature = "fuzz")]
pub(crate) use pull::fuzz::frames as fuzz;

use std::sync::Arc;

use libp2p::{Swarm, Transport as _, swarm};
use tokio::sync::mpsc;

use announced::Announced;
use dialect::Dialect;
use handle::Shared;
use pull::{client::PullClient, server};
use task::Task;

/// Starts listening and dialling. Must be called within a tokio runtime.
///
/// The swarm runs until [`Handle::shutdown`], or until the last [`Handle`] is dropped.
pub async fn start(config: SwarmConfig) -> Result<(Handle, EventStream), StartError> {
    let SwarmConfig {
        keypair,
        version,
        listen,
        external,
        external_only,
        bootstrap,
        limits,
        blobs,
        buffers,
    } = config;
    let dialect = Dialect::of(version);
    limits
        .check()
        .map_err(|error| StartError::Config(error.into()))?;
    let local = keypair.public().to_peer_id();
    let shared = Arc::new(Shared::default());

    let announced = external.first().filter(|_| external_only).cloned();
    let transport = transport::build(&keypair, &shared.meter)?;
    let transport = Announced::new(transport, announced).boxed();
    let (inbound_tx, inbound_rx) = mpsc::channel(limits::STREAM_QUEUE);
    let behaviour = behaviour::Behaviour::new(&keypair, &dialect, inbound_tx)?;
    let opener = behaviour.streams.opener();
    let swarm_config = swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(limits::IDLE_CONNECTION)
        .with_max_negotiating_inbound_streams(limits::NEGOTIATING_STREAMS);
    let mut swarm = Swarm::new(transport, behaviour, local, swarm_config);
    for addr in external {
        swarm.add_external_address(addr);
    }
    for addr in listen {
        swarm
            .listen_on(addr.clone())
            .map_err(|error| StartError::Listen {
                addr,
                error: error.to_string(),
            })?;
    }

    let (events_tx, events_rx) = mpsc::channel(limits.event_queue);
    let (requests_tx, requests_rx) = mpsc::channel(limits.request_queue);
    let (commands_tx, commands_rx) = mpsc::channel(limits::COMMAND_QUEUE);
    let (faults_tx, faults_rx) = mpsc::channel(limits::FAULT_QUEUE);

    let served = tokio::spawn(server::serve(
        inbound_rx,
        requests_tx,
        faults_tx.clone(),
        limits.clone(),
        blobs,
    ));
    let pull = PullClient::new(
        opener,
        Arc::clone(&shared),
        faults_tx,
        limits.clone(),
        buffers,
    );
    let handle = Handle::new(local, commands_tx, Arc::clone(&shared), pull.clone());
    let task = Task::new(
        swarm,
        bootstrap,
        limits,
        task::Channels {
            commands: commands_rx,
            events: events_tx,
            faults: faults_rx,
        },
        task::Parts {
            dialect,
            shared,
            pull,
            served: served.abort_handle(),
        },
    );
    tokio::spawn(task.run());
    Ok((handle, EventStream::new(events_rx, requests_rx)))
}
