//! The lines for people. Pure: text in, text out; understandable without colour.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::event::{Joined, KEPT, Left, Ready, RoundReport};
use crate::config::Problem;
use crate::control::{Status, join_command};
use crate::exit::Failure;

pub(super) fn ready(ready: &Ready) -> String {
    let mut text = format!("ready peer={}", ready.peer);
    if let Some(listen) = ready.listen.first() {
        _ = write!(text, " listen={listen}");
    }
    text.push('\n');
    if let Some(join) = &ready.join {
        _ = writeln!(text, "join: {}", join_command(join));
    }
    text
}

pub(super) fn joined(joined: &Joined) -> String {
    let mut text = format!(
        "joined run {} at round {}, {} on the roster",
        short_hex(&joined.run),
        joined.round,
        count(joined.roster, "peer"),
    );
    if let Some(fetched) = &joined.fetched {
        _ = write!(
            text,
            "; {} from {} in {:.2} s",
            bytes(fetched.bytes),
            count(fetched.sources.len() as u64, "peer"),
            fetched.took.as_secs_f64(),
        );
    }
    text.push('\n');
    text
}

pub(super) fn round(report: &RoundReport) -> String {
    let mut text = format!("round {:<5}", report.round);
    if !report.applied {
        text.push_str(" lost");
    }
    if let Some(loss) = report.loss {
        _ = write!(text, " loss {loss:.4}");
    }
    if let Some(accuracy) = report.accuracy {
        _ = write!(text, "  accuracy {:.1}%", 100.0 * accuracy);
    }
    let kept = report
        .verdicts
        .values()
        .filter(|verdict| *verdict == KEPT)
        .count();
    _ = write!(text, "  kept {kept}/{}", report.roster);
    _ = write!(text, "  {:.2} s", report.took.as_secs_f64());
    for (verdict, peers) in others(&report.verdicts) {
        _ = write!(text, "  {verdict} {}", peers.join(" "));
    }
    for (peer, of) in &report.copies {
        _ = write!(text, "  {} copied {}", short_peer(peer), short_peer(of));
    }
    text.push('\n');
    text
}

/// The peers whose contribution was not kept, by verdict.
fn others(verdicts: &BTreeMap<String, String>) -> BTreeMap<&str, Vec<String>> {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (peer, verdict) in verdicts.iter().filter(|(_, verdict)| *verdict != KEPT) {
        groups.entry(verdict).or_default().push(short_peer(peer));
    }
    groups
}

pub(super) fn left(left: &Left) -> String {
    let rounds = count(left.rounds_applied, "round");
    let mut text = format!(
        "left at round {}: {}; {rounds} applied",
        left.round, left.reason
    );
    if left.rounds_lost > 0 {
        _ = write!(text, ", {} lost", left.rounds_lost);
    }
    _ = writeln!(text, "; {} sent", bytes(left.bytes_sent));
    text
}

pub(super) fn failure(failure: &Failure, color: bool) -> String {
    let mut text = format!("{} {}\n", error(color), failure.message);
    for cause in &failure.causes {
        _ = writeln!(text, "  caused by: {cause}");
    }
    if let Some(advice) = &failure.hint {
        _ = writeln!(text, "\n{} {advice}", hint(color));
    }
    text
}

/// One of several problems: its hint stays close to it.
pub(super) fn problem(problem: &Problem, color: bool) -> String {
    let mut text = format!("{} {problem}\n", error(color));
    if let Some(advice) = &problem.hint {
        _ = writeln!(text, "  {} {advice}", hint(color));
    }
    text
}

fn error(color: bool) -> &'static str {
    if color {
        "\x1b[1;31merror:\x1b[0m"
    } else {
        "error:"
    }
}

fn hint(color: bool) -> &'static str {
    if color {
        "\x1b[1;36mhint:\x1b[0m"
    } else {
        "hint:"
    }
}

pub(super) fn status(status: &Status) -> String {
    let mut table = Table(String::new());
    table.row("state", status.state.name());
    table.row("peer", &status.peer);
    table.row("run", status.run.as_deref().unwrap_or("not known yet"));
    table.row("round", &format!("{} ({})", status.round, status.phase));
    table.row(
        "peers",
        &format!(
            "{} on the roster, {} connected",
            status.roster, status.peers_connected
        ),
    );
    if let Some(loss) = status.loss {
        table.row("loss", &format!("{loss:.4}"));
    }
    if let Some(accuracy) = status.accuracy {
        table.row("accuracy", &format!("{:.1}%", 100.0 * accuracy));
    }
    if let Some(model) = &status.model {
        table.row("model", model);
    }
    table.row(
        "rounds",
        &format!(
            "{} applied, {} lost",
            status.rounds_applied, status.rounds_lost
        ),
    );
    let (sent, received) = (bytes(status.bytes_sent), bytes(status.bytes_received));
    table.row("traffic", &format!("{sent} sent, {received} received"));
    table.row("uptime", &span(status.uptime_seconds));
    if let Some(rss) = status.rss_bytes {
        table.row("memory", &bytes(rss));
    }
    for address in &status.listen {
        table.row("listen", address);
    }
    if let Some(join) = &status.join {
        table.row("join", join);
    }
    for (peer, verdict) in &status.last_round {
        table.row("last round", &format!("{peer} {verdict}"));
    }
    table.0
}

/// Rows of a name and a value; a name that repeats is shown once.
struct Table(String);

impl Table {
    fn row(&mut self, name: &str, value: &str) {
        let line = format!("{name:<12}{value}\n");
        let last = self.0.lines().rfind(|line| !line.starts_with(' '));
        let again = last.is_some_and(|last| last.starts_with(&format!("{name:<12}")));
        match again {
            true => _ = writeln!(self.0, "{:<12}{value}", ""),
            false => self.0.push_str(&line),
        }
    }
}

pub(crate) fn count(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

/// The end of a peer id: its start is the same for everybody.
fn short_peer(peer: &str) -> String {
    let skipped = peer.chars().count().saturating_sub(6);
    peer.chars().skip(skipped).collect()
}

fn short_hex(hex: &str) -> &str {
    hex.get(..8).unwrap_or(hex)
}

pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

fn span(seconds: f64) -> String {
    let span = Duration::try_from_secs_f64(seconds.round()).unwrap_or_default();
    humantime::format_duration(span).to_string()
}
