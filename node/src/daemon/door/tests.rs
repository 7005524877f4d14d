//! Over real TCP on the loopback interface.

use std::collections::BTreeMap;
use std::time::Instant;

use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use spirt_protocol::WIRE_VERSION;

use super::*;
use crate::config::{Flags, Sources, load};
use crate::job::tests::job;
use crate::swarm::{self, SwarmConfig};

/// A swarm on loopback that knows these addresses, where it listens, and what happens to it.
async fn start(bootstrap: &[libp2p::Multiaddr]) -> (Handle, libp2p::Multiaddr, EventStream) {
    let mut config = SwarmConfig::new(Keypair::generate_ed25519());
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    config.bootstrap = bootstrap.to_vec();
    let (handle, mut events) = swarm::start(config).await.unwrap();
    let Some(Event::Listening(addr)) = events.recv().await else {
        panic!("it listens first");
    };
    let addr = addr.with(Protocol::P2p(handle.local_peer()));
    (handle, addr, events)
}

/// A whole swarm starts again: each node knows its run, and asks the others whether they train it too. Those who wait for
/// an answer before they give one would all wait until the questions are too old.
#[tokio::test]
async fn whoever_asks_for_the_run_tells_those_who_ask_meanwhile() {
    let (mute, addr, _events) = start(&[]).await;
    let (handle, _, mut events) = start(&[addr]).await;
    let spec = job("softmax", "sgd:lr=1").spec;
    let (_control, control) = mpsc::channel(1);
    let (_signals, signals) = mpsc::channel(1);
    let mut door = Door {
        swarm: &handle,
        transfers: Transfers::new(handle.clone()),
        blobs: Blobs::default(),
        foreign: BTreeMap::new(),
        version: WIRE_VERSION,
        events: &mut events,
        control,
        signals,
    };
    while mute.peers().is_empty() || handle.peers().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let began = Instant::now();
    let told = async {
        let me = crate::peer::from_libp2p(&handle.local_peer()).unwrap();
        // Its own question to `mute` is under way, since that one never looks at what it is asked.
        while began.elapsed() < KNOWN_RUN_PATIENCE {
            if fetch::spec(&mute, me, None).await.is_some() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    };
    let flags = Flags::from([("ephemeral", vec!["true".into()])]);
    let config = load(Sources {
        flags,
        ..Sources::default()
    });
    let config = config.into_config().unwrap();
    let asking = ask_for_spec(&config, Some(spec.id()), Some(&spec), &mut door);
    let (told, asked) = tokio::join!(told, asking);
    assert!(
        told,
        "nobody hears of the run from a node that asks for it itself"
    );
    let (run, teller) = asked.unwrap().expect("nobody stops it");
    assert_eq!((run.id(), teller), (spec.id(), None));
    assert!(
        began.elapsed() < 3 * KNOWN_RUN_PATIENCE,
        "{:?}",
        began.elapsed()
    );
}
