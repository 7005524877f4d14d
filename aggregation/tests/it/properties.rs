//! Laws that hold for all rows.

use proptest::prelude::*;
use spirt_aggregation::{Aggregate, Inputs, Rule};

use crate::oracle;

/// Any finite float: all magnitudes, both zeros, subnormals.
fn any_finite() -> impl Strategy<Value = f32> {
    any::<u32>()
        .prop_map(f32::from_bits)
        .prop_map(|x| if x.is_finite() { x } else { 0.0 })
}

/// Small whole numbers, so that sums are exact and ties are common.
fn tied() -> impl Strategy<Value = f32> {
    (-3_i8..=3).prop_map(f32::from)
}

fn usual() -> impl Strategy<Value = f32> {
    -10.0_f32..10.0
}

fn value() -> impl Strategy<Value = f32> {
    prop_oneof![any_finite(), tied(), usual()]
}

/// A rule, f, and enough rows for both; now and then more columns than a tile holds.
fn case(
    value: impl Strategy<Value = f32> + Clone,
) -> impl Strategy<Value = (Rule, usize, Vec<Vec<f32>>)> {
    let rule = prop_oneof![
        Just("mean"),
        Just("median"),
        Just("trimmed-mean"),
        Just("krum"),
        Just("multi-krum"),
        Just("multi-krum:m=2"),
    ];
    let width = prop_oneof![4 => 1_usize..9, 1 => 250_usize..600];
    (rule, 0_usize..4, 0_usize..6, width).prop_flat_map(move |(rule, f, more, d)| {
        let rule: Rule = rule.parse().unwrap();
        let row = proptest::collection::vec(value.clone(), d);
        let rows = proptest::collection::vec(row, rule.min_inputs(f) + more);
        (Just(rule), Just(f), rows)
    })
}

fn run(rule: Rule, rows: &[Vec<f32>], f: usize) -> Aggregate {
    rule.aggregate(&Inputs::new(rows).unwrap(), f).unwrap()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// Krum scores that differ: else the row index decides, and the order of the rows matters.
fn scores_differ(report: &spirt_aggregation::Report) -> bool {
    let mut scores: Vec<f64> = report.rows().iter().filter_map(|row| row.score).collect();
    scores.sort_by(f64::total_cmp);
    scores.windows(2).all(|pair| pair[0] < pair[1])
}

fn largest(rows: &[Vec<f32>]) -> f64 {
    rows.iter()
        .flatten()
        .fold(0.0, |m: f64, x| m.max(f64::from(x.abs())))
}

proptest! {
    // Ties are common on purpose, and the laws that a tie breaks skip those cases.
    #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_the_rows_does_not_change_a_bit(
        (rule, f, rows) in case(value().boxed()),
        seed in any::<u64>(),
    ) {
        let result = run(rule, &rows, f);
        prop_assume!(scores_differ(&result.report));
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&i| (seed ^ i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
        let shuffled: Vec<Vec<f32>> = order.iter().map(|&i| rows[i].clone()).collect();
        let other = run(rule, &shuffled, f);
        prop_assert_eq!(bits(&result.vector), bits(&other.vector));
        for (place, &row) in order.iter().enumerate() {
            let (was, is) = (result.report.rows()[row], other.report.rows()[place]);
            prop_assert_eq!((was.share, was.score, was.agreement), (is.share, is.score, is.agreement));
        }
    }

    #[test]
    fn the_result_is_finite_and_agrees_with_the_plain_definition(
        (rule, f, rows) in case(value().boxed()),
    ) {
        let result = run(rule, &rows, f);
        prop_assert!(result.vector.iter().all(|x| x.is_finite()));
        // The oracle adds up distances in f64: a tie within the rounding of f32 may fall elsewhere, unless
        // the rows are equal.
        let report = result.report.rows();
        let near = |i: usize, j: usize| match (report[i].score, report[j].score) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-5 * a.max(b) && rows[i] != rows[j],
            _ => false,
        };
        let near_tie = (0..rows.len()).any(|i| (0..i).any(|j| near(i, j)));
        prop_assume!(!near_tie);
        for (found, expected) in result.vector.iter().zip(oracle::aggregate(rule, &rows, f)) {
            let scale = rows.iter().flatten().fold(0.0, |m: f64, x| m.max(f64::from(x.abs())));
            prop_assert!((f64::from(*found) - expected).abs() <= 1e-7 * expected.abs() + 1e-14 * scale + 1e-45);
        }
    }

    #[test]
    fn moving_all_rows_moves_the_result(
        (rule, f, rows) in case(tied().boxed()),
        by in (-1000_i32..1000).prop_map(|k| k as f32),
    ) {
        // Whole numbers: the moved rows are exact.
        let moved: Vec<Vec<f32>> = rows.iter().map(|r| r.iter().map(|x| x + by).collect()).collect();
        let result = run(rule, &rows, f).vector;
        for (a, b) in result.iter().zip(run(rule, &moved, f).vector) {
            prop_assert!((a + by - b).abs() <= 1e-6 * (1.0 + by.abs()));
        }
    }

    #[test]
    fn scaling_all_rows_by_a_power_of_two_scales_the_result_exactly(
        (rule, f, rows) in case(usual().boxed()),
        power in -20_i32..20,
        negate in any::<bool>(),
    ) {
        let by = 2_f32.powi(power) * if negate { -1.0 } else { 1.0 };
        let scaled: Vec<Vec<f32>> = rows.iter().map(|r| r.iter().map(|x| x * by).collect()).collect();
        prop_assume!(scaled.iter().flatten().all(|x| *x == 0.0 || x.is_normal()));
        let result = run(rule, &rows, f).vector;
        let limit = 1e-6 * largest(&scaled);
        for (a, b) in result.iter().zip(run(rule, &scaled, f).vector) {
            prop_assert!((f64::from(a * by) - f64::from(b)).abs() <= limit);
            // Negation turns the sorted order round, and with it the order of the sum.
            prop_assert!(negate || a * by == b || !(a * by).is_normal());
        }
    }

    #[test]
    fn equal_rows_are_given_back_as_they_are(
        (rule, f, rows) in case(value().boxed()),
    ) {
        let equal = vec![rows[0].clone(); rows.len()];
        prop_assert_eq!(bits(&run(rule, &equal, f).vector), bits(&rows[0]));
    }

    #[test]
    fn the_report_accounts_for_every_row(
        (rule, f, rows) in case(value().boxed()),
    ) {
        let report = run(rule, &rows, f).report;
        prop_assert_eq!(report.rows().len(), rows.len());
        let weights: f64 = report.rows().iter().map(|row| row.weight).sum();
        prop_assert!((weights - 1.0).abs() < 1e-9);
        for row in report.rows() {
            prop_assert!((0.0..=1.0).contains(&row.share) && (0.0..=1.0).contains(&row.weight));
            prop_assert!(row.agreement.is_none_or(|cosine| cosine.abs() <= 1.0));
        }
        let mut all: Vec<usize> = report.kept().chain(report.dropped()).collect();
        all.sort_unstable();
        prop_assert!(all.into_iter().eq(0..rows.len()));
        let kept = report.kept().count();
        match rule {
            Rule::Mean => prop_assert_eq!(kept, rows.len()),
            Rule::Krum { .. } => prop_assert_eq!(kept, 1),
            Rule::MultiKrum { m, .. } => {
                prop_assert_eq!(kept, m.map_or(rows.len() - f, std::num::NonZeroUsize::get));
            }
            Rule::Median | Rule::TrimmedMean => prop_assert!(kept >= rows.len() - f),
            other => prop_assert!(false, "{other} is not tested here"),
        }
    }
}
