//! Plays simulated swarms and grades them.
//!
//! `sim [--scenario KIND|all] [--seeds FROM..TO] [--jobs N] [--base FILE [--bless]]` plays many, and
//! compares their grades with a table in a file;
//! `sim [--scenario KIND] --seed N [--shrink]` replays one with a trace;
//! `--mutation NAME|all` breaks the machines on purpose, and it is a failure if nobody notices.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

mod base;
mod table;

use std::io::IsTerminal as _;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use spirt_protocol::sim::{Grade, Kind, Mutation, Scenario, Violation, run, run_traced, shrink};

use table::{Row, heading};

const USAGE: &str =
    "usage: sim [--scenario KIND|all] [--seeds FROM..TO] [--jobs N] [--base FILE [--bless]]
       sim [--scenario KIND] --seed N [--shrink] [--mutation NAME]
       sim --mutation NAME|all [--scenario KIND|all] [--seeds FROM..TO]";

struct Args {
    kinds: Vec<Kind>,
    seeds: Range<u64>,
    seed: Option<u64>,
    jobs: usize,
    shrink: bool,
    base: Option<PathBuf>,
    bless: bool,
    mutations: Vec<Mutation>,
}

fn main() -> ExitCode {
    let Some(args) = parse(std::env::args().skip(1)) else {
        let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        let mutations: Vec<_> = Mutation::ALL.iter().map(|m| m.name()).collect();
        eprintln!(
            "{USAGE}\nkinds: {}\nmutations: {}",
            kinds.join(", "),
            mutations.join(", ")
        );
        return ExitCode::from(2);
    };
    let good = if let Some(seed) = args.seed {
        let mut scenario = Scenario::draw(args.kinds[0], seed);
        scenario.mutation = args.mutations.first().copied();
        replay(scenario, args.shrink)
    } else if args.mutations.is_empty() {
        grade(&args)
    } else {
        hunt(&args)
    };
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Plays all seeds of all kinds; true if no promise was broken and the grades are those of the base.
fn grade(args: &Args) -> bool {
    println!("{}", heading());
    let (mut good, mut rows) = (true, Vec::new());
    for kind in args.kinds.iter().copied() {
        let (grades, violations) = sweep(kind, &args.seeds, args.jobs);
        let row = Row::new(kind, &grades, violations.len());
        println!("{}", row.line());
        rows.push(row);
        for (seed, violation) in violations.iter().take(10) {
            let kind = kind.name();
            println!("{kind} {seed}: {violation}");
            println!("  replay: cargo xtask sim --scenario {kind} --seed {seed}");
        }
        good &= violations.is_empty();
    }
    if let Some(path) = &args.base {
        let bless = args.bless && good;
        match base::compare(path, &rows, &args.seeds, bless) {
            Ok(same) => good &= same,
            Err(error) => {
                eprintln!("cannot compare with {}: {error}", path.display());
                good = false;
            }
        }
    }
    good
}

/// Plays broken machines until each is found out; true if each was.
fn hunt(args: &Args) -> bool {
    println!(
        "{:<20}{:>10}{:>8}  violation",
        "mutation", "scenario", "seed"
    );
    let mut good = true;
    for mutation in &args.mutations {
        let mut found = false;
        for kind in &args.kinds {
            let broken = args.seeds.clone().find_map(|seed| {
                let mut scenario = Scenario::draw(*kind, seed);
                scenario.mutation = Some(*mutation);
                run(&scenario).err().map(|violation| (seed, violation))
            });
            let (name, kind) = (mutation.name(), kind.name());
            if let Some((seed, violation)) = broken {
                let what = violation.to_string();
                let what = what.lines().next().unwrap_or_default();
                println!("{name:<20}{kind:>10}{seed:>8}  {what}");
                found = true;
            } else {
                println!("{name:<20}{kind:>10}{:>8}", "-");
            }
        }
        good &= found;
    }
    good
}

fn parse(mut words: impl Iterator<Item = String>) -> Option<Args> {
    let mut args = Args {
        kinds: vec![Kind::Crashes],
        seeds: 0..1000,
        seed: None,
        jobs: std::thread::available_parallelism().map_or(1, usize::from),
        shrink: false,
        base: None,
        bless: false,
        mutations: Vec::new(),
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
            "--base" => args.base = Some(value()?.into()),
            "--bless" => args.bless = true,
            "--mutation" => {
                args.mutations = match value()?.as_str() {
                    "all" => Mutation::ALL.to_vec(),
                    name => vec![Mutation::from_name(name)?],
                }
            }
            _ => return None,
        }
    }
    Some(args)
}

fn replay(mut scenario: Scenario, smaller: bool) -> bool {
    if smaller {
        scenario = shrink(&scenario);
    }
    eprintln!("{scenario:#?}");
    match run_traced(&scenario, &mut |line| eprintln!("{line}")) {
        Ok(grade) => {
            println!("{}", heading());
            println!("{}", Row::new(scenario.kind, &[grade], 0).line());
            true
        }
        Err(violation) => {
            println!("{violation}");
            false
        }
    }
}

type Violations = Vec<(u64, Box<Violation>)>;

/// Plays all seeds; grades and violations are by ascending seed.
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
                Ok(grade) => grades.push((seed, grade)),
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
    grades.sort_by_key(|(seed, _)| *seed);
    let grades = grades.into_iter().map(|(_, grade)| grade).collect();
    (grades, violations)
}
