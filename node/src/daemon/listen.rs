//! Where a node listens: what the network is told, and what the node tells of it.

use std::time::Duration;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use super::DaemonError;
use super::door::{Door, Shut};
use super::entry::Prepared;
use crate::config::Config;
use crate::datadir::DataDir;
use crate::identity::Identity;
use crate::output::Ready;
use crate::swarm::{self, Event, SwarmConfig};

/// How long the node waits for its first listen address.
const LISTEN_PATIENCE: Duration = Duration::from_secs(10);
/// How long it waits for further ones.
const LISTEN_PAUSE: Duration = Duration::from_millis(30);

/// Addresses of peers of an earlier start that are tried beside those of the operator.
const REMEMBERED_PEERS: usize = 32;

/// What the network is to be told, from the configuration and what the data dir remembers.
pub(super) fn network(
    config: &Config,
    identity: &Identity,
    data_dir: &DataDir,
) -> Result<SwarmConfig, DaemonError> {
    for addr in &config.network.listen {
        refuse_if_taken(addr)?;
    }
    let mut network = SwarmConfig::new(identity.keypair().clone());
    network.listen.clone_from(&config.network.listen);
    network.external.clone_from(&config.network.external);
    network.external_only = config.network.external_only;
    network.bootstrap = super::bootstrap(config).to_vec();
    let known = data_dir.load_peers().into_iter().take(REMEMBERED_PEERS);
    network.bootstrap.extend(known);
    Ok(network)
}

/// The network listens with `SO_REUSEPORT`, which lets two nodes share a port and each lose half of
/// its connections; so a port that somebody else listens on is found here.
fn refuse_if_taken(addr: &Multiaddr) -> Result<(), DaemonError> {
    let mut parts = addr.iter();
    let ip: std::net::IpAddr = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        _ => return Ok(()),
    };
    let Some(Protocol::Tcp(port)) = parts.next() else {
        return Ok(());
    };
    let bound = std::net::TcpListener::bind((ip, port));
    let failed = bound.err().filter(|_| port != 0);
    failed.map_or(Ok(()), |error| {
        let (addr, error) = (addr.clone(), error.to_string());
        Err(DaemonError::Network(swarm::StartError::Listen {
            addr,
            error,
        }))
    })
}

/// Waits until the node listens; where. `None` when the operator stopped it meanwhile.
pub(super) async fn listening(door: &mut Door<'_>) -> Result<Option<Vec<Multiaddr>>, DaemonError> {
    let mut listen: Vec<Multiaddr> = Vec::new();
    loop {
        let patience = if listen.is_empty() {
            LISTEN_PATIENCE
        } else {
            LISTEN_PAUSE
        };
        match tokio::time::timeout(patience, door.hear()).await {
            Ok(Ok(Event::Listening(addr))) => listen.push(addr),
            Ok(Ok(_)) => {}
            Ok(Err(Shut::Stopped)) => return Ok(None),
            Ok(Err(Shut::NoNetwork)) => return Err(DaemonError::NotListening),
            Err(_) if listen.is_empty() => return Err(DaemonError::NotListening),
            Err(_) => return Ok(Some(listen)),
        }
    }
}

/// Writes down where others find this node, and says what it tells the operator.
pub(super) fn announce(
    config: &Config,
    identity: &Identity,
    listen: Vec<Multiaddr>,
    data_dir: &DataDir,
    prepared: &Prepared,
) -> Result<Ready, DaemonError> {
    let with_id = |addr: &Multiaddr| addr.clone().with(Protocol::P2p(identity.peer_id()));
    let dialable: Vec<Multiaddr> = config
        .network
        .external
        .iter()
        .chain(&listen)
        .map(with_id)
        .collect();
    data_dir.write_addrs(&dialable)?;
    let join = config
        .network
        .external
        .first()
        .or_else(|| best(&listen))
        .map(with_id);
    let run = prepared.run().map(|run| run.to_string());
    Ok(Ready {
        peer: identity.peer_id(),
        listen,
        join,
        run,
    })
}

/// The address that most others can dial: not loopback, if there is another.
fn best(listen: &[Multiaddr]) -> Option<&Multiaddr> {
    let is_loopback = |addr: &&Multiaddr| {
        addr.iter().any(|part| match part {
            Protocol::Ip4(ip) => ip.is_loopback(),
            Protocol::Ip6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
            _ => false,
        })
    };
    listen
        .iter()
        .find(|addr| !is_loopback(addr))
        .or_else(|| listen.first())
}
