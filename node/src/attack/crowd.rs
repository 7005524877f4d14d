//! Liars that come as many: names that ask to join and then do no work, and a flood of records for
//! the routing tables. They live in tasks of their own, beside an otherwise honest node.

use std::fmt;
use std::time::Duration;

use futures::StreamExt as _;
use libp2p::identity::Keypair;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm, SwarmBuilder, kad, noise, tcp, yamux};
use spirt_protocol::{Digest, Frame, Identity, Join, Message, PeerId, Round, RunId};

use crate::swarm::{self, Acceptance, Event, SwarmConfig};

/// Most names of one Sybil: more than a roster holds.
const MOST_NAMES: u16 = 64;
/// Names if nothing else is said.
const NAMES: u16 = 8;
/// Time between two records of a flood.
const RECORD_EVERY: Duration = Duration::from_millis(10);

/// How a crowd comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// So many names ask to join, in each round, and contribute nothing.
    Sybil {
        /// 1 to 64.
        names: u16,
    },
    /// Announces itself under one random key after another, and looks for others under them.
    KadFlood,
}

impl Lie {
    pub(super) const SYNTAXES: &[&str] = &["sybil[:names=<number>]", "kad-flood"];

    pub(super) fn parse(text: &str) -> Option<Self> {
        let names = match text.strip_prefix("sybil:names=") {
            None if text == "sybil" => NAMES,
            None => return (text == "kad-flood").then_some(Self::KadFlood),
            Some(names) => names.parse().ok()?,
        };
        (1..=MOST_NAMES)
            .contains(&names)
            .then_some(Self::Sybil { names })
    }

    /// Starts the crowd. It ends with the process.
    pub(super) fn gather(self, me: &PeerId, run: RunId, bootstrap: &[Multiaddr]) {
        match self {
            Self::Sybil { names } => {
                for name in 0..names {
                    tokio::spawn(sybil(seed(me, name), run, bootstrap.to_vec()));
                }
            }
            Self::KadFlood => {
                tokio::spawn(flood(seed(me, 0), bootstrap.to_vec()));
            }
        }
    }
}

impl fmt::Display for Lie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sybil { names } => write!(f, "sybil:names={names}"),
            Self::KadFlood => f.write_str("kad-flood"),
        }
    }
}

/// The key of one of the liar's other names.
fn seed(me: &PeerId, name: u16) -> [u8; 32] {
    Digest::of(&[&me.0[..], &name.to_le_bytes()].concat()).0
}

/// One name: listens to the rounds, and asks to join each.
async fn sybil(seed: [u8; 32], run: RunId, bootstrap: Vec<Multiaddr>) {
    let identity = Identity::from_seed(&seed);
    let Ok(keypair) = Keypair::ed25519_from_bytes(seed) else {
        return;
    };
    let config = SwarmConfig {
        bootstrap,
        ..SwarmConfig::new(keypair)
    };
    let Ok((handle, mut events)) = swarm::start(config).await else {
        return;
    };
    if handle.join(run.0).await.is_err() {
        return;
    }
    let (mut asked, mut nonce) = (None, 0);
    while let Some(event) = events.recv().await {
        let Event::Gossip { token, data, .. } = event else {
            continue;
        };
        let heard = Frame::verify(&data, &run);
        handle.judge(token, Acceptance::Accept).await;
        let Ok(frame) = heard else { continue };
        let round: Round = frame.round();
        if asked.is_some_and(|asked| asked >= round) {
            continue;
        }
        asked = Some(round);
        nonce += 1;
        let join = Message::Join(Join { nonce });
        let bytes = Frame::forge(&identity, run, 1 << 32, round, join, &[]);
        // Nobody may be listening yet; the next round comes soon.
        let _ = handle.publish(bytes).await;
    }
}

type Kad = Swarm<kad::Behaviour<kad::store::MemoryStore>>;

/// Fills the tables of others with records of keys that nobody looks for.
async fn flood(seed: [u8; 32], bootstrap: Vec<Multiaddr>) {
    let Some(mut kad) = kad_node(seed) else {
        tracing::warn!("cannot start the flood");
        return;
    };
    for addr in bootstrap {
        // One that cannot be dialled is not flooded.
        let _ = kad.dial(addr);
    }
    let mut due = tokio::time::interval(RECORD_EVERY);
    let mut count: u64 = 0;
    loop {
        tokio::select! {
            event = kad.select_next_some() => {
                if let SwarmEvent::ConnectionEstablished { peer_id, endpoint, .. } = event {
                    let addr = endpoint.get_remote_address().clone();
                    kad.behaviour_mut().add_address(&peer_id, addr);
                }
            }
            _ = due.tick() => {
                count += 1;
                let noise = Digest::of(&[&seed[..], &count.to_le_bytes()].concat());
                let key = kad::RecordKey::new(&noise.0);
                // Its own table is full at times, too.
                let _ = kad.behaviour_mut().start_providing(key.clone());
                kad.behaviour_mut().stop_providing(&key);
                kad.behaviour_mut().get_providers(key);
            }
        }
    }
}

fn kad_node(seed: [u8; 32]) -> Option<Kad> {
    let keypair = Keypair::ed25519_from_bytes(seed).ok()?;
    let built = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(
            tcp::Config::default(),
            noise::Config::new,
            yamux::Config::default,
        )
        .ok()?
        .with_behaviour(|key| {
            let peer = key.public().to_peer_id();
            let config = kad::Config::new(libp2p::StreamProtocol::new("/spirt/kad/1"));
            kad::Behaviour::with_config(peer, kad::store::MemoryStore::new(peer), config)
        })
        .ok()?;
    Some(built.build())
}
