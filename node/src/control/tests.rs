//! The control socket between a client and a pretended daemon; and against clients that talk
//! nonsense, too much, or not at all.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener as StdListener;
use std::path::Path;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::server::{MAX_CLIENTS, MAX_REQUEST_BYTES, MAX_REQUESTS};
use super::*;

struct Node {
    dir: TempDir,
    path: PathBuf,
    requests: mpsc::Receiver<ControlRequest>,
}

/// A served socket, whose requests nobody answers yet.
fn node(queue: usize) -> Node {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    let (sender, requests) = mpsc::channel(queue);
    tokio::spawn(ControlServer::bind(&path).unwrap().serve(sender));
    Node {
        dir,
        path,
        requests,
    }
}

fn some_status() -> Status {
    Status {
        round: 7,
        state: NodeState::Training,
        ..Status::starting("12D3KooW")
    }
}

/// Answers every request; returns what was asked to stop.
async fn answer_all(mut requests: mpsc::Receiver<ControlRequest>, mut left: usize) -> Vec<bool> {
    let mut stops = Vec::new();
    while left > 0 {
        match requests.recv().await.unwrap() {
            ControlRequest::Status { reply } => reply.send(some_status()).unwrap(),
            ControlRequest::Stop { now, reply } => {
                reply.send(()).unwrap();
                stops.push(now);
            }
        }
        left -= 1;
    }
    stops
}

async fn ask_blocking(path: &Path, command: Command) -> Result<Reply, ControlError> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || ask(&path, command))
        .await
        .unwrap()
}

/// Sends bytes and reads one line of the answer.
async fn talk(stream: &mut UnixStream, bytes: &[u8]) -> String {
    stream.write_all(bytes).await.unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await.unwrap();
    line
}

#[tokio::test]
async fn a_client_gets_the_daemons_answer() {
    let Node {
        dir: _dir,
        path,
        requests,
    } = node(QUEUE);
    let daemon = tokio::spawn(answer_all(requests, 3));
    let status = ask_blocking(&path, Command::Status).await.unwrap();
    assert_eq!(status, Reply::Status(Box::new(some_status())));
    let stop = ask_blocking(&path, Command::Stop).await.unwrap();
    assert_eq!(stop, Reply::Stopping { now: false });
    let stop = ask_blocking(&path, Command::StopNow).await.unwrap();
    assert_eq!(stop, Reply::Stopping { now: true });
    assert_eq!(daemon.await.unwrap(), [false, true]);
}

#[tokio::test]
async fn nonsense_is_answered_and_never_reaches_the_daemon() {
    let mut node = node(QUEUE);
    let deep = format!("{}\n", "[".repeat(900));
    let nonsense: [&[u8]; 9] = [
        b"\n",
        b"status\n",
        b"{\"command\":\"format\"}\n",
        b"{\"command\":\"status\",\"x\":1}\n",
        b"{\"command\":[]}\n",
        b"\xff\xfe\x00\n",
        b"{}\n",
        b"GET / HTTP/1.1\r\n",
        deep.as_bytes(),
    ];
    let mut stream = UnixStream::connect(&node.path).await.unwrap();
    for bytes in nonsense {
        let answer = talk(&mut stream, bytes).await;
        assert!(
            answer.starts_with(r#"{"error":{"code":"bad-request""#),
            "{answer}"
        );
    }
    assert!(node.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_request_without_end_is_cut_off() {
    let Node {
        dir: _dir,
        path,
        requests: _requests,
    } = node(QUEUE);
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let answer = talk(&mut stream, &vec![b'x'; MAX_REQUEST_BYTES + 1]).await;
    assert!(answer.contains("longer than 1024 bytes"), "{answer}");
    assert_eq!(
        stream.read(&mut [0; 1]).await.unwrap(),
        0,
        "still connected"
    );
}

#[tokio::test]
async fn a_client_is_heard_so_often_and_no_more() {
    let Node {
        dir: _dir,
        path,
        requests: _requests,
    } = node(QUEUE);
    let mut stream = UnixStream::connect(&path).await.unwrap();
    for _ in 0..MAX_REQUESTS {
        assert!(talk(&mut stream, b"x\n").await.contains("bad-request"));
    }
    assert_eq!(
        stream.read(&mut [0; 1]).await.unwrap(),
        0,
        "still connected"
    );
}

#[tokio::test]
async fn silent_clients_take_their_places_only_while_they_stay() {
    let Node {
        dir: _dir,
        path,
        requests,
    } = node(QUEUE);
    let daemon = tokio::spawn(answer_all(requests, 1));
    let mut silent = Vec::new();
    for _ in 0..MAX_CLIENTS {
        silent.push(UnixStream::connect(&path).await.unwrap());
    }
    let mut next = UnixStream::connect(&path).await.unwrap();
    silent.pop();
    let answer = talk(&mut next, b"{\"command\":\"status\"}\n").await;
    assert!(
        answer.starts_with(r#"{"status":{"schema_version":1,"#),
        "{answer}"
    );
    daemon.await.unwrap();
}

#[tokio::test]
async fn a_full_queue_says_busy() {
    let Node {
        dir: _dir,
        path,
        mut requests,
    } = node(1);
    let request = b"{\"command\":\"stop\"}\n";
    let mut first = UnixStream::connect(&path).await.unwrap();
    first.write_all(request).await.unwrap();
    let mut second = UnixStream::connect(&path).await.unwrap();
    second.write_all(request).await.unwrap();
    // One of the two fills the queue; the other is refused at once.
    let mut answers = (String::new(), String::new());
    let (mut first, mut second) = (BufReader::new(first), BufReader::new(second));
    let refused = tokio::select! {
        _ = first.read_line(&mut answers.0) => &answers.0,
        _ = second.read_line(&mut answers.1) => &answers.1,
    };
    assert!(
        refused.starts_with(r#"{"error":{"code":"busy""#),
        "{refused}"
    );
    assert!(matches!(
        requests.recv().await,
        Some(ControlRequest::Stop { now: false, .. })
    ));
}

#[tokio::test]
async fn a_daemon_that_drops_a_request_is_shutting_down() {
    let Node {
        dir: _dir,
        path,
        mut requests,
    } = node(QUEUE);
    let daemon = tokio::spawn(async move { drop(requests.recv().await) });
    let error = ask_blocking(&path, Command::Status).await.unwrap_err();
    assert!(matches!(error, ControlError::Refused { code, .. } if code == "shutting-down"));
    daemon.await.unwrap();
}

#[tokio::test]
async fn the_socket_goes_away_with_the_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    let (sender, requests) = mpsc::channel(1);
    let server = tokio::spawn(ControlServer::bind(&path).unwrap().serve(sender));
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    drop(requests);
    server.await.unwrap();
    assert!(!path.exists());
    let error = ask_blocking(&path, Command::Status).await.unwrap_err();
    assert!(matches!(error, ControlError::NotRunning { data_dir } if data_dir == dir.path()));
}

#[tokio::test]
async fn the_socket_of_a_killed_node_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    drop(StdListener::bind(&path).unwrap());
    let error = ask_blocking(&path, Command::Status).await.unwrap_err();
    assert!(
        matches!(error, ControlError::NotRunning { .. }),
        "{error:?}"
    );
    let (sender, requests) = mpsc::channel(1);
    tokio::spawn(ControlServer::bind(&path).unwrap().serve(sender));
    let daemon = tokio::spawn(answer_all(requests, 1));
    ask_blocking(&path, Command::Status).await.unwrap();
    daemon.await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_data_dir_may_have_a_long_path() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("long".repeat(30)).join("longer".repeat(30));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("control.sock");
    let (sender, requests) = mpsc::channel(1);
    tokio::spawn(ControlServer::bind(&path).unwrap().serve(sender));
    let daemon = tokio::spawn(answer_all(requests, 1));
    assert!(path.exists());
    ask_blocking(&path, Command::Status).await.unwrap();
    daemon.await.unwrap();
}

#[test]
fn an_answer_that_makes_no_sense_is_an_error() {
    for (answer, silent) in [
        ("", true),
        ("{}\n", false),
        ("\n", false),
        ("nonsense", false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        let listener = StdListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 21];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let error = ask(&path, Command::Status).unwrap_err();
        match silent {
            true => assert!(matches!(error, ControlError::NoAnswer { .. }), "{error:?}"),
            false => assert!(matches!(error, ControlError::BadAnswer { .. }), "{error:?}"),
        }
        server.join().unwrap();
    }
}

#[test]
fn a_node_is_ready_when_it_has_the_state_of_its_run() {
    let status = |state, model: Option<&str>| Status {
        state,
        model: model.map(str::to_owned),
        ..some_status()
    };
    assert!(status(NodeState::Training, None).is_ready());
    assert!(status(NodeState::Waiting, Some("ab")).is_ready());
    assert!(!status(NodeState::Waiting, None).is_ready());
    for state in [
        NodeState::Joining,
        NodeState::CatchingUp,
        NodeState::Stopping,
        NodeState::Done,
    ] {
        assert!(!status(state, Some("ab")).is_ready());
        assert_eq!(serde_json::to_value(state).unwrap(), state.name());
    }
}
