//! Small files written whole or not at all, and still there after a power cut.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::NamedTempFile;

/// Writes a file with mode 0600 that must not exist yet. Fails with `AlreadyExists`, and changes
/// nothing, when it does.
pub(crate) fn create(path: &Path, contents: &[u8]) -> io::Result<()> {
    let file = write_aside(path, [contents], 0o600)?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(path)
}

/// Writes a file with this mode, over the one that may be there.
pub(crate) fn replace(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    replace_parts(path, [contents], mode)
}

/// The same with contents that lie in parts.
pub(crate) fn replace_parts(
    path: &Path,
    contents: impl IntoIterator<Item: AsRef<[u8]>>,
    mode: u32,
) -> io::Result<()> {
    let file = write_aside(path, contents, mode)?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(path)
}

fn write_aside(
    path: &Path,
    contents: impl IntoIterator<Item: AsRef<[u8]>>,
    mode: u32,
) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(".spirt-")
        .suffix(".tmp")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder(path))?;
    for part in contents {
        file.write_all(part.as_ref())?;
    }
    file.as_file().sync_all()?;
    Ok(file)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
