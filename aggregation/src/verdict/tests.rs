//! Who is named and who is not, on made-up shares and on made-up gradients.

use super::of_rows;
use crate::input::Inputs;
use crate::report::Verdict::{Dropped, Kept};
use crate::rule::Rule;

/// Standard normal values from a seed (Box and Muller, over splitmix64).
struct Normal(u64);

impl Normal {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn next(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// In how many per mille of the chances a lying and an honest row is named. The liars are the first
/// `liars` rows: their own gradient, times `scale`.
fn named(rule: Rule, (n, f): (usize, usize), snr: f64, liars: usize, scale: f64) -> (usize, usize) {
    const ROUNDS: usize = 60;
    let mut normal = Normal(1);
    let (mut lying, mut honest) = (0, 0);
    for _ in 0..ROUNDS {
        let signal: Vec<f64> = (0..2000).map(|_| snr * normal.next()).collect();
        let mut row = |i: usize| -> Vec<f32> {
            let scale = if i < liars { scale } else { 1.0 };
            let noisy = signal.iter().map(|s| (s + normal.next()) * scale);
            noisy.map(|x| x as f32).collect()
        };
        let rows: Vec<Vec<f32>> = (0..n).map(&mut row).collect();
        let result = rule.aggregate(&Inputs::new(&rows).unwrap(), f).unwrap();
        for row in result.report.dropped() {
            *(if row < liars { &mut lying } else { &mut honest }) += 1;
        }
    }
    (
        1000 * lying / (ROUNDS * liars.max(1)),
        1000 * honest / (ROUNDS * (n - liars)),
    )
}

const SIZES: [(usize, usize); 5] = [(5, 1), (5, 2), (7, 1), (8, 2), (10, 2)];

#[test]
fn a_sign_flipping_row_is_named_and_an_honest_one_is_not() {
    for rule in [Rule::Median, Rule::TrimmedMean] {
        for size in SIZES {
            for (snr, at_least) in [(0.4, 900), (1.0, 990), (3.0, 990)] {
                let (lying, honest) = named(rule, size, snr, size.1, -1.0);
                let at = format!("{rule} {size:?} snr {snr}: {lying} and {honest} per mille");
                assert!(lying >= at_least, "{at}");
                assert!(honest <= 5, "{at}");
            }
        }
    }
}

#[test]
fn honest_rows_are_rarely_named_when_there_is_no_liar() {
    for rule in [Rule::Median, Rule::TrimmedMean] {
        for size in SIZES {
            for (snr, at_most) in [(0.0, 25), (0.3, 5), (1.0, 0)] {
                let (_, honest) = named(rule, size, snr, 0, 1.0);
                assert!(
                    honest <= at_most,
                    "{rule} {size:?} snr {snr}: {honest} per mille"
                );
            }
        }
    }
}

#[test]
fn a_row_far_out_in_most_coordinates_is_named() {
    for rule in [Rule::Median, Rule::TrimmedMean] {
        for size in SIZES {
            for scale in [30.0, -30.0] {
                let (lying, honest) = named(rule, size, 0.5, size.1, scale);
                assert!(
                    lying >= 950 && honest <= 5,
                    "{rule} {size:?}: {lying}, {honest}"
                );
            }
        }
    }
}

#[test]
fn no_more_than_f_rows_are_named() {
    let shares = [0.1, 0.9, 0.2, 0.9, 0.9, 0.5];
    let cosines = [Some(0.5), Some(0.5), None, Some(0.5), Some(0.5), Some(-0.9)];
    let verdicts = |f| of_rows(&shares, &cosines, f);
    assert_eq!(verdicts(0), [Kept; 6]);
    assert_eq!(verdicts(1), [Dropped, Kept, Kept, Kept, Kept, Kept]);
    assert_eq!(verdicts(2), [Dropped, Kept, Dropped, Kept, Kept, Kept]);
    assert_eq!(verdicts(3), [Dropped, Kept, Dropped, Kept, Kept, Dropped]);
}

#[test]
fn rows_that_are_all_equal_are_all_kept() {
    let rows = [[1.0_f32, -2.0]; 5];
    for rule in [Rule::Median, Rule::TrimmedMean] {
        let result = rule.aggregate(&Inputs::new(&rows).unwrap(), 2).unwrap();
        assert_eq!(result.report.kept().count(), 5);
        assert!(result.report.rows().iter().all(|row| row.share == 1.0));
    }
}
