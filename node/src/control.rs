//! How `status` and `stop` reach the running node: a Unix socket in its data dir.
//!
//! A request is one line of JSON, `{"command":"status"}`, `{"command":"stop"}` or
//! `{"command":"stop-now"}`; so is the answer: `{"status":{...}}`, `{"stopping":{"now":false}}` or
//! `{"error":{"code":...,"message":...}}`. [`ControlServer`] turns requests into
//! [`ControlRequest`]s for the daemon, which answers through the channel inside; [`ask`] is the
//! other end. The socket's mode is 0600: who may open it may stop the node.

mod client;
mod path;
mod server;
mod status;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

pub use client::ask;
pub use server::ControlServer;
pub use status::{NodeState, STATUS_SCHEMA_VERSION, Status, join_command};

/// Requests that wait for the daemon; more are answered `busy`.
pub const QUEUE: usize = 16;

/// What can be asked of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// How are you?
    Status,
    /// Finish the round, say goodbye, save a checkpoint, exit.
    Stop,
    /// Save a checkpoint and exit at once.
    StopNow,
}

/// One line from a client.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    command: Command,
}

/// One line to a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// The answer to `status`.
    Status(Box<Status>),
    /// The answer to `stop` and `stop-now`: the node is about to do it.
    Stopping {
        /// Whether it does not wait for the end of the round.
        now: bool,
    },
    /// The request was not carried out.
    Error {
        /// For programs: `bad-request`, `busy` or `shutting-down`.
        code: String,
        /// For people.
        message: String,
    },
}

/// A request on its way to the daemon, with the channel for its answer. Dropping the channel
/// answers `shutting-down`.
#[derive(Debug)]
pub enum ControlRequest {
    /// Report.
    Status {
        /// Where the answer goes.
        reply: oneshot::Sender<Status>,
    },
    /// Stop. Answer first, then stop.
    Stop {
        /// Do not wait for the end of the round.
        now: bool,
        /// Tells the client that it will happen.
        reply: oneshot::Sender<()>,
    },
}

/// The control socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens on the socket, or there is none.
    #[error("no node is running on the data dir {}", data_dir.display())]
    NotRunning {
        /// The folder of the socket.
        data_dir: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {doing} the control socket {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The node did not answer in time.
    #[error("the node does not answer on {}", path.display())]
    NoAnswer {
        /// The socket.
        path: PathBuf,
    },
    /// The answer makes no sense to this build.
    #[error("the node gave an answer that this build cannot read")]
    BadAnswer {
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The node refused.
    #[error("the node refused: {message}")]
    Refused {
        /// For programs.
        code: String,
        /// For people.
        message: String,
    },
}

impl ControlError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotRunning { .. } => "start one with spirt-node, or name the data dir of the \
                 running one with --data-dir"
                .into(),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::InvalidInput => {
                "use a data dir with a shorter path".into()
            }
            Self::Io { .. } => "use the account that the node runs under".into(),
            Self::NoAnswer { .. } => "it may be busy: try again; its log says more".into(),
            Self::BadAnswer { .. } => "use the spirt-node that the node was started from".into(),
            Self::Refused { .. } => return None,
        })
    }
}
