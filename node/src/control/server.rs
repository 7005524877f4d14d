//! The node's end of the control socket. Whoever writes to it, and whatever they write, costs at
//! most [`MAX_CLIENTS`] tasks of one short line each, and never stops the node's other work.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::{Command, ControlError, ControlRequest, Reply, Request, path::with_short};

/// Clients at a time; more wait in the kernel's queue.
pub(super) const MAX_CLIENTS: usize = 16;
/// Longest request.
pub(super) const MAX_REQUEST_BYTES: usize = 1024;
/// Requests of one client.
pub(super) const MAX_REQUESTS: usize = 64;
const CLIENT_TIMEOUT: Duration = Duration::from_secs(5);
const DAEMON_TIMEOUT: Duration = Duration::from_secs(5);
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(200);

/// A bound control socket. Dropping it removes the socket file.
#[derive(Debug)]
pub struct ControlServer {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlServer {
    /// Binds the socket, over a stale one that a killed node left behind. The caller holds the
    /// lock of the data dir, so no living node can be robbed of its socket. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn bind(path: &Path) -> Result<Self, ControlError> {
        let bound = remove_stale(path)
            .and_then(|()| with_short(path, |short| UnixListener::bind(short)))
            .and_then(|listener| {
                fs::set_permissions(path, Permissions::from_mode(0o600))?;
                Ok(Self {
                    listener,
                    path: path.to_owned(),
                })
            });
        bound.map_err(|source| ControlError::Io {
            doing: "open",
            path: path.to_owned(),
            source,
        })
    }

    /// Serves clients until the daemon drops its end of the channel.
    ///
    /// # Cancel safety
    /// Cancelling drops the connections; a request that the daemon has taken is still its own.
    pub async fn serve(self, requests: mpsc::Sender<ControlRequest>) {
        let mut clients = JoinSet::new();
        loop {
            tokio::select! {
                () = requests.closed() => return,
                Some(_) = clients.join_next() => {}
                accepted = self.listener.accept(), if clients.len() < MAX_CLIENTS => {
                    match accepted {
                        Ok((stream, _)) => {
                            clients.spawn(client(stream, requests.clone()));
                        }
                        Err(error) => {
                            // Out of file descriptors, most likely: let others finish first.
                            warn!(%error, "cannot accept on the control socket");
                            tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                        }
                    }
                }
            }
        }
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        if let Err(error) = remove_stale(&self.path) {
            warn!(%error, "cannot remove the control socket");
        }
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn client(mut stream: UnixStream, requests: mpsc::Sender<ControlRequest>) {
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read);
    for _ in 0..MAX_REQUESTS {
        let mut line = Vec::new();
        let limit = MAX_REQUEST_BYTES as u64 + 1;
        let mut limited = (&mut read).take(limit);
        match timeout(CLIENT_TIMEOUT, limited.read_until(b'\n', &mut line)).await {
            Ok(Ok(0)) | Err(_) => return,
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                debug!(%error, "a control client went away");
                return;
            }
        }
        let too_long = line.len() > MAX_REQUEST_BYTES;
        let reply = match parse(&line) {
            Ok(command) => carry_out(command, &requests).await,
            Err(reply) => reply,
        };
        let mut bytes = serde_json::to_vec(&reply).expect("a reply has text keys only");
        bytes.push(b'\n');
        match timeout(CLIENT_TIMEOUT, write.write_all(&bytes)).await {
            Ok(Ok(())) if !too_long => {}
            _ => return,
        }
    }
}

fn parse(line: &[u8]) -> Result<Command, Reply> {
    if line.len() > MAX_REQUEST_BYTES {
        return Err(error(
            "bad-request",
            "the request is longer than 1024 bytes",
        ));
    }
    match serde_json::from_slice(line) {
        Ok(Request { command }) => Ok(command),
        Err(_) => Err(error(
            "bad-request",
            r#"expected {"command":"status"}, {"command":"stop"} or {"command":"stop-now"}"#,
        )),
    }
}

async fn carry_out(command: Command, requests: &mpsc::Sender<ControlRequest>) -> Reply {
    match command {
        Command::Status => {
            let (reply, answer) = oneshot::channel();
            let status = pass_on(requests, ControlRequest::Status { reply }, answer).await;
            status.map_or_else(|reply| reply, |status| Reply::Status(Box::new(status)))
        }
        Command::Stop | Command::StopNow => {
            let now = command == Command::StopNow;
            let (reply, answer) = oneshot::channel();
            let stopping = pass_on(requests, ControlRequest::Stop { now, reply }, answer).await;
            stopping.map_or_else(|reply| reply, |()| Reply::Stopping { now })
        }
    }
}

async fn pass_on<T>(
    requests: &mpsc::Sender<ControlRequest>,
    request: ControlRequest,
    answer: oneshot::Receiver<T>,
) -> Result<T, Reply> {
    match requests.try_send(request) {
        Ok(()) => {}
        Err(mpsc::error::TrySendError::Full(_)) => {
            return Err(error("busy", "too many requests are waiting"));
        }
        Err(mpsc::error::TrySendError::Closed(_)) => return Err(shutting_down()),
    }
    match timeout(DAEMON_TIMEOUT, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(shutting_down()),
        Err(_) => Err(error("busy", "the node did not answer within 5 seconds")),
    }
}

fn shutting_down() -> Reply {
    error("shutting-down", "the node is shutting down")
}

fn error(code: &str, message: &str) -> Reply {
    Reply::Error {
        code: code.into(),
        message: message.into(),
    }
}
