//! Socket paths of any length. The address of a Unix socket holds 107 bytes; a longer path goes
//! through `/proc/self/fd`, where its folder, once open, has a short name.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Longest path that fits, on the systems we know (macOS takes 103).
const MAX_BYTES: usize = 103;

/// Calls `act` with a path to the socket at `path` that is short enough.
pub(super) fn with_short<T>(
    path: &Path,
    act: impl FnOnce(&Path) -> io::Result<T>,
) -> io::Result<T> {
    if path.as_os_str().as_bytes().len() <= MAX_BYTES {
        return act(path);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return act(path);
    };
    if !cfg!(target_os = "linux") {
        return act(path);
    }
    let folder = File::open(folder)?;
    act(&Path::new("/proc/self/fd")
        .join(folder.as_raw_fd().to_string())
        .join(name))
}
