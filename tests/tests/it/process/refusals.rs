//! Starts that cannot go well: each ends with its exit code, one line that says why, and a hint.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use spirt_tests::cluster::{Cluster, words};
use spirt_tests::host::command::{Finished, command};

/// Starts a node that is expected to give up.
fn start(data_dir: &Path, options: &str) -> Finished {
    let mut node = command(["-q", "--listen", "/ip4/127.0.0.1/tcp/0"]);
    Finished::of(node.arg("--data-dir").arg(data_dir).args(words(options)))
}

/// Checks that it gave up with this code, for a reason that holds all of `named`.
fn refused(finished: &Finished, code: i32, named: &[&str]) {
    assert_eq!(finished.code, Some(code), "{finished}");
    let count = |start: &str| {
        finished
            .stderr
            .lines()
            .filter(|line| line.starts_with(start))
            .count()
    };
    assert_eq!((count("error: "), count("hint: ")), (1, 1), "{finished}");
    for named in named {
        assert!(
            finished.stderr.contains(named),
            "it does not name `{named}`: {finished}"
        );
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("changed");
}

#[test]
fn an_unreachable_bootstrap_is_given_up_after_the_join_timeout() {
    // Nobody listens on a port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|free| free.local_addr())
        .expect("free")
        .port();
    let folder = folder();
    let options = format!("--bootstrap /ip4/127.0.0.1/tcp/{port} --join-timeout 2s");
    let finished = start(&folder.path().join("d"), &options);
    refused(&finished, 4, &["could not join within 2s", "127.0.0.1"]);
    let took = finished.took;
    assert!(
        took >= Duration::from_secs(2) && took < Duration::from_secs(4),
        "{took:?}"
    );
}

#[test]
fn a_bootstrap_that_never_answers_is_given_up_after_the_join_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("bound").port();
    let folder = folder();
    let options = format!("--bootstrap 127.0.0.1:{port} --join-timeout 2s");
    let finished = start(&folder.path().join("d"), &options);
    refused(&finished, 4, &["could not join within 2s"]);
    assert!(finished.took < Duration::from_secs(4), "{finished}");
}

#[test]
fn a_bootstrap_that_is_no_address_is_a_usage_error() {
    let folder = folder();
    for bad in [
        "/ip4/127.0.0.1/tpc/7700",
        "/ip4/127.0.0.300/tcp/7700",
        "nonsense",
    ] {
        let data_dir = folder.path().join("d");
        refused(&start(&data_dir, &format!("--bootstrap {bad}")), 2, &[bad]);
        assert!(!data_dir.exists(), "nothing was made for {bad}");
    }
}

#[test]
fn another_run_than_the_one_asked_for_is_not_joined() {
    let swarm = Cluster::found("--pace 50ms");
    let wanted = "ab".repeat(32);
    let options = format!(
        "--bootstrap {} --run {wanted} --join-timeout 5s",
        swarm[0].join()
    );
    let finished = start(&swarm.folder().join("other"), &options);
    refused(&finished, 4, &[&wanted]);
    swarm[0].wait_rounds(2);
}

#[test]
fn a_damaged_or_foreign_key_is_refused_and_left_as_it_is() {
    let folder = folder();
    let data_dir = folder.path().join("d");
    let founded = start(&data_dir, "--rounds 1");
    assert_eq!(founded.code, Some(0), "{founded}");
    let path = data_dir.join("identity.key");
    let good = fs::read(&path).expect("the node made its key");
    let pem = b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk=\n-----END OPENSSH PRIVATE KEY-----\n";
    for bad in [
        &good[..good.len() - 20],
        &good[..10],
        b"",
        &pem[..],
        &[0xFF; 64],
        b"hello\n",
    ] {
        write(&path, bad);
        refused(&start(&data_dir, "--rounds 1"), 3, &["identity.key"]);
        assert_eq!(fs::read(&path).expect("still there"), bad);
    }
    write(&path, &good);
    assert_eq!(
        start(&data_dir, "--rounds 1").code,
        Some(0),
        "the right key is still good"
    );
}

#[test]
fn a_damaged_checkpoint_is_refused_and_left_as_it_is() {
    let folder = folder();
    let data_dir = folder.path().join("d");
    let founded = start(&data_dir, "--rounds 4 --checkpoint-every 1");
    assert_eq!(founded.code, Some(0), "{founded}");
    let path = data_dir.join("checkpoints/round-000000000004.ckpt");
    let good = fs::read(&path).expect("the last checkpoint");
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for bad in [&flipped[..], &good[..good.len() - 1], b"", &[0x55; 5000]] {
        write(&path, bad);
        refused(&start(&data_dir, ""), 3, &["round-000000000004.ckpt"]);
        assert_eq!(fs::read(&path).expect("still there"), bad);
    }
    write(&path, &good);
    assert_eq!(start(&data_dir, "").code, Some(0), "the run is complete");
}

#[test]
fn a_data_file_of_the_wrong_shape_is_named() {
    let folder = folder();
    let csv = folder.path().join("bad.csv");
    let (ragged, words) = ("1,2,3,0\n4,5,1\n", "a,b,c\nd,e,f\n");
    for bad in [ragged, words, "", "1,2,nan,0\n"] {
        write(&csv, bad.as_bytes());
        let options = format!("--data csv:{} --rounds 1", csv.display());
        refused(&start(&folder.path().join("d"), &options), 3, &["bad.csv"]);
    }
    let options = format!(
        "--data csv:{} --rounds 1",
        folder.path().join("none.csv").display()
    );
    refused(&start(&folder.path().join("d"), &options), 3, &["none.csv"]);
}

#[test]
fn a_data_dir_in_use_is_refused_and_its_user_named() {
    let swarm = Cluster::found("--pace 50ms");
    let pid = swarm[0].process().pid().to_string();
    refused(&start(swarm[0].process().data_dir(), ""), 3, &[&pid]);
    swarm[0].wait_rounds(2);
}

#[test]
fn a_port_in_use_is_refused() {
    let swarm = Cluster::found("--pace 50ms");
    let mut node = command(["-q", "--ephemeral", "--lease", "2s", "--listen"]);
    let finished = Finished::of(node.arg(swarm[0].tcp_addr().to_string()));
    refused(&finished, 3, &["--listen"]);
}
