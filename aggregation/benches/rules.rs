//! Times of all rules, beside what the memory of this machine allows.
//!
//! `cargo bench -p spirt-aggregation` prints, for each n and d: the time, the bytes moved per second
//! (inputs read as often as the rule reads them, output written once), and the ratio of the time to
//! that of a plain read of the inputs in the same run. Arguments choose: `n=16`, `d=1000000`, a part
//! of a rule's text, `threads=1`. The least of a few runs counts: on a shared
//! machine the others measure the neighbours.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark reads the clock and prints"
)]

use std::hint::black_box;
use std::time::Instant;

use rayon::prelude::*;
use spirt_aggregation::{Arena, Inputs, Piece, Pipeline};

/// Each text with the rows it reads in all, in units of n, for f = n / 4.
const RULES: &[(&str, f64)] = &[
    ("mean", 1.0),
    ("median", 1.0),
    ("trimmed-mean", 1.0),
    ("meamed", 1.0),
    ("phocas", 1.0),
    ("sign-majority", 1.0),
    ("krum", 1.0),
    ("multi-krum", 1.75),
    ("mda", 1.75),
    ("caf", 2.0),
    ("geometric-median:preset=byzfl", 2.0),
    ("geometric-median", 2.0),
    ("centered-clip:radius=1000", 2.0),
    ("cge", 1.75),
    ("monna", 1.75),
    ("cs-plus", 2.0),
    ("nnm+trimmed-mean", 2.0),
    ("arc+nnm+trimmed-mean", 2.0),
    ("arc+nnm+geometric-median", 2.0),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |key: &str| {
        let found = arguments.iter().find_map(|a| a.strip_prefix(key));
        found.map(|value| value.parse::<usize>().unwrap())
    };
    let words: Vec<&String> = arguments
        .iter()
        .filter(|a| !a.contains('=') && !a.starts_with("--"))
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
    let rows = rows(n, d, f);
    let inputs = Inputs::new(&rows).unwrap();
    let read = least(d, || {
        black_box(total(&rows));
    });
    let bytes = (4 * n * d) as f64;
    println!(
        "\nn = {n}, f = {f}, d = {d}: reads {:.1} GB/s",
        bytes / read / 1e9
    );
    println!(
        "{:<32}{:>10}{:>8}{:>14}",
        "rule", "ms", "GB/s", "times a read"
    );
    let mut out = vec![0.0; d];
    for (text, passes) in RULES {
        if !words.is_empty() && !words.iter().any(|word| text.contains(word.as_str())) {
            continue;
        }
        let pipeline: Pipeline = text.parse().unwrap();
        if pipeline.check(n, f).is_err() {
            continue;
        }
        let time = least(d, || pipeline.aggregate_into(&inputs, f, &mut out).unwrap());
        let moved = bytes * passes + (4 * d) as f64;
        println!(
            "{text:<32}{:>10.2}{:>8.1}{:>14.2}",
            time * 1e3,
            moved / time / 1e9,
            time / read
        );
    }
    if n == 16 {
        for text in ["median", "trimmed-mean", "multi-krum", "nnm+trimmed-mean"] {
            println!(
                "last byte to aggregate: {text:<20}{:>10.2} ms",
                streamed(text, &rows, f)
            );
        }
    }
}

/// Milliseconds from the last piece to the aggregate, four sources interleaved.
fn streamed(text: &str, rows: &[Vec<f32>], f: usize) -> f64 {
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

/// Rows of noise around a truth, the last f of them three times as long.
fn rows(n: usize, d: usize, f: usize) -> Vec<Vec<f32>> {
    let row = |i: usize| {
        let mut state = 0x9e37_79b9_u32.wrapping_mul(i as u32 + 1) | 1;
        let mut uniform = move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let scale = if i >= n - f { 3.0 } else { 1.0 };
        (0..d)
            .map(|_| scale * 2.0 * (uniform() + uniform() + uniform()))
            .collect()
    };
    (0..n).into_par_iter().map(row).collect()
}

/// Reads everything once, as fast as the machine can.
fn total(rows: &[Vec<f32>]) -> u32 {
    let sum = |row: &Vec<f32>| {
        let chunks = row.par_chunks(1 << 15);
        chunks
            .map(|c| c.iter().fold(0, |t, x| t ^ x.to_bits()))
            .reduce(|| 0, |a, b| a ^ b)
    };
    rows.iter().map(sum).fold(0, |a, b| a ^ b)
}

/// The least time of a few runs, in seconds.
fn least(d: usize, mut run: impl FnMut()) -> f64 {
    let runs = if d > 5_000_000 { 3 } else { 7 };
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..runs).map(time).fold(f64::INFINITY, f64::min)
}
