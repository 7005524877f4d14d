//! The lines that people and scripts rely on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;

/// A place that remembers what was written to it.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A place that can no longer be written to.
struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `print` writes to stdout and stderr.
fn printed(style: Style, print: impl FnOnce(&Output)) -> (String, String) {
    let (out, err) = (Paper::default(), Paper::default());
    print(&Output::to(style, out.clone(), err.clone()));
    (out.text(), err.text())
}

const PEOPLE: Style = Style {
    json: false,
    color: ColorChoice::Auto,
    progress: true,
};
const PROGRAMS: Style = Style {
    json: true,
    ..PEOPLE
};
const PEER: &str = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUj2kj6vnc6iDEp";

fn some_ready() -> Ready {
    Ready {
        peer: PEER.parse().unwrap(),
        listen: vec!["/ip4/127.0.0.1/tcp/7700".parse().unwrap()],
        join: Some(
            format!("/ip4/192.0.2.1/tcp/7700/p2p/{PEER}")
                .parse()
                .unwrap(),
        ),
        run: None,
    }
}

fn some_round() -> RoundReport {
    let verdicts = [
        ("peer-abcdef", "kept"),
        ("peer-ghijkl", "late"),
        ("peer-mnopqr", "kept"),
    ];
    RoundReport {
        round: 12,
        applied: true,
        loss: Some(0.43125),
        accuracy: Some(0.941),
        roster: 4,
        verdicts: verdicts
            .map(|(peer, verdict)| (peer.into(), verdict.into()))
            .into(),
        copies: BTreeMap::new(),
        model: Some("ab".repeat(32)),
        keepers: None,
        bytes_sent: 2048,
        bytes_received: 1024,
        took: Duration::from_millis(420),
    }
}

#[test]
fn the_first_line_says_ready_and_the_second_how_to_join() {
    let (out, err) = printed(PEOPLE, |output| output.ready(&some_ready()));
    assert_eq!(
        out,
        format!(
            "ready peer={PEER} listen=/ip4/127.0.0.1/tcp/7700\n\
             join: spirt-node --bootstrap /ip4/192.0.2.1/tcp/7700/p2p/{PEER}\n"
        )
    );
    assert_eq!(err, "");
}

#[test]
fn with_json_each_event_is_one_object_on_stdout() {
    let (out, err) = printed(PROGRAMS, |output| {
        output.ready(&some_ready());
        output.note("not for programs");
        output.round(&some_round());
    });
    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["event"], "ready");
    assert_eq!(lines[0]["schema_version"], 1);
    assert_eq!(lines[0]["peer"], PEER);
    assert_eq!(lines[0]["listen"][0], "/ip4/127.0.0.1/tcp/7700");
    assert_eq!(lines[1]["event"], "round");
    assert_eq!(lines[1]["seconds"], 0.42);
    assert_eq!(lines[1]["verdicts"]["peer-ghijkl"], "late");
    assert_eq!(err, "");
}

#[test]
fn a_round_is_one_line_on_stderr_unless_it_is_not_wanted() {
    let (out, err) = printed(PEOPLE, |output| output.round(&some_round()));
    assert_eq!(out, "");
    assert_eq!(
        err,
        "round 12    loss 0.4313  accuracy 94.1%  kept 2/4  0.42 s  late ghijkl\n"
    );
    let lost = RoundReport {
        applied: false,
        loss: None,
        accuracy: None,
        ..some_round()
    };
    let (_, err) = printed(PEOPLE, |output| output.round(&lost));
    assert_eq!(err, "round 12    lost  kept 2/4  0.42 s  late ghijkl\n");
    let copied = RoundReport {
        copies: BTreeMap::from([("peer-mnopqr".into(), "peer-abcdef".into())]),
        ..some_round()
    };
    let (_, err) = printed(PEOPLE, |output| output.round(&copied));
    assert!(
        err.ends_with("late ghijkl  mnopqr copied abcdef\n"),
        "{err}"
    );
    let quiet = Style {
        progress: false,
        ..PEOPLE
    };
    assert_eq!(printed(quiet, |output| output.round(&lost)).1, "");
}

#[test]
fn a_number_that_is_not_finite_is_null_in_json() {
    let round = RoundReport {
        loss: Some(f64::NAN),
        ..some_round()
    };
    let (out, _) = printed(PROGRAMS, |output| output.round(&round));
    assert!(out.contains(r#""loss":null"#), "{out}");
}

#[test]
fn a_failure_has_its_causes_and_a_hint() {
    let failure = Failure {
        exit: Exit::Setup,
        message: "cannot read the thing".into(),
        causes: vec!["the disk is gone".into()],
        hint: Some("buy a disk".into()),
    };
    let (out, err) = printed(PEOPLE, |output| output.failure(&failure));
    assert_eq!(out, "");
    assert_eq!(
        err,
        "error: cannot read the thing\n  caused by: the disk is gone\n\nhint: buy a disk\n"
    );
    let (out, err) = printed(PROGRAMS, |output| output.failure(&failure));
    assert_eq!(out, "");
    let error: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert_eq!(error["error"]["code"], "setup");
    assert_eq!(error["error"]["exit"], 3);
    assert_eq!(error["error"]["hint"], "buy a disk");
}

#[test]
fn a_reader_that_goes_away_is_no_failure_and_a_full_disk_is() {
    for (kind, expected) in [
        (io::ErrorKind::BrokenPipe, Exit::Ok),
        (io::ErrorKind::StorageFull, Exit::Unexpected),
    ] {
        let output = Output::to(PEOPLE, Broken(kind), Paper::default());
        output.text("hello");
        output.text("again");
        assert_eq!(output.finish(Exit::Ok), expected);
    }
    let output = Output::to(PEOPLE, Broken(io::ErrorKind::StorageFull), Paper::default());
    output.text("hello");
    assert_eq!(output.finish(Exit::NotReady), Exit::NotReady);
}

#[test]
fn the_status_for_people_names_every_part() {
    let status = Status {
        round: 42,
        phase: "collect".into(),
        roster: 5,
        peers_connected: 4,
        loss: Some(0.5),
        bytes_sent: 1_300_000,
        bytes_received: 900,
        listen: vec!["/ip4/127.0.0.1/tcp/1".into(), "/ip4/192.0.2.1/tcp/1".into()],
        last_round: BTreeMap::from([("12D3A".into(), "kept".into())]),
        uptime_seconds: 312.4,
        ..Status::starting("12D3B")
    };
    let (out, _) = printed(PEOPLE, |output| output.status(&status));
    assert_eq!(
        out,
        "\
state       joining
peer        12D3B
run         not known yet
round       42 (collect)
peers       5 on the roster, 4 connected
loss        0.5000
rounds      0 applied, 0 lost
traffic     1.2 MiB sent, 900 B received
uptime      5m 12s
listen      /ip4/127.0.0.1/tcp/1
            /ip4/192.0.2.1/tcp/1
last round  12D3A kept
"
    );
}

#[test]
fn joining_and_leaving_are_said_in_a_sentence() {
    let joined = Joined {
        run: "abcdef0123456789".into(),
        round: 3,
        roster: 1,
        model: None,
        fetched: None,
    };
    let (_, err) = printed(PEOPLE, |output| output.joined(&joined));
    assert_eq!(
        err,
        "joined run abcdef01 at round 3, 1 peer on the roster\n"
    );
    let sources = [("12D3A".into(), 1 << 20), ("12D3B".into(), 2 << 20)];
    let fetched = StateFetched {
        bytes: 3 << 20,
        chunks: 12,
        again: 0,
        sources: sources.into(),
        took: Duration::from_millis(1250),
    };
    let joined = Joined {
        fetched: Some(fetched),
        ..joined
    };
    let (_, err) = printed(PEOPLE, |output| output.joined(&joined));
    assert_eq!(
        err,
        "joined run abcdef01 at round 3, 1 peer on the roster; 3.0 MiB from 2 peers in 1.25 s\n"
    );
    let left = Left {
        reason: "its lease is over".into(),
        round: 9,
        rounds_applied: 6,
        rounds_lost: 1,
        bytes_sent: 3 << 20,
        bytes_received: 2048,
    };
    let (_, err) = printed(PEOPLE, |output| output.left(&left));
    assert_eq!(
        err,
        "left at round 9: its lease is over; 6 rounds applied, 1 lost; 3.0 MiB sent\n"
    );
}
