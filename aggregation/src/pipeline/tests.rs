//! Text forms, limits, and laws of whole pipelines, bit for bit where that is promised.

use super::Pipeline;
use crate::error::AggregateError;
use crate::input::Inputs;
use crate::random::Random;

const TEXTS: &[&str] = &[
    "mean",
    "median",
    "trimmed-mean",
    "meamed",
    "phocas",
    "sign-majority",
    "krum",
    "krum:score=byzfl",
    "multi-krum",
    "bulyan",
    "mda",
    "mva",
    "smea",
    "caf",
    "geometric-median",
    "geometric-median:preset=rfa",
    "geometric-median:preset=byzfl",
    "centered-clip:radius=3,iters=3",
    "cge",
    "norm-clip:radius=3",
    "monna",
    "cs-plus",
    "clipped-gossip",
    "clipped-gossip:radius=2",
    "gts",
    "ios",
    "nnm+trimmed-mean",
    "nnm+krum",
    "arc+nnm+trimmed-mean",
    "arc+nnm+geometric-median",
    "arc+caf",
    "clip:radius=2+nnm+meamed",
    "nnm+nnm+median",
    "nnm+bulyan",
    "bucketing+median",
    "bucketing:seed=5+krum",
];

fn parse(text: &str) -> Pipeline {
    text.parse().unwrap()
}

fn rows(n: usize, d: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut random = Random::new(seed);
    let mut value = || (random.bits() >> 40) as f32 / (1 << 22) as f32 - 2.0;
    (0..n).map(|_| (0..d).map(|_| value()).collect()).collect()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

fn run(text: &str, rows: &[Vec<f32>], f: usize) -> Vec<f32> {
    let inputs = Inputs::new(rows).unwrap();
    parse(text).aggregate(&inputs, f).unwrap().vector
}

#[test]
fn every_pipeline_is_written_as_it_is_read() {
    for text in TEXTS {
        assert_eq!(parse(text).to_string(), *text);
    }
    for bad in [
        "",
        "+",
        "nnm",
        "nnm+",
        "+median",
        "median+nnm",
        "bucketing+monna",
        "arc:x=1+median",
    ] {
        assert!(bad.parse::<Pipeline>().is_err(), "{bad}");
    }
}

#[test]
fn the_order_of_the_rows_changes_no_bit() {
    // Many subsets share a diameter, and mixed rows coincide: there the row index decides.
    let depends = |text: &str| text.contains("bucketing") || text == "mda" || text == "nnm+bulyan";
    for (seed, text) in TEXTS.iter().enumerate().filter(|(_, t)| !depends(t)) {
        let original = rows(14, 3000, seed as u64);
        let mut shuffled = original.clone();
        // The own row stays the first.
        shuffled[1..].reverse();
        shuffled.swap(3, 7);
        let (a, b) = (run(text, &original, 2), run(text, &shuffled, 2));
        assert!(bits(&a) == bits(&b), "{text}");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let rows = rows(14, 50_000, 4);
    for text in TEXTS {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            bits(&pool.install(|| run(text, &rows, 2)))
        };
        assert!(with(1) == with(3), "{text}");
    }
}

#[test]
fn equal_rows_are_given_back_by_all_that_do_not_shorten() {
    let row = &rows(1, 700, 3)[0];
    let equal = vec![row.clone(); 14];
    for text in TEXTS
        .iter()
        .filter(|t| !t.contains("clip:") && !t.starts_with("sign"))
    {
        assert!(bits(&run(text, &equal, 2)) == bits(row), "{text}");
    }
}

#[test]
fn scaling_the_rows_scales_the_result() {
    let rows = rows(14, 300, 8);
    let scaled: Vec<Vec<f32>> = rows
        .iter()
        .map(|row| row.iter().map(|x| x * 1024.0).collect())
        .collect();
    for text in TEXTS {
        // These have a length of their own.
        if text.contains("radius") || text.contains("preset") || text.starts_with("sign") {
            continue;
        }
        for (a, b) in run(text, &rows, 2).iter().zip(run(text, &scaled, 2)) {
            assert!((a * 1024.0 - b).abs() <= 2e-3, "{text}: {a} {b}");
        }
    }
}

#[test]
fn a_common_offset_moves_the_result_and_changes_no_selection() {
    let rows = rows(14, 300, 9);
    // Rows that are multiples of 2^-9: the moved ones are exact.
    let rows: Vec<Vec<f32>> = rows
        .iter()
        .map(|row| row.iter().map(|x| (x * 512.0).round() / 512.0).collect())
        .collect();
    let moved: Vec<Vec<f32>> = rows
        .iter()
        .map(|row| row.iter().map(|x| x + 8192.0).collect())
        .collect();
    for text in TEXTS {
        // Mixed rows coincide, so that Bulyan's scores after mixing are equal but for rounding.
        let at_origin = ["clip:", "arc", "cge", "sign", "byzfl", "nnm+bulyan"];
        if at_origin.iter().any(|word| text.contains(word)) && *text != "krum:score=byzfl" {
            continue;
        }
        for (a, b) in run(text, &rows, 2).iter().zip(run(text, &moved, 2)) {
            assert!((a + 8192.0 - b).abs() <= 4e-3, "{text}: {a} {b}");
        }
    }
}

#[test]
fn liars_of_any_size_leave_the_result_near_the_honest_rows() {
    for text in TEXTS.iter().filter(|t| !["mean", "cge"].contains(t)) {
        for size in [1e3, 1e20, 1e38] {
            let mut rows = rows(14, 40, 6);
            for row in &mut rows[12..] {
                row.iter_mut().for_each(|x| *x = x.signum() * size);
            }
            let out = run(text, &rows, 2);
            assert!(out.iter().all(|x| x.abs() <= 4.0), "{text} {size}");
        }
    }
}

#[test]
fn centered_clipping_starts_where_it_is_told() {
    let rows = rows(9, 500, 2);
    let inputs = Inputs::new(&rows).unwrap();
    let pipeline = parse("centered-clip:radius=1.5,iters=2");
    let mut centre: Vec<f64> = vec![0.5; 500];
    let start: Vec<f32> = centre.iter().map(|x| *x as f32).collect();
    let found = pipeline.aggregate_around(&inputs, 2, Some(&start)).unwrap();
    for _ in 0..2 {
        let mut sum = vec![0.0; 500];
        for row in &rows {
            let away: Vec<f64> = row
                .iter()
                .zip(&centre)
                .map(|(x, c)| f64::from(*x) - c)
                .collect();
            let length = away.iter().map(|x| x * x).sum::<f64>().sqrt();
            for (sum, x) in sum.iter_mut().zip(&away) {
                *sum += x * (1.5 / length).min(1.0) / 9.0;
            }
        }
        for (c, s) in centre.iter_mut().zip(sum) {
            *c += s;
        }
    }
    for (a, b) in found.vector.iter().zip(&centre) {
        assert!((f64::from(*a) - b).abs() < 1e-6, "{a} {b}");
    }
    let bad = [f32::NAN; 500];
    let error = pipeline
        .aggregate_around(&inputs, 2, Some(&bad))
        .unwrap_err();
    assert_eq!(error, AggregateError::BadCentre { expected: 500 });
}

#[test]
fn limits_count_the_rows_that_come_in() {
    assert_eq!(parse("bucketing+median").min_inputs(2), 9);
    assert_eq!(parse("nnm+krum").min_inputs(2), 7);
    assert!(parse("bucketing+median").check(8, 2).is_err());
    assert!(parse("bucketing+median").check(9, 2).is_ok());
    for text in TEXTS {
        for f in [3, usize::MAX / 2, usize::MAX] {
            let rows = rows(3, 5, 1);
            let result = parse(text).aggregate(&Inputs::new(&rows).unwrap(), f);
            assert!(result.is_err() || *text == "mean", "{text} {f}");
        }
    }
    let error =
        parse("median").aggregate_into(&Inputs::new(&rows(3, 5, 1)).unwrap(), 1, &mut [0.0; 4]);
    let expected = AggregateError::BadOutput {
        expected: 5,
        found: 4,
    };
    assert_eq!(error.unwrap_err(), expected);
}
