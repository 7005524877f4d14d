//! What the loaders share: opening files of bounded size and wording their faults. Owns no format.

use std::fs::File;
use std::path::Path;

use super::DataSet;
use crate::error::{ContentsError, DataError};

/// Longest file that is read: 2 GiB.
pub(super) const MAX_BYTES: u64 = 1 << 31;

/// Opens a regular file of at most [`MAX_BYTES`] and returns its length.
pub(super) fn open(path: &Path) -> Result<(File, u64), DataError> {
    let file = File::open(path).map_err(|source| read(path, source))?;
    let meta = file.metadata().map_err(|source| read(path, source))?;
    if !meta.is_file() {
        let found = if meta.is_dir() {
            "a folder"
        } else {
            "something else"
        };
        return Err(fault(
            path,
            "a regular file",
            found,
            "give the path of a file",
        ));
    }
    if meta.len() > MAX_BYTES {
        let (expected, found) = (format!("at most {MAX_BYTES} bytes"), meta.len().to_string());
        return Err(fault(
            path,
            expected,
            found,
            "split the data into smaller files",
        ));
    }
    Ok((file, meta.len()))
}

pub(super) fn read(path: &Path, source: std::io::Error) -> DataError {
    DataError::Read {
        file: path.into(),
        source,
    }
}

/// Words a fault on one line, whatever bytes the file holds.
pub(super) fn fault(
    path: &Path,
    expected: impl Into<String>,
    found: impl Into<String>,
    hint: &'static str,
) -> DataError {
    let found: String = found.into();
    let mut line: String = found
        .chars()
        .take(120)
        .flat_map(char::escape_debug)
        .collect();
    if found.chars().nth(120).is_some() {
        line.push_str("...");
    }
    DataError::Format {
        file: path.into(),
        expected: expected.into(),
        found: line,
        hint,
    }
}

/// Names the file in a fault of its contents.
pub(super) fn contents(
    path: &Path,
    set: Result<DataSet, ContentsError>,
) -> Result<DataSet, DataError> {
    set.map_err(|error| {
        let hint = "features must be finite numbers and labels whole numbers from 0";
        fault(path, error.expected, error.found, hint)
    })
}

/// One more than the largest label, at least 2.
pub(super) fn classes<'a>(labels: impl IntoIterator<Item = &'a u32>) -> u32 {
    labels
        .into_iter()
        .max()
        .copied()
        .unwrap_or(0)
        .saturating_add(1)
        .max(2)
}
