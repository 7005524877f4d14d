//! Why a data dir cannot be used, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// A data dir cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The operating system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another node runs on it.
    #[error("the data dir {} is in use by {}", path.display(), describe(*pid))]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The process that holds it, if it has told.
        pid: Option<u32>,
    },
    /// The session counter is not a number that can be counted up.
    #[error("the session counter {} is damaged", path.display())]
    Session {
        /// The file.
        path: PathBuf,
    },
}

fn describe(pid: Option<u32>) -> String {
    pid.map_or_else(
        || "another node".into(),
        |pid| format!("another node, process {pid}"),
    )
}

impl DataDirError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Io { .. } => {
                "check that this user may write there, or choose another place with --data-dir"
                    .into()
            }
            Self::Locked { path, .. } => format!(
                "stop it with: spirt-node stop --data-dir {}; or start a second node with another \
                 --data-dir, or with --ephemeral",
                path.display()
            ),
            Self::Session { .. } => "restore it from a backup; or move the whole data dir away: a \
                 node that counts its sessions anew under its old identity looks like a liar"
                .into(),
        }
    }
}

pub(super) fn doing(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataDirError {
    move |source| DataDirError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}
