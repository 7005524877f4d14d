//! Where nodes run: as processes of this machine, or in containers.

use std::time::Duration;

pub mod command;
pub mod docker;
pub mod follow;
pub mod network;
pub mod process;

/// How long a test waits for anything; only a test that fails ever waits so long.
pub const DEADLINE: Duration = Duration::from_secs(30);
