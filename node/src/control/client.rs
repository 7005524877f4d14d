//! The other end of the control socket: blocking, for commands that ask one question.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::{Command, ControlError, Reply, Request, path::with_short};

/// Above the server's own limit, so that its `busy` arrives first.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_REPLY_BYTES: u64 = 1024 * 1024;

/// Sends `command` to the node whose control socket is at `path`, and waits for its answer.
///
/// # Errors
/// When no node is there, it does not answer, or it refuses.
pub fn ask(path: &Path, command: Command) -> Result<Reply, ControlError> {
    let line = exchange(path, command).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ControlError::NotRunning {
            data_dir: path.parent().unwrap_or(path).to_owned(),
        },
        io::ErrorKind::WouldBlock
        | io::ErrorKind::TimedOut
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset => ControlError::NoAnswer {
            path: path.to_owned(),
        },
        _ => ControlError::Io {
            doing: "use",
            path: path.to_owned(),
            source,
        },
    })?;
    match serde_json::from_str(&line) {
        Ok(Reply::Error { code, message }) => Err(ControlError::Refused { code, message }),
        Ok(reply) => Ok(reply),
        Err(source) => Err(ControlError::BadAnswer { source }),
    }
}

fn exchange(path: &Path, command: Command) -> io::Result<String> {
    let mut stream = with_short(path, |short| UnixStream::connect(short))?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    let mut request = serde_json::to_vec(&Request { command })?;
    request.push(b'\n');
    stream.write_all(&request)?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_REPLY_BYTES)).read_line(&mut line)?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line)
}
