//! Plays simulated swarms and grades them.
//!
//! `sim [--scenario KIND|all] [--seeds FROM..TO] [--jobs N]` plays many;
//! `sim [--scenario KIND] --seed N [--shrink]` replays one with a trace.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use std::io::IsTerminal as _;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use spirt_protocol::sim::{Grade, Kind, Scenario, Violation, run, run_traced, shrink};

const USAGE: &str = "usage: sim [--scenario KIND|all] [--seeds FROM..TO] [--jobs N]
       sim [--scenario KIND] --seed N [--shrink]";

struct Args {
    kinds: Vec<Kind>,
    seeds: Range<u64>,
    seed: Option<u64>,
    jobs: usize,
    shrink: bool,
}

fn main() -> ExitCode {
    let Some(args) = parse(std::env::args().skip(1)) else {
        let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        eprintln!("{USAGE}\nkinds: {}", kinds.join(", "));
        return ExitCode::from(2);
    };
    if let Some(seed) = args.seed {
        return replay(Scenario::draw(args.kinds[0], seed), args.shrink);
    }
    println!("{}", heading());
    let mut broken = false;
    for kind in args.kinds {
        let (grades, violations) = sweep(kind, &args.seeds, args.jobs);
        println!("{}", row(kind, &grades, violations.len()));
        for (seed, violation) in violations.iter().take(10) {
            println!("{} {seed}: {violation}", kind.name());
            println!(
                "  replay: cargo xtask sim --scenario {} --seed {seed}",
                kind.name()
            );
        }
        broken |= !violations.is_empty();
    }
    if broken {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Option<Args> {
    let mut args = Args {
        kinds: vec![Kind::Crashes],
        seeds: 0..1000,
        seed: None,
        jobs: std::thread::available_parallelism().map_or(1, usize::from),
        shrink: false,
    };
    while let Some(flag) = words.next() {
        let mut value = || words.next();
        match flag.as_str() {
            "--scenario" => {
                args.kinds = match value()?.as_str() {
                    "all" => Kind::ALL.to_vec(),
                    name => vec![Kind::from_name(name)?],
                }
            }
            "--seed" => args.seed = Some(value()?.parse().ok()?),
            "--seeds" => {
                let range = value()?;
                let (from, to) = range.split_once("..")?;
                args.seeds = from.parse().ok()?..to.parse().ok()?;
            }
            "--jobs" => args.jobs = value()?.parse().ok().filter(|jobs| *jobs > 0)?,
            "--shrink" => args.shrink = true,
            _ => return None,
        }
    }
    Some(args)
}

fn replay(mut scenario: Scenario, smaller: bool) -> ExitCode {
    if smaller {
        scenario = shrink(&scenario);
    }
    eprintln!("{scenario:#?}");
    match run_traced(&scenario, &mut |line| eprintln!("{line}")) {
        Ok(grade) => {
            println!("{}\n{}", heading(), row(scenario.kind, &[grade], 0));
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("{violation}");
            ExitCode::FAILURE
        }
    }
}

type Violations = Vec<(u64, Box<Violation>)>;

/// Plays all seeds; the order of the grades is that in which they were done.
fn sweep(kind: Kind, seeds: &Range<u64>, jobs: usize) -> (Vec<Grade>, Violations) {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let (mut grades, mut violations) = (Vec::new(), Vec::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return (grades, violations);
            }
            if seed.is_multiple_of(100) && std::io::stderr().is_terminal() {
                eprint!("\r{} {seed}\r", kind.name());
            }
            match run(&Scenario::draw(kind, seed)) {
                Ok(grade) => grades.push(grade),
                Err(violation) => violations.push((seed, violation)),
            }
        }
    };
    let (mut grades, mut violations) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let (good, bad) = worker.join().expect("a simulated swarm panicked");
            grades.extend(good);
            violations.extend(bad);
        }
    });
    violations.sort_by_key(|(seed, _)| *seed);
    (grades, violations)
}

const COLUMNS: [&str; 10] = [
    "seeds",
    "violations",
    "rounds",
    "lost",
    "rounds/s",
    "KiB/round",
    "kept",
    "divergences",
    "longest",
    "banned",
];

fn heading() -> String {
    let columns: String = COLUMNS.iter().map(|name| format!(" {name:>11}")).collect();
    format!("{:<10}{columns}", "scenario")
}

/// Sums over all seeds; rounds and bytes by virtual second and round.
fn row(kind: Kind, grades: &[Grade], violations: usize) -> String {
    let sum = |value: fn(&Grade) -> f64| grades.iter().map(value).sum::<f64>();
    let rounds = sum(|grade| grade.rounds as f64);
    let seconds = sum(|grade| grade.virtual_time.as_secs_f64());
    let longest = grades.iter().map(|grade| grade.longest_divergence).max();
    let cells = [
        (grades.len() + violations).to_string(),
        violations.to_string(),
        rounds.to_string(),
        sum(|grade| grade.rounds_lost as f64).to_string(),
        format!("{:.2}", rounds / seconds),
        format!("{:.0}", sum(|grade| grade.bytes as f64) / rounds / 1024.0),
        format!("{:.4}", sum(|grade| grade.kept) / grades.len() as f64),
        sum(|grade| grade.divergences as f64).to_string(),
        format!("{:.1} s", longest.unwrap_or_default().as_secs_f64()),
        format!(
            "{}/{}",
            sum(|grade| grade.banned as f64),
            sum(|grade| grade.equivocators as f64)
        ),
    ];
    let cells: String = cells.iter().map(|cell| format!(" {cell:>11}")).collect();
    format!("{:<10}{cells}", kind.name())
}
