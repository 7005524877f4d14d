//! A data set that peers of a run give to each other: how a specification names it, and where a node keeps it.
//!
//! The specification has the root and the length of the bytes that `spirt_training` writes, as the text of its data, and the
//! digest of what is read from them. Getting them from peers is the concern of `daemon/dataset.rs`.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use spirt_protocol::{Digest, RunSpec};
use spirt_training::{DataError, Split};

use crate::blobs::Packed;
use crate::datadir::Layout;
use crate::datadir::write::replace_parts;

/// Longest data set that travels: 2 GiB, as the longest file that is read.
const MAX_BYTES: u64 = 1 << 31;
const PREFIX: &str = "peers:";

/// The name of a data set that peers give to each other: `peers:<root>,<length>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedData {
    /// BLAKE3 hash of the chunk list.
    pub root: Digest,
    /// Bytes, 1 to 2 GiB.
    pub length: u64,
}

/// A text after `peers:` is not a root and a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not `peers:<root>,<length>` with at most {MAX_BYTES} bytes")]
pub struct BadName;

impl FromStr for SharedData {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let name = text.strip_prefix(PREFIX).ok_or(BadName)?;
        let (root, length) = name.split_once(',').ok_or(BadName)?;
        let name = Self {
            root: root.parse().map_err(|_| BadName)?,
            length: length.parse().map_err(|_| BadName)?,
        };
        let canonical = name.to_string() == text && (1..=MAX_BYTES).contains(&name.length);
        canonical.then_some(name).ok_or(BadName)
    }
}

impl fmt::Display for SharedData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{},{}", self.root, self.length)
    }
}

impl SharedData {
    /// The data set of a run, if its peers give it to each other.
    ///
    /// # Errors
    /// When the specification means to name one, and does not.
    pub fn of(spec: &RunSpec) -> Result<Option<Self>, BadName> {
        let is_shared = spec.data.starts_with(PREFIX);
        is_shared.then(|| spec.data.parse()).transpose()
    }

    /// The name of a packed data set.
    pub fn named(packed: &Packed) -> Self {
        Self {
            root: packed.root(),
            length: packed.length(),
        }
    }

    /// What an earlier start of this node saved; `None` if there is none, or another one.
    pub fn saved(&self, data_dir: &Layout) -> Option<Packed> {
        let path = path(data_dir);
        let length = fs::metadata(&path).ok()?.len();
        let bytes = (length == self.length).then(|| fs::read(&path).ok())??;
        let packed = Packed::new(bytes);
        if packed.root() != self.root {
            tracing::warn!(path = %path.display(), "this is not the data set of the run: it is fetched anew");
            return None;
        }
        Some(packed)
    }
}

/// A split, ready to be given to others.
///
/// # Errors
/// When it is too long to travel.
pub fn pack(split: &Split) -> Result<Packed, DataError> {
    Ok(Packed::new(split.to_bytes()?))
}

/// The split in a packed data set.
///
/// # Errors
/// When the bytes are those that were named, and hold none.
pub fn unpack(packed: &Packed) -> Result<Split, DataError> {
    let chunks: Vec<_> = packed.chunks().collect();
    Split::from_bytes(&chunks.concat())
}

/// Saves a data set for later starts.
///
/// # Errors
/// When the disk refuses; the file that may be there is as it was.
pub fn save(data_dir: &Layout, packed: &Packed) -> io::Result<()> {
    replace_parts(&path(data_dir), packed.chunks(), 0o600)
}

/// The file.
fn path(data_dir: &Layout) -> PathBuf {
    Path::join(data_dir.root(), "data.set")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed() -> Packed {
        pack(&spirt_training::DataSpec::Digits.load().unwrap()).unwrap()
    }

    #[test]
    fn a_name_reads_as_written_and_nothing_else_does() {
        let name = SharedData::named(&packed());
        let text = name.to_string();
        assert_eq!(text.parse(), Ok(name));
        let (root, length) = (name.root, name.length);
        let bad = [
            "digits".into(),
            "peers:".into(),
            format!("peers:{root}"),
            format!("peers:{root},"),
            format!("peers:{root},0"),
            format!("peers:{root},0{length}"),
            format!("peers:{root},+{length}"),
            format!("peers:{root},{}", MAX_BYTES + 1),
            format!("peers:{root}00,{length}"),
            format!("peers:{root},{length},"),
        ];
        for text in bad {
            assert_eq!(text.parse::<SharedData>(), Err(BadName), "{text}");
        }
    }

    #[test]
    fn what_was_saved_is_found_and_what_was_changed_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = Layout::new(folder.path());
        let packed = packed();
        let name = SharedData::named(&packed);
        assert_eq!(name.saved(&data_dir), None);
        save(&data_dir, &packed).unwrap();
        assert_eq!(name.saved(&data_dir).as_ref(), Some(&packed));
        let split = unpack(&packed).unwrap();
        assert_eq!(split, spirt_training::DataSpec::Digits.load().unwrap());
        let mut bytes = fs::read(path(&data_dir)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path(&data_dir), bytes).unwrap();
        assert_eq!(name.saved(&data_dir), None);
    }
}
