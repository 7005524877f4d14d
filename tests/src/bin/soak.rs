//! `soak --minutes N [--seed N] [--nodes N]`: a long run under random faults.
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

use spirt_tests::soak::{Plan, run};

fn main() -> ExitCode {
    let Some(plan) = parse(std::env::args().skip(1)) else {
        eprintln!("usage: soak --minutes N [--seed N] [--nodes N]");
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
        nodes: 10,
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
            _ => return None,
        }
    }
    Some(plan)
}
