//! Why a key file cannot be used, and what to do about it.

use std::io;
use std::path::PathBuf;

use super::MAX_FILE_BYTES;

/// A key file cannot be used. Nothing on disk was changed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The operating system refused.
    #[error("cannot {doing} the identity {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no file.
    #[error("there is no identity at {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Others may read or write it.
    #[error("the identity {} is open to other users (mode {mode:04o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It does not hold an ed25519 key in the form above.
    #[error("{} is not an identity of spirt: {problem}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: Defect,
    },
}

/// What is wrong with the contents of a key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// A folder, a pipe, a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// Longer than a key file can be.
    #[error("it is longer than {MAX_FILE_BYTES} bytes")]
    TooLong,
    /// Bytes that are no text.
    #[error("it is not text")]
    NotText,
    /// A key in the PEM form, as OpenSSL and OpenSSH write it.
    #[error("it is a PEM file")]
    Pem,
    /// No line with a key.
    #[error("it holds no key")]
    NoKey,
    /// More than one line with a key.
    #[error("it holds more than one line besides comments")]
    ManyKeys,
    /// The key line is not base64.
    #[error("its key line is not base64")]
    NotBase64,
    /// The key line ends early.
    #[error("its key is cut short")]
    Truncated,
    /// Base64 of something else.
    #[error("its key line does not hold a libp2p private key")]
    NotAKey,
    /// A libp2p key, but of another kind.
    #[error("its key is not ed25519")]
    NotEd25519,
    /// The peer id in the comment belongs to another key.
    #[error("its key does not belong to the peer id in its comment")]
    OtherPeer,
}

impl IdentityError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "check that this user may use the data dir".into(),
            Self::Missing { .. } => {
                "a node makes its identity at its first start: run spirt-node once".into()
            }
            Self::Exposed { path, .. } => format!(
                "if nobody else has read it: chmod 600 {}; else delete it for a new identity",
                path.display()
            ),
            Self::Foreign { .. } => "restore it from a backup, or move it away and start again \
                 for a new identity; it was left as it is"
                .into(),
        }
    }
}
