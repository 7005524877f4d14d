//! States on disk: written atomically, checked by hash when read, never overwritten by a reader.
//!
//! `SPIRTCP1 ‖ u32 length ‖ manifest ‖ u64 length ‖ model ‖ blake3 of all before`, little-endian. The
//! two latest are kept, so that peers that were stopped a round apart still share one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use spirt_protocol::{Manifest, RunId};

use crate::blobs::Packed;
use crate::datadir::write::replace_parts;

const MAGIC: &[u8; 8] = b"SPIRTCP1";
const KEPT: usize = 2;
const SUFFIX: &str = "ckpt";

/// A state that was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// What it is.
    pub manifest: Manifest,
    /// The model that it names.
    pub model: Packed,
}

/// A checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
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
    /// The file is not what was written.
    #[error("the checkpoint {} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The file belongs to another run.
    #[error("the checkpoint {} belongs to run {run}", path.display())]
    OtherRun {
        /// The file.
        path: PathBuf,
        /// The run it belongs to.
        run: RunId,
    },
}

impl CheckpointError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "check the permissions and the free space of the data dir".into(),
            Self::Damaged { path, .. } => format!(
                "nothing was changed; move {} away and start again: the state comes from the peers",
                path.display()
            ),
            Self::OtherRun { .. } => "use another --data-dir for another run".into(),
        }
    }
}

/// Saves a state and removes all but the latest two.
///
/// # Errors
/// When the folder cannot be written; older checkpoints are intact then.
pub fn save(folder: &Path, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
    let io = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| CheckpointError::Io {
            doing,
            path,
            source,
        }
    };
    fs::create_dir_all(folder).map_err(io("create", folder))?;
    let path = folder.join(format!(
        "round-{:012}.{SUFFIX}",
        checkpoint.manifest.round.0
    ));
    replace_parts(&path, parts(checkpoint), 0o600).map_err(io("write", &path))?;
    let old = list(folder)?;
    for path in old.iter().rev().skip(KEPT) {
        fs::remove_file(path).map_err(io("remove", path))?;
    }
    Ok(())
}

/// Removes the checkpoints of rounds after `round`: they were left behind for good.
///
/// # Errors
/// When the folder cannot be read or written.
pub fn forget_after(folder: &Path, round: u64) -> Result<(), CheckpointError> {
    let limit = format!("round-{round:012}.{SUFFIX}");
    for path in list(folder)? {
        if path
            .file_name()
            .is_some_and(|name| name > std::ffi::OsStr::new(&limit))
        {
            fs::remove_file(&path).map_err(|source| CheckpointError::Io {
                doing: "remove",
                path,
                source,
            })?;
        }
    }
    Ok(())
}

/// Reads all checkpoints of a run, by ascending round.
///
/// # Errors
/// At the first that is damaged or of another run: people should know, and decide.
pub fn load(folder: &Path, run: RunId) -> Result<Vec<Checkpoint>, CheckpointError> {
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).map_err(|source| CheckpointError::Io {
            doing: "read",
            path: path.clone(),
            source,
        })?;
        let checkpoint = decode(&bytes.into()).map_err(|what| CheckpointError::Damaged {
            path: path.clone(),
            what,
        })?;
        match checkpoint.manifest.run {
            same if same == run => Ok(checkpoint),
            run => Err(CheckpointError::OtherRun { path, run }),
        }
    };
    list(folder)?.into_iter().map(read).collect()
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    let io = |source| CheckpointError::Io {
        doing: "read",
        path: folder.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(error)),
    };
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|e| e.path())).collect();
    let mut paths = paths.map_err(io)?;
    paths.retain(|path| path.extension().is_some_and(|suffix| suffix == SUFFIX));
    paths.sort();
    Ok(paths)
}

/// The file, in parts: the model's chunks are not copied.
fn parts(checkpoint: &Checkpoint) -> Vec<Bytes> {
    let manifest = checkpoint.manifest.encode();
    let length = u32::try_from(manifest.len()).expect("manifests have at most 64 KiB");
    let model = &checkpoint.model;
    let mut head = MAGIC.to_vec();
    head.extend(length.to_le_bytes());
    head.extend(manifest);
    head.extend(model.length().to_le_bytes());
    let mut parts = vec![Bytes::from(head)];
    parts.extend(model.chunks());
    let mut hasher = blake3::Hasher::new();
    for part in &parts {
        hasher.update(part);
    }
    parts.push(Bytes::copy_from_slice(hasher.finalize().as_bytes()));
    parts
}

fn decode(bytes: &Bytes) -> Result<Checkpoint, &'static str> {
    let (content, hash) = bytes.split_last_chunk::<32>().ok_or("it is cut short")?;
    let content = content.strip_prefix(MAGIC).ok_or("it is no checkpoint")?;
    if blake3::hash(&bytes[..bytes.len() - 32]).as_bytes() != hash {
        return Err("its checksum does not match");
    }
    let cut = "its lengths do not add up";
    let (length, rest) = content.split_first_chunk::<4>().ok_or(cut)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| cut)?;
    let (manifest, rest) = rest.split_at_checked(length).ok_or(cut)?;
    let (length, model) = rest.split_first_chunk::<8>().ok_or(cut)?;
    if u64::from_le_bytes(*length) != model.len() as u64 {
        return Err(cut);
    }
    let manifest = Manifest::decode(manifest).map_err(|_| "its manifest cannot be read")?;
    let model = Packed::new(bytes.slice_ref(model));
    if model.root() != manifest.model {
        return Err("its model is not the one that its manifest names");
    }
    Ok(Checkpoint { manifest, model })
}

/// What a fuzzer feeds with bytes: a file as it is, and one with a good checksum. What can be read has one
/// encoding.
#[cfg(feature = "fuzz")]
pub(crate) fn fuzz(bytes: &[u8]) {
    let summed = [MAGIC, bytes].concat();
    let summed = [&summed, &blake3::hash(&summed).as_bytes()[..]].concat();
    for file in [Bytes::copy_from_slice(bytes), summed.into()] {
        if let Ok(checkpoint) = decode(&file) {
            assert_eq!(parts(&checkpoint).concat(), file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spirt_protocol::{PeerId, Round};

    fn encode(checkpoint: &Checkpoint) -> Vec<u8> {
        parts(checkpoint).concat()
    }

    fn checkpoint(round: u64) -> Checkpoint {
        let model = Packed::new(vec![u8::try_from(round).unwrap(); 100]);
        let manifest = Manifest {
            run: RunId([7; 32]),
            round: Round(round),
            model: model.root(),
            length: 100,
            roster: vec![PeerId([1; 32])],
            banned: Vec::new(),
        };
        Checkpoint { manifest, model }
    }

    #[test]
    fn the_latest_two_are_kept_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        for round in [1, 2, 3] {
            save(folder.path(), &checkpoint(round)).unwrap();
        }
        let loaded = load(folder.path(), RunId([7; 32])).unwrap();
        assert_eq!(loaded, [checkpoint(2), checkpoint(3)]);
        forget_after(folder.path(), 2).unwrap();
        assert_eq!(
            load(folder.path(), RunId([7; 32])).unwrap(),
            [checkpoint(2)]
        );
    }

    #[test]
    fn any_changed_byte_is_found_and_nothing_is_overwritten() {
        let good = encode(&checkpoint(5));
        for position in 0..good.len() {
            let mut bytes = good.clone();
            bytes[position] ^= 1;
            assert!(decode(&bytes.into()).is_err(), "byte {position}");
        }
        for length in 0..good.len() {
            assert!(
                decode(&good[..length].to_vec().into()).is_err(),
                "length {length}"
            );
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("round-000000000005.ckpt");
        fs::write(&path, &good[..50]).unwrap();
        let error = load(folder.path(), RunId([7; 32])).unwrap_err();
        assert!(matches!(error, CheckpointError::Damaged { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), &good[..50]);
    }

    #[test]
    fn another_runs_checkpoint_is_named() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), &checkpoint(1)).unwrap();
        let error = load(folder.path(), RunId([8; 32])).unwrap_err();
        assert!(matches!(error, CheckpointError::OtherRun { .. }), "{error}");
    }
}
