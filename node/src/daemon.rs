//! Start and stop of a node. Placeholder: says that it is not available yet.

use crate::cli::output::Output;
use crate::config::Config;

/// How a node came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did its rounds, or was asked to stop, and left.
    Left,
    /// A second signal stopped it at once.
    Interrupted,
}

/// Why a node could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// This build cannot train.
    #[error("not available yet")]
    Unavailable,
}

/// Runs a node until it leaves.
///
/// # Errors
/// When it cannot start, join or go on.
pub fn run(_config: Config, _output: &Output) -> Result<Outcome, DaemonError> {
    Err(DaemonError::Unavailable)
}
