//! Nodes as child processes, for programs that start several: how one is started, read and measured.
//!
//! Owns no process, and may not know what a node says.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

/// The command that starts a node, with both outputs piped. It sees none of our `SPIRT_` variables: they are meant for other
/// nodes.
pub fn command(
    program: &Path,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    data_dir: &Path,
) -> Command {
    let mut command = Command::new(program);
    command.args(args).arg("--data-dir").arg(data_dir);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SPIRT_") {
            command.env_remove(name);
        }
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Lines until the end or the first error; what is not UTF-8 is replaced.
pub fn lines(from: Option<impl Read>) -> impl Iterator<Item = String> {
    let lines = from.map(|from| BufReader::new(from).split(b'\n'));
    let lines = lines.into_iter().flatten().map_while(Result::ok);
    lines.map(|line| String::from_utf8_lossy(&line).into_owned())
}

/// Memory of a process, by its number or `self`, in bytes: a field of its status, such as `VmRSS:` (resident) or `VmHWM:`
/// (the most that was). `None` once it is gone, and where the system does not tell.
pub fn memory_bytes(process: impl Display, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
