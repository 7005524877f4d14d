//! Who this node is: an ed25519 key in a text file that only its owner can read.
//!
//! The file has comment lines that start with `#`, and one line of base64: the private key in
//! libp2p's protobuf form, as kubo and rust-libp2p write it. A file that is there is never
//! written to, whatever is in it. Key material in memory is overwritten when it is dropped.

mod error;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libp2p::PeerId;
use libp2p::identity::{KeyType, Keypair};
use zeroize::Zeroizing;

use crate::datadir::write;

pub use error::{Defect, IdentityError};

/// More than any key file holds.
const MAX_FILE_BYTES: usize = 4096;
/// Length of the protobuf form of an ed25519 private key.
const KEY_BYTES: usize = 68;
const PEER_COMMENT: &str = "# peer id:";

/// A key pair and the peer id that it proves.
#[derive(Clone)]
pub struct Identity {
    keypair: Keypair,
    peer_id: PeerId,
    source: Source,
}

/// Where an identity comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Read from its file.
    Loaded,
    /// Made now, and written to its file.
    Created,
    /// Made now, and never written.
    Ephemeral,
}

impl Identity {
    /// A key that is never written.
    pub fn ephemeral() -> Self {
        Self::new(Keypair::generate_ed25519(), Source::Ephemeral)
    }

    /// Reads the key file, or makes one when there is none.
    ///
    /// # Errors
    /// When the file is there and cannot be used, or is not there and cannot be made.
    pub fn load_or_create(path: &Path) -> Result<Self, IdentityError> {
        match Self::load(path) {
            Err(IdentityError::Missing { .. }) => Self::create(path),
            other => other,
        }
    }

    /// Reads the key file.
    ///
    /// # Errors
    /// When it is missing, open to others, or not a key file.
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let text = read(path)?;
        let foreign = |problem| IdentityError::Foreign {
            path: path.to_owned(),
            problem,
        };
        let keypair = parse(&text).map_err(foreign)?;
        Ok(Self::new(keypair, Source::Loaded))
    }

    fn create(path: &Path) -> Result<Self, IdentityError> {
        let identity = Self::new(Keypair::generate_ed25519(), Source::Created);
        let path_error = |source| IdentityError::Io {
            doing: "create",
            path: path.to_owned(),
            source,
        };
        write::create(path, identity.to_text().as_bytes()).map_err(path_error)?;
        Ok(identity)
    }

    fn new(keypair: Keypair, source: Source) -> Self {
        let peer_id = keypair.public().to_peer_id();
        Self {
            keypair,
            peer_id,
            source,
        }
    }

    /// The peer id.
    pub const fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// The key pair, to sign with.
    pub const fn keypair(&self) -> &Keypair {
        &self.keypair
    }

    /// Where it comes from.
    pub const fn source(&self) -> Source {
        self.source
    }

    fn to_text(&self) -> Zeroizing<String> {
        let created = humantime::format_rfc3339_seconds(SystemTime::now());
        let secret = self.keypair.to_protobuf_encoding();
        let secret = Zeroizing::new(secret.expect("an ed25519 key has a protobuf form"));
        // One allocation: a growing text would leave copies of the key behind.
        let mut text = Zeroizing::new(String::with_capacity(512));
        text.push_str(&format!(
            "# created: {created}\n{PEER_COMMENT} {}\n",
            self.peer_id
        ));
        STANDARD.encode_string(&*secret, &mut text);
        text.push('\n');
        text
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}, {:?})", self.peer_id, self.source)
    }
}

/// Reads the file's bytes after checking that it is a small file that only its owner can open.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    let io = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => IdentityError::Missing {
            path: path.to_owned(),
        },
        _ => IdentityError::Io {
            doing: "read",
            path: path.to_owned(),
            source,
        },
    };
    let foreign = |problem| IdentityError::Foreign {
        path: path.to_owned(),
        problem,
    };
    // Opening a pipe would wait for a writer, so look before.
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err(foreign(Defect::NotAFile));
    }
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(IdentityError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    if metadata.len() > MAX_FILE_BYTES as u64 {
        return Err(foreign(Defect::TooLong));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * MAX_FILE_BYTES));
    file.take(MAX_FILE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<Keypair, Defect> {
    let text = std::str::from_utf8(bytes).map_err(|_| Defect::NotText)?;
    if text.trim_start().starts_with("-----BEGIN") {
        return Err(Defect::Pem);
    }
    let lines = || text.lines().map(str::trim);
    let mut keys = lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let line = keys.next().ok_or(Defect::NoKey)?;
    if keys.next().is_some() {
        return Err(Defect::ManyKeys);
    }
    let mut secret = Zeroizing::new(Vec::with_capacity(line.len()));
    STANDARD
        .decode_vec(line, &mut secret)
        .map_err(|_| match decode_start(line) {
            true => Defect::Truncated,
            false => Defect::NotBase64,
        })?;
    let keypair = Keypair::from_protobuf_encoding(&secret).map_err(|_| {
        let prefix = secret.get(..4) == Some(&ED25519_PREFIX[..]);
        match prefix {
            true if secret.len() < KEY_BYTES => Defect::Truncated,
            // Type 0 is RSA, 2 secp256k1, 3 ECDSA.
            _ if matches!(secret.as_slice(), [8, 0 | 2 | 3, 0x12, ..]) => Defect::NotEd25519,
            _ => Defect::NotAKey,
        }
    })?;
    if keypair.key_type() != KeyType::Ed25519 || secret.len() != KEY_BYTES {
        return Err(Defect::NotAKey);
    }
    let peer_id = keypair.public().to_peer_id().to_string();
    let mut comments = lines().filter_map(|line| line.strip_prefix(PEER_COMMENT));
    if comments.any(|comment| comment.trim() != peer_id) {
        return Err(Defect::OtherPeer);
    }
    Ok(keypair)
}

/// Protobuf: field 1 (type) = 1 (ed25519), field 2 (data) of 64 bytes.
const ED25519_PREFIX: [u8; 4] = [0x08, 0x01, 0x12, 0x40];

/// Whether a line that is not base64 is the start of an ed25519 key, so that its end is missing.
fn decode_start(line: &str) -> bool {
    let whole = line.len() - line.len() % 4;
    let start = line.get(..whole.min(8)).unwrap_or_default();
    line.len() < 92
        && STANDARD
            .decode(start)
            .is_ok_and(|bytes| bytes.starts_with(&ED25519_PREFIX))
}
