//! Times of all rules, beside what this machine allows.
//!
//! `cargo bench -p spirt-aggregation` prints, for each n and d: the least time of at least half a second's runs; the time, as said below; the
//! bytes moved per second (inputs read as often as the rule reads them, output written once); the ratio of
//! the time to that of a plain read of the inputs; the ratio to the bound of [`bound`], which counts the
//! arithmetic, too; and the memory that was needed beside inputs and output. Arguments choose: `n=16`, `d=1000000`,
//! a part of a rule's text, `threads=1`. With `d=4096 threads=1` the rows are in the caches, and what is left is arithmetic.
//!
//! On a shared machine the rates change from second to second. So they are measured anew right before each
//! run of a rule, a ratio is that of such a pair, and the medians of the pairs count.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    unsafe_code,
    missing_docs,
    reason = "a benchmark reads the clock, prints, and asks the processor for its best"
)]

mod bound;
mod memory;
mod peak;

use std::hint::black_box;
use std::time::Instant;

use bound::RULES;
use peak::Peak;
use rayon::prelude::*;
use spirt_aggregation::{Arena, Inputs, Piece, Pipeline};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |key: &str| {
        let found = arguments.iter().find_map(|a| a.strip_prefix(key));
        found.map(|value| value.parse::<usize>().unwrap())
    };
    let words: Vec<&String> = arguments
        .iter()
        .filter(|a| a.starts_with('=') || !a.contains('=') && !a.starts_with("--"))
        .collect();
    let threads = value("threads=").unwrap_or(0);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .unwrap();
    println!("threads {}", rayon::current_num_threads());
    let all_d = value("d=").map_or(vec![1_000_000, 11_700_000], |d| vec![d]);
    for d in all_d {
        for n in value("n=").map_or(vec![8, 16, 32, 64], |n| vec![n]) {
            table(n, d, &words);
        }
    }
}

fn table(n: usize, d: usize, words: &[&String]) {
    let f = n / 4;
    let all = rows(n, d, f);
    let rows: Vec<&[f32]> = all.chunks_exact(d).collect();
    let inputs = Inputs::new(&rows).unwrap();
    println!("\nn = {n}, f = {f}, d = {d}: {}", Peak::of(&rows));
    println!(
        "{:<32}{:>10}{:>10}{:>8}{:>14}{:>16}{:>10}",
        "rule", "least ms", "ms", "GB/s", "times a read", "times its bound", "MB more"
    );
    let digits = if d < 100_000 { 5 } else { 2 };
    // Not zeros, which the system only promises: the first rule would pay for their pages.
    let mut out = vec![1.0; d];
    for &(text, passes) in RULES {
        if !words.is_empty() && !words.iter().any(|word| is_meant(text, word)) {
            continue;
        }
        let pipeline: Pipeline = text.parse().unwrap();
        if pipeline.check(n, f).is_err() {
            continue;
        }
        let mut run = || pipeline.aggregate_into(&inputs, f, &mut out).unwrap();
        let more = memory::beyond(&mut run).map_or("?".to_owned(), |b| format!("{:.1}", b / 1e6));
        let least = least(&mut run);
        let pairs: Vec<(Peak, f64)> = (0..pairs_of(d))
            .map(|_| (Peak::of(&rows), seconds(&mut run)))
            .collect();
        let all = || pairs.iter();
        let time = median(all().map(|(_, time)| *time));
        let reads = median(all().map(|(peak, time)| time * peak.read / (4 * n * d) as f64));
        let bound = median(all().map(|(peak, time)| time / passes.least_seconds(*peak, n, f, d)));
        println!(
            "{text:<32}{:>10.digits$}{:>10.digits$}{:>8.1}{reads:>14.2}{bound:>16.2}{more:>10}",
            least * 1e3,
            time * 1e3,
            passes.bytes(n, f, d) / time / 1e9,
        );
    }
    if n == 16 {
        arrivals(&rows, f, &mut out);
    }
}

/// Times from the last piece to the aggregate, each beside one of a pass over all rows right after it.
fn arrivals(rows: &[&[f32]], f: usize, out: &mut [f32]) {
    let mean: Pipeline = "mean".parse().unwrap();
    let mut pass = |n: usize| {
        let inputs = Inputs::new(&rows[..n]).unwrap();
        seconds(&mut || mean.aggregate_into(&inputs, 0, out).unwrap()) * 1e3
    };
    for n in [rows.len() - f, rows.len()] {
        let time = median((0..pairs_of(rows[0].len())).map(|_| pass(n)));
        println!("one pass over {n} rows: {time:.2} ms");
    }
    for text in STREAMED {
        let pairs: Vec<(f64, f64)> = (0..5)
            .map(|_| (streamed(text, rows, f), pass(rows.len())))
            .collect();
        let time = median(pairs.iter().map(|(time, _)| *time));
        let passes = median(pairs.iter().map(|(time, pass)| time / pass));
        println!(
            "last byte to aggregate: {text:<20}{time:>10.2} ms, {passes:.2} times a pass over {} rows",
            rows.len()
        );
    }
}

/// Rules that are timed from the last piece of all rows on: that take each column apart, that keep rows, that weigh them, and that mix
/// them.
const STREAMED: [&str; 6] = [
    "median",
    "trimmed-mean",
    "krum",
    "multi-krum",
    "geometric-median",
    "nnm+trimmed-mean",
];

/// A word is a part of a rule's text, or all of it after an `=`.
fn is_meant(text: &str, word: &str) -> bool {
    word.strip_prefix('=')
        .map_or(text.contains(word), |all| text == all)
}

/// Milliseconds from the last piece to the aggregate, four sources interleaved.
fn streamed(text: &str, rows: &[&[f32]], f: usize) -> f64 {
    let d = rows[0].len();
    let piece = Arena::block_columns();
    let mut arena = Arena::new(text.parse().unwrap(), f, rows.len(), d).unwrap();
    for at in (0..d).step_by(piece) {
        for source in 0..4 {
            for row in (source..rows.len()).step_by(4) {
                let end = d.min(at + piece);
                let start = Instant::now();
                arena
                    .write(row, at, Piece::F32(&rows[row][at..end]))
                    .unwrap();
                if end == d && row == rows.len() - 1 {
                    black_box(arena.finish().unwrap());
                    return start.elapsed().as_secs_f64() * 1e3;
                }
            }
        }
    }
    f64::NAN
}

/// Rows of noise around a truth, one after the other, the last f of them three times as long.
fn rows(n: usize, d: usize, f: usize) -> Vec<f32> {
    let mut rows = vec![0.0; n * d];
    rows.par_chunks_mut(d).enumerate().for_each(|(i, row)| {
        let mut state = 0x9e37_79b9_u32.wrapping_mul(i as u32 + 1) | 1;
        let mut uniform = move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let scale = if i >= n - f { 3.0 } else { 1.0 };
        for x in row {
            *x = scale * 2.0 * (uniform() + uniform() + uniform());
        }
    });
    rows
}

/// The fastest of at least seven runs one after the other, in at least half a second: a neighbour on the machine is loud for less, mostly.
fn least(run: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut least = f64::INFINITY;
    for done in 1.. {
        least = least.min(seconds(run));
        if done >= 7 && start.elapsed().as_secs_f64() >= 0.5 {
            break;
        }
    }
    least
}

/// Runs of a rule, each after a measurement of the machine; more where they are short.
fn pairs_of(d: usize) -> usize {
    (40_000_000 / d).clamp(7, 41)
}

fn seconds<T>(run: &mut impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    black_box(run());
    start.elapsed().as_secs_f64()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
