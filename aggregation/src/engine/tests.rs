//! The passes against plain loops, and every instruction set against the portable one.

use super::simd::Isa;
use super::*;
use crate::tile::block_range;

/// A small seeded generator: awkward finite floats of many magnitudes, with ties.
pub(super) fn rows(n: usize, d: usize, seed: u64, wild: bool) -> Vec<Vec<f32>> {
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut value = move || {
        let bits = next();
        let x = f32::from_bits((bits >> 16) as u32);
        match bits % 8 {
            0 => ((bits >> 40) % 5) as f32 - 2.0,
            1 if wild && x.is_finite() => x,
            _ => ((bits >> 32) as f32 / u32::MAX as f32 - 0.5) * 4.0,
        }
    };
    (0..n).map(|_| (0..d).map(|_| value()).collect()).collect()
}

pub(super) fn source(rows: &[Vec<f32>]) -> Source<'_> {
    Source::Rows(rows.iter().map(Vec::as_slice).collect())
}

const REDUCTIONS: fn(usize) -> Vec<Reduce> = |n| {
    let f = (n - 1) / 2;
    let mut all = vec![Reduce::Median, Reduce::Sign, Reduce::TrimmedMean { f: 0 }];
    for f in [f, f / 2] {
        all.extend([
            Reduce::TrimmedMean { f },
            Reduce::NearMedian { f },
            Reduce::NearTrimmedMean { f },
            Reduce::Nearest { keep: 1 + f / 3 },
        ]);
    }
    all
};

fn close(a: f32, b: f32) -> bool {
    (f64::from(a) - f64::from(b)).abs() <= 1e-6 * f64::from(b).abs() + 1e-30
}

#[test]
fn columns_agree_with_the_plain_definition_on_every_instruction_set() {
    // Less than a panel, and more.
    let sizes = (1..=20).chain([31, 32, 33, 47, 63, 64]).map(|n| (n, 83));
    for (n, d) in sizes.chain([(8, 1107), (29, 1107)]) {
        let rows = rows(n, d, n as u64, true);
        let source = source(&rows);
        for reduce in REDUCTIONS(n) {
            let mut plain = vec![0.0; d];
            let slices: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            wide::columns(&slices, 0..d, &Mixer::Plain, reduce, &mut plain);
            let results: Vec<Vec<f32>> = Isa::available()
                .into_iter()
                .map(|isa| {
                    let mut out = vec![0.0; d];
                    columns(isa, &source, &Mixer::Plain, reduce, &mut out);
                    out
                })
                .collect();
            for out in &results {
                assert_eq!(bits(out), bits(&results[0]), "n = {n} {reduce:?}");
                for (a, b) in out.iter().zip(&plain) {
                    assert!(close(*a, *b), "n = {n} {reduce:?}: {a} is not {b}");
                }
            }
        }
    }
}

pub(super) fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn mixing_agrees_with_the_plain_product() {
    let (n, d) = (29, 1050);
    let rows = rows(n, d, 3, false);
    let sets = |is_member: fn(usize, usize) -> bool| -> Vec<Vec<f64>> {
        let weight = |i, j| if is_member(i, j) { 0.125 } else { 0.0 };
        (0..n)
            .map(|i| (0..n).map(|j| weight(i, j)).collect())
            .collect()
    };
    let few = sets(|i, j| (i + j) % 4 != 0 || j < 3);
    let many = sets(|i, j| (i * i + 7 * j * i + j) % 5 != 0);
    let dense: Vec<Vec<f64>> = (0..4)
        .map(|i| (0..n).map(|j| ((i * j) % 5) as f64 / 30.0).collect())
        .collect();
    for weights in [few, many, dense] {
        let mixer = Mixer::new(&weights);
        let mixed: Vec<Vec<f32>> = weights
            .iter()
            .map(|w| {
                let value = |c: usize| (0..n).map(|j| w[j] * f64::from(rows[j][c])).sum::<f64>();
                (0..d).map(|c| value(c) as f32).collect()
            })
            .collect();
        let reduce = Reduce::TrimmedMean { f: 1 };
        let mut expected = vec![0.0; d];
        columns(
            Isa::best(),
            &source(&mixed),
            &Mixer::Plain,
            reduce,
            &mut expected,
        );
        let mut outs = Vec::new();
        for isa in Isa::available() {
            let mut out = vec![0.0; d];
            columns(isa, &source(&rows), &mixer, reduce, &mut out);
            for (a, b) in out.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-6, "{a} {b}");
            }
            outs.push(bits(&out));
        }
        assert!(outs.iter().all(|out| *out == outs[0]));
    }
}

#[test]
fn combinations_agree_with_the_plain_sum() {
    let rows = rows(13, 20_000, 5, true);
    let source = source(&rows);
    let chosen = vec![1, 4, 5, 12];
    let weights: Vec<(usize, f64)> = chosen
        .iter()
        .map(|&j| (j, 1.0 / (j as f64 + 2.0)))
        .collect();
    for what in [
        Combination::Average(chosen.clone()),
        Combination::Weighted(weights),
    ] {
        let mut outs = Vec::new();
        for isa in Isa::available() {
            let mut out = vec![0.0; 20_000];
            combine(isa, &source, &what, &mut out);
            outs.push(out);
        }
        assert!(outs.iter().all(|out| bits(out) == bits(&outs[0])));
        for (column, found) in outs[0].iter().enumerate() {
            let (mut sum, mut size) = (0.0, 0.0_f64);
            for &row in &chosen {
                let weight = match &what {
                    Combination::Average(rows) => 1.0 / rows.len() as f64,
                    Combination::Weighted(_) => 1.0 / (row as f64 + 2.0),
                };
                sum += weight * f64::from(rows[row][column]);
                size += weight * f64::from(rows[row][column]).abs();
            }
            assert!((f64::from(*found) - sum).abs() <= 1e-7 * sum.abs() + 1e-14 * size + 1e-45);
        }
    }
}

/// Rows of which the last ones cancel the others in some columns, nearly or exactly, or leave the smallest one.
fn cancelling(n: usize, d: usize) -> Vec<Vec<f32>> {
    let mut rows = rows(n, d, 11, true);
    for column in 0..d {
        let sum: f64 = rows[..n - 1].iter().map(|row| f64::from(row[column])).sum();
        let first = rows[0][column];
        match column % 6 {
            0 => rows[n - 1][column] = -sum as f32,
            1 => rows[n - 1][column] = -first,
            2 => {
                rows.iter_mut().skip(1).for_each(|row| row[column] *= 1e-20);
                rows[n - 1][column] = -first;
            }
            3 => rows.iter_mut().for_each(|row| row[column] = -0.0),
            _ => {}
        }
    }
    let finite = |row: Vec<f32>| row.into_iter().map(|x| x.clamp(f32::MIN, f32::MAX));
    rows.into_iter().map(|row| finite(row).collect()).collect()
}

#[test]
fn the_mean_is_that_of_sorted_values_for_every_order_of_the_rows() {
    for (n, d) in [(2, 5000), (9, 5000), (16, 3000), (64, 700)] {
        let mut rows = cancelling(n, d);
        let expected: Vec<f32> = (0..d)
            .map(|column| {
                let mut values: Vec<f32> = rows.iter().map(|row| row[column]).collect();
                values.sort_unstable_by(f32::total_cmp);
                let sum: f64 = values.into_iter().map(f64::from).sum();
                (sum * (1.0 / n as f64)) as f32
            })
            .collect();
        let what = Combination::Average((0..n).collect());
        for _ in 0..3 {
            for isa in Isa::available() {
                let mut out = vec![0.0; d];
                combine(isa, &source(&rows), &what, &mut out);
                assert_eq!(bits(&out), bits(&expected), "{n} rows");
            }
            rows.reverse();
            rows.swap(0, n / 2);
        }
    }
}

/// A long output goes past the caches; blocks of it do not.
#[test]
fn a_long_output_is_the_same_as_its_blocks() {
    let d = LONG + BLOCK + 21;
    let rows = rows(5, d, 17, false);
    let source = source(&rows);
    let (reduce, what) = (Reduce::Median, Combination::Average(vec![0, 2, 3]));
    let one = Combination::Average(vec![4]);
    for isa in Isa::available() {
        // Not at the beginning of a line, wherever the allocator put it.
        let mut found = vec![vec![0.0; d + 1]; 3];
        columns(isa, &source, &Mixer::Plain, reduce, &mut found[0][1..]);
        combine(isa, &source, &what, &mut found[1][1..]);
        combine(isa, &source, &one, &mut found[2][1..]);
        for block in 0..d.div_ceil(BLOCK) {
            let range = block_range(block, d);
            let mut out = vec![vec![0.0; range.len()]; 3];
            block_columns(isa, &source, block, &Mixer::Plain, reduce, &mut out[0]);
            block_combine(isa, &source, &what, block, &mut out[1]);
            block_combine(isa, &source, &one, block, &mut out[2]);
            for (out, found) in out.iter().zip(&found) {
                assert_eq!(bits(out), bits(&found[1..][range.clone()]), "{block}");
            }
        }
    }
}
