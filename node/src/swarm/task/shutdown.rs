//! How the swarm ends: what was published last leaves first.

use futures::StreamExt as _;
use libp2p::PeerId;
use tokio::time::timeout;

use super::Task;
use crate::swarm::limits;

impl Task {
    pub(super) async fn shut_down(&mut self) {
        self.parts.served.abort();
        self.parts.pull.close();
        if let Some(topic) = &self.topic {
            self.swarm.behaviour_mut().gossip.unsubscribe(topic);
        }
        // What was published last must still leave: closing does not flush.
        let linger = async {
            loop {
                self.swarm.select_next_some().await;
            }
        };
        let _ = timeout(limits::SHUTDOWN / 4, linger).await;
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let close = async {
            while self.swarm.connected_peers().next().is_some() {
                self.swarm.select_next_some().await;
            }
        };
        // What is not closed by then is closed by dropping it.
        let _ = timeout(limits::SHUTDOWN / 2, close).await;
        for peer in self.parts.shared.peers() {
            self.parts.shared.peer_down(&peer);
        }
    }
}
