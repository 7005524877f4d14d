//! The libp2p protocols that a node speaks, and their settings.

use std::time::Duration;

use libp2p::{
    Stream, allow_block_list, connection_limits, gossipsub, identify,
    identity::{Keypair, PeerId},
    kad, ping,
    swarm::NetworkBehaviour,
};

use tokio::sync::mpsc;

use super::{dialect::Dialect, error::StartError, limits, streams};

type Gossip = gossipsub::Behaviour<
    gossipsub::IdentityTransform,
    gossipsub::MaxCountSubscriptionFilter<RunTopics>,
>;

#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    // The first two can refuse a connection; they come before those that would act on it.
    limits: connection_limits::Behaviour,
    pub(super) banned: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    pub(super) gossip: Gossip,
    pub(super) kad: kad::Behaviour<kad::store::MemoryStore>,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    pub(super) streams: streams::Behaviour,
}

impl Behaviour {
    /// Inbound streams of the pull protocol go to `inbound`.
    pub(super) fn new(
        keypair: &Keypair,
        dialect: &Dialect,
        inbound: mpsc::Sender<(PeerId, Stream)>,
    ) -> Result<Self, StartError> {
        let local = keypair.public().to_peer_id();
        Ok(Self {
            limits: connection_limits::Behaviour::new(
                connection_limits::ConnectionLimits::default()
                    .with_max_pending_incoming(Some(limits::PENDING_IN))
                    .with_max_pending_outgoing(Some(limits::PENDING_OUT))
                    .with_max_established_incoming(Some(limits::ESTABLISHED_IN))
                    .with_max_established_outgoing(Some(limits::ESTABLISHED_OUT))
                    .with_max_established(Some(limits::ESTABLISHED))
                    .with_max_established_per_peer(Some(limits::ESTABLISHED_PER_PEER)),
            ),
            banned: allow_block_list::Behaviour::default(),
            gossip: gossip(keypair, dialect)?,
            kad: kademlia(local, dialect),
            identify: identify::Behaviour::new(
                identify::Config::new(dialect.greeting(), keypair.public())
                    .with_agent_version(concat!("spirt-node/", env!("CARGO_PKG_VERSION")).into())
                    .with_push_listen_addr_updates(true),
            ),
            ping: ping::Behaviour::new(
                ping::Config::new()
                    .with_interval(Duration::from_secs(5))
                    .with_timeout(Duration::from_secs(10)),
            ),
            streams: streams::Behaviour::new(dialect.pull.clone(), inbound),
        })
    }
}

/// The protocol ids stay gossipsub's own: another prefix would silently downgrade to version 1.1,
/// without IDONTWANT. Runs are kept apart by topic.
fn gossip(keypair: &Keypair, dialect: &Dialect) -> Result<Gossip, StartError> {
    let config = gossipsub::ConfigBuilder::default()
        .max_transmit_size(limits::GOSSIP_FRAME)
        .mesh_n(6)
        .mesh_n_low(4)
        .mesh_n_high(10)
        .mesh_outbound_min(2)
        .gossip_lazy(6)
        .flood_publish(true)
        .heartbeat_interval(Duration::from_millis(700))
        .heartbeat_initial_delay(Duration::from_millis(200))
        .history_length(10)
        .history_gossip(5)
        .validate_messages()
        .validation_mode(gossipsub::ValidationMode::Strict)
        .message_id_fn(|message| {
            let hash = blake3::hash(&message.data);
            gossipsub::MessageId::new(&hash.as_bytes()[..20])
        })
        .duplicate_cache_time(Duration::from_secs(120))
        .publish_queue_duration(Duration::from_secs(20))
        .forward_queue_duration(Duration::from_secs(10))
        .connection_handler_queue_len(1024)
        .build()
        .map_err(|error| StartError::Config(error.to_string()))?;
    let filter = gossipsub::MaxCountSubscriptionFilter {
        filter: RunTopics(dialect.clone()),
        max_subscribed_topics: 16,
        max_subscriptions_per_request: 16,
    };
    let authenticity = gossipsub::MessageAuthenticity::Signed(keypair.clone());
    let mut gossip =
        gossipsub::Behaviour::new_with_subscription_filter(authenticity, config, filter)
            .map_err(|error| StartError::Config(error.into()))?;
    gossip
        .with_peer_score(score_params(), score_thresholds())
        .map_err(StartError::Config)?;
    Ok(gossip)
}

/// Only what the node itself says of a peer counts. One message per peer and round is too little for
/// rates of delivery, peers that share an address are usual here, and a process that stood still is
/// no offender.
fn score_params() -> gossipsub::PeerScoreParams {
    gossipsub::PeerScoreParams {
        app_specific_weight: 1.0,
        ip_colocation_factor_weight: 0.0,
        behaviour_penalty_weight: 0.0,
        slow_peer_weight: 0.0,
        retain_score: Duration::from_secs(600),
        ..gossipsub::PeerScoreParams::default()
    }
}

fn score_thresholds() -> gossipsub::PeerScoreThresholds {
    gossipsub::PeerScoreThresholds {
        gossip_threshold: -10.0,
        publish_threshold: -40.0,
        graylist_threshold: -80.0,
        accept_px_threshold: 0.0,
        opportunistic_graft_threshold: 0.0,
    }
}

fn kademlia(local: PeerId, dialect: &Dialect) -> kad::Behaviour<kad::store::MemoryStore> {
    let mut config = kad::Config::new(dialect.kad.clone());
    config
        .disjoint_query_paths(true)
        .set_query_timeout(Duration::from_secs(10))
        .set_provider_record_ttl(Some(limits::PROVIDER_TTL))
        .set_provider_publication_interval(Some(limits::PROVIDER_RENEWAL))
        .set_periodic_bootstrap_interval(Some(Duration::from_secs(60)))
        .set_record_filtering(kad::StoreInserts::FilterBoth);
    let store = kad::store::MemoryStoreConfig {
        max_records: 1,
        max_value_bytes: 1,
        max_providers_per_key: limits::PROVIDERS_PER_KEY,
        max_provided_keys: limits::PROVIDER_KEYS,
    };
    let store = kad::store::MemoryStore::with_config(local, store);
    let mut kad = kad::Behaviour::with_config(local, store, config);
    // The automatic mode would wait for a confirmed external address: never, on a LAN.
    kad.set_mode(Some(kad::Mode::Server));
    kad
}

/// Lets peers subscribe to topics of our form only.
#[derive(Clone)]
pub(super) struct RunTopics(Dialect);

impl gossipsub::TopicSubscriptionFilter for RunTopics {
    fn can_subscribe(&mut self, topic: &gossipsub::TopicHash) -> bool {
        self.0.is_topic(topic)
    }
}
