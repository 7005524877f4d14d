//! Where nodes run: as processes of this machine, in network namespaces, or in containers.

use std::fmt;
use std::time::Duration;

pub mod clock;
pub mod command;
pub mod compose;
pub mod container;
pub mod distance;
pub mod follow;
pub mod network;
pub mod process;

/// How long a test waits for anything; only a test that fails ever waits so long.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Where the nodes of a cluster run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// Processes of this machine, which share its network.
    Processes,
    /// Processes, each in a network namespace of its own. Takes root and iproute2.
    Namespaces,
    /// Containers of the repository's compose file. Takes a Docker engine.
    Compose,
}

impl Host {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Processes, Self::Namespaces, Self::Compose];
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Processes => "processes",
            Self::Namespaces => "namespaces",
            Self::Compose => "compose",
        })
    }
}
