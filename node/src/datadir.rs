//! The data dir: where a node keeps its identity, its checkpoints and what it knows of its peers.
//!
//! ```text
//! identity.key   who this node is            0600, see the module `identity`
//! config.toml    settings                    written by people only
//! node.lock      held by the running node    its pid
//! control.sock   how `status` and `stop` reach the running node
//! addrs          dialable addresses of the running node, one per line
//! session        how often a node was started here
//! peers          addresses to dial again after a restart, one per line
//! checkpoints/   saved states
//! events/        the ledger of rounds
//! ```
//!
//! [`Layout`] only names the files; [`DataDir`] owns them, through the lock.

mod error;
pub(crate) mod write;

#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::ops::Deref;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use libp2p::Multiaddr;
use tempfile::TempDir;
use tracing::warn;

use crate::config::Home;

pub use error::DataDirError;
use error::doing;

/// Most addresses kept in `peers`.
pub const MAX_PEERS: usize = 256;
const MAX_SMALL_FILE_BYTES: u64 = 256 * 1024;

/// The files of a data dir. Touches no disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The data dir at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The key file.
    pub fn identity(&self) -> PathBuf {
        self.root.join("identity.key")
    }

    /// The control socket.
    pub fn control_socket(&self) -> PathBuf {
        self.root.join("control.sock")
    }

    /// The dialable addresses of the running node.
    pub fn addrs(&self) -> PathBuf {
        self.root.join("addrs")
    }

    /// The folder of saved states. Made by whoever saves first.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// The folder of the ledger. Made by whoever writes first.
    pub fn events(&self) -> PathBuf {
        self.root.join("events")
    }

    fn lock(&self) -> PathBuf {
        self.root.join("node.lock")
    }

    fn session(&self) -> PathBuf {
        self.root.join("session")
    }

    fn peers(&self) -> PathBuf {
        self.root.join("peers")
    }
}

/// A data dir that this process holds. Derefs to its [`Layout`]. Dropping it removes `addrs`, and
/// the whole folder when it is ephemeral, and frees the lock.
#[derive(Debug)]
pub struct DataDir {
    layout: Layout,
    temporary: Option<TempDir>,
    // Declared last, so that the lock outlives everything else.
    _lock: File,
}

impl DataDir {
    /// Opens the place that the settings name.
    ///
    /// # Errors
    /// When it cannot be made, or another node runs on it.
    pub fn open(home: &Home) -> Result<Self, DataDirError> {
        match home {
            Home::Dir(path) => Self::at(path),
            Home::Ephemeral => Self::ephemeral(),
        }
    }

    /// Opens the folder at `path`; makes it, with mode 0700, when it is not there.
    ///
    /// # Errors
    /// When it cannot be made, or another node runs on it.
    pub fn at(path: &Path) -> Result<Self, DataDirError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(doing("create the data dir", path))?;
        // Paths that are handed on stay right when the process changes its folder.
        let root = fs::canonicalize(path).map_err(doing("open the data dir", path))?;
        Self::claim(root, None)
    }

    /// A new folder, removed on drop.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn ephemeral() -> Result<Self, DataDirError> {
        let made = tempfile::Builder::new()
            .prefix("spirt-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir();
        let temporary = made.map_err(doing("create a folder in", &std::env::temp_dir()))?;
        Self::claim(temporary.path().to_owned(), Some(temporary))
    }

    fn claim(root: PathBuf, temporary: Option<TempDir>) -> Result<Self, DataDirError> {
        let layout = Layout::new(root);
        let lock = lock(&layout)?;
        let dir = Self {
            layout,
            temporary,
            _lock: lock,
        };
        dir.forget_addrs().map_err(doing("remove", &dir.addrs()))?;
        Ok(dir)
    }

    /// Whether the folder goes away with this value.
    pub const fn is_ephemeral(&self) -> bool {
        self.temporary.is_some()
    }

    /// Counts this start and returns its number, from 1. The new number is on disk before this
    /// returns: no number is ever given twice, even across a power cut.
    ///
    /// # Errors
    /// When the counter is damaged or cannot be written.
    pub fn next_session(&self) -> Result<u64, DataDirError> {
        let path = self.session();
        let before = match fs::read_to_string(&path) {
            Ok(text) => text.trim().parse::<u64>().ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(0),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            Err(error) => return Err(doing("read", &path)(error)),
        };
        let next = before.and_then(|session| session.checked_add(1));
        let next = next.ok_or_else(|| DataDirError::Session { path: path.clone() })?;
        let text = format!("{next}\n");
        write::replace(&path, text.as_bytes(), 0o600).map_err(doing("write", &path))?;
        Ok(next)
    }

    /// Writes the dialable addresses of this node, for people and scripts to read.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_addrs(&self, addrs: &[Multiaddr]) -> Result<(), DataDirError> {
        let path = self.addrs();
        write::replace(&path, lines(addrs).as_bytes(), 0o644).map_err(doing("write", &path))
    }

    /// The peers' addresses that were saved last, at most [`MAX_PEERS`]. What cannot be read is
    /// left out with a warning: a node can live without it.
    pub fn load_peers(&self) -> Vec<Multiaddr> {
        let path = self.peers();
        let mut bytes = Vec::new();
        let read = File::open(&path)
            .and_then(|file| file.take(MAX_SMALL_FILE_BYTES).read_to_end(&mut bytes));
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                warn!(path = %path.display(), %error, "cannot read the known peers");
                return Vec::new();
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let known: Vec<Multiaddr> = lines
            .iter()
            .filter_map(|line| line.trim().parse().ok())
            .take(MAX_PEERS)
            .collect();
        if known.len() < lines.len() {
            let skipped = lines.len() - known.len();
            warn!(path = %path.display(), skipped, "some lines are no addresses, or too many");
        }
        known
    }

    /// Saves addresses of peers for the next start, the first [`MAX_PEERS`] of them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_peers(&self, peers: &[Multiaddr]) -> Result<(), DataDirError> {
        let path = self.peers();
        let kept = &peers[..peers.len().min(MAX_PEERS)];
        write::replace(&path, lines(kept).as_bytes(), 0o600).map_err(doing("write", &path))
    }

    fn forget_addrs(&self) -> io::Result<()> {
        match fs::remove_file(self.addrs()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Deref for DataDir {
    type Target = Layout;

    fn deref(&self) -> &Layout {
        &self.layout
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if let Err(error) = self.forget_addrs() {
            warn!(%error, "cannot remove the addresses of this node");
        }
    }
}

fn lines(addrs: &[Multiaddr]) -> String {
    addrs.iter().map(|addr| format!("{addr}\n")).collect()
}

/// Takes the lock and writes our pid into it. The file stays when the lock is freed: removing it
/// would let two nodes hold locks on two files of one name.
fn lock(layout: &Layout) -> Result<File, DataDirError> {
    let path = layout.lock();
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    let mut file = options.open(&path).map_err(doing("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let pid = match file.read_to_string(&mut text) {
                Ok(_) => text.trim().parse().ok(),
                Err(_) => None,
            };
            return Err(DataDirError::Locked {
                path: layout.root.clone(),
                pid,
            });
        }
        Err(TryLockError::Error(error)) => return Err(doing("lock", &path)(error)),
    }
    let pid = format!("{}\n", std::process::id());
    file.set_len(0)
        .and_then(|()| file.write_all(pid.as_bytes()))
        .map_err(doing("write", &path))?;
    Ok(file)
}
