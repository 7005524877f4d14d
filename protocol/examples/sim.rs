//! Plays simulated swarms: `sim [--seeds FROM..TO] [--jobs N]`, or `sim --seed N` to replay one
//! with a trace.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use spirt_protocol::sim::{Grade, Scenario, Violation, run, run_traced};

fn main() -> ExitCode {
    let mut seeds = 0..1000;
    let mut jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        let value = args.next().unwrap_or_default();
        let understood = match flag.as_str() {
            "--seed" => match value.parse() {
                Ok(seed) => return replay(seed),
                Err(_) => false,
            },
            "--seeds" => parse_range(&value).map(|range| seeds = range).is_some(),
            "--jobs" => value.parse().map(|n| jobs = n).is_ok(),
            _ => false,
        };
        if !understood {
            eprintln!("usage: sim [--seeds FROM..TO] [--jobs N] | sim --seed N");
            return ExitCode::from(2);
        }
    }
    sweep(&seeds, jobs)
}

fn parse_range(text: &str) -> Option<Range<u64>> {
    let (from, to) = text.split_once("..")?;
    Some(from.parse().ok()?..to.parse().ok()?)
}

fn replay(seed: u64) -> ExitCode {
    let scenario = Scenario::from_seed(seed);
    eprintln!("{scenario:#?}");
    report(
        &run_traced(&scenario, &mut |line| eprintln!("{line}"))
            .map(|grade| vec![grade])
            .map_err(|v| vec![(seed, v)]),
    )
}

fn sweep(seeds: &Range<u64>, jobs: usize) -> ExitCode {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let (mut grades, mut violations) = (Vec::new(), Vec::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return (grades, violations);
            }
            match run(&Scenario::from_seed(seed)) {
                Ok(grade) => grades.push(grade),
                Err(violation) => violations.push((seed, violation)),
            }
        }
    };
    let (mut grades, mut violations) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let (good, bad) = worker.join().expect("a simulated swarm panicked");
            grades.extend(good);
            violations.extend(bad);
        }
    });
    report(&if violations.is_empty() {
        Ok(grades)
    } else {
        Err(violations)
    })
}

fn report(result: &Result<Vec<Grade>, Vec<(u64, Box<Violation>)>>) -> ExitCode {
    match result {
        Ok(grades) => {
            let sum = |value: fn(&Grade) -> f64| grades.iter().map(value).sum::<f64>();
            let virtual_seconds = sum(|grade| grade.virtual_time.as_secs_f64());
            let longest = grades.iter().map(|grade| grade.longest_divergence).max();
            println!("seeds                    {}", grades.len());
            println!("violations               0");
            println!(
                "rounds                   {}",
                sum(|grade| grade.rounds as f64)
            );
            println!(
                "rounds lost              {}",
                sum(|grade| grade.rounds_lost as f64)
            );
            println!(
                "rounds / virtual second  {:.2}",
                sum(|grade| grade.rounds as f64) / virtual_seconds
            );
            println!(
                "bytes / round            {:.0}",
                sum(|grade| grade.bytes as f64) / sum(|grade| grade.rounds as f64)
            );
            println!(
                "contributions kept       {:.4}",
                sum(|grade| grade.kept) / grades.len() as f64
            );
            println!(
                "divergences              {}",
                sum(|grade| grade.divergences as f64)
            );
            println!("longest divergence       {:?}", longest.unwrap_or_default());
            ExitCode::SUCCESS
        }
        Err(violations) => {
            for (seed, violation) in violations.iter().take(20) {
                println!("seed {seed}: {violation}\n  replay: cargo xtask sim --seed {seed}");
            }
            println!("violations               {}", violations.len());
            ExitCode::FAILURE
        }
    }
}
