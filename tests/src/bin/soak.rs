//! `soak [--minutes N] [--seed N] [--nodes N] [--host processes|namespaces|compose]`: a long run under
//! random faults. A fifth of the nodes lie; containers are all honest, as `docker compose up` makes them.
//!
//! Tells people on stderr what happens; the last line of stdout is one JSON object. Run it by
//! `cargo xtask soak`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use std::process::ExitCode;
use std::time::Duration;

use spirt_tests::host::Host;
use spirt_tests::host::network::Network;
use spirt_tests::soak::{Plan, run};

fn main() -> ExitCode {
    let Some(plan) = parse(std::env::args().skip(1)) else {
        eprintln!("usage: soak [--minutes N] [--seed N] [--nodes N] [--host HOST]");
        return ExitCode::from(2);
    };
    let summary = run(&plan, &mut |line| eprintln!("{line}"));
    let line = serde_json::to_string(&summary).expect("numbers and names");
    println!("{line}");
    if summary.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Option<Plan> {
    let mut plan = Plan {
        time: Duration::from_secs(300),
        seed: 1,
        nodes: 0,
        liars: 0,
        host: match Network::is_possible() {
            true => Host::Namespaces,
            false => Host::Processes,
        },
    };
    while let Some(flag) = words.next() {
        let value = words.next()?;
        match flag.as_str() {
            "--minutes" => {
                let minutes: f64 = value.parse().ok()?;
                plan.time = Duration::try_from_secs_f64(60.0 * minutes).ok()?;
            }
            "--seed" => plan.seed = value.parse().ok()?,
            "--nodes" => plan.nodes = value.parse().ok().filter(|nodes| *nodes >= 7)?,
            "--host" => {
                let named = |host: &Host| host.to_string() == value;
                plan.host = Host::ALL.into_iter().find(named)?;
            }
            _ => return None,
        }
    }
    let in_containers = plan.host == Host::Compose;
    if plan.nodes == 0 {
        // The founder and `--scale peer=8`.
        plan.nodes = if in_containers { 9 } else { 10 };
    }
    if !in_containers {
        plan.liars = plan.nodes / 5;
    }
    Some(plan)
}
