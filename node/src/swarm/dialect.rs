//! What our protocols are called in one version of the wire format. Peers of two versions can connect, but
//! have no protocol in common, except gossipsub and identify: these tell them why.

use libp2p::{StreamProtocol, gossipsub};

/// The names of one version.
#[derive(Debug, Clone)]
pub(super) struct Dialect {
    version: u16,
    /// Requests, responses and chunks.
    pub(super) pull: StreamProtocol,
    /// Kademlia.
    pub(super) kad: StreamProtocol,
}

impl Dialect {
    pub(super) fn of(version: u16) -> Self {
        let name = |name: String| {
            StreamProtocol::try_from_owned(name).expect("a name that starts with a slash")
        };
        Self {
            version,
            pull: name(format!("/spirt/pull/{version}")),
            kad: name(format!("/spirt/kad/{version}")),
        }
    }

    /// What identify tells others.
    pub(super) fn greeting(&self) -> String {
        format!("/spirt/{}", self.version)
    }

    /// The version of a peer that greets like that, if it is one of ours that speaks another.
    pub(super) fn other_version(&self, greeting: &str) -> Option<u16> {
        let version = greeting.strip_prefix("/spirt/")?.parse().ok()?;
        (version != self.version).then_some(version)
    }

    /// The name of a run's topic.
    pub(super) fn topic(&self, key: &[u8; 32]) -> gossipsub::IdentTopic {
        let run = blake3::Hash::from_bytes(*key).to_hex();
        gossipsub::IdentTopic::new(format!("spirt/{run}/{}", self.version))
    }

    /// Whether it is the name of a run's topic, whatever the run.
    pub(super) fn is_topic(&self, topic: &gossipsub::TopicHash) -> bool {
        let mut parts = topic.as_str().split('/');
        let is_run = |key: &str| key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit());
        parts.next() == Some("spirt")
            && parts.next().is_some_and(is_run)
            && parts.next() == Some(&self.version.to_string())
            && parts.next().is_none()
    }
}
