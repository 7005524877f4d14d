//! What f liars cannot do, and what one can do to the mean.

use proptest::prelude::*;
use spirt_aggregation::{Inputs, Rule, Score};

const KRUM: Rule = Rule::Krum {
    score: Score::Blanchard,
};

fn anything() -> impl Strategy<Value = f32> {
    let bits = any::<u32>().prop_map(f32::from_bits);
    let extreme = prop_oneof![
        Just(f32::MAX),
        Just(f32::MIN),
        Just(0.0),
        Just(1e30),
        Just(-1e30)
    ];
    prop_oneof![
        bits.prop_map(|x| if x.is_finite() { x } else { 1e38 }),
        extreme,
        -2.0_f32..2.0
    ]
}

/// f, honest rows, and f rows of anything at all: `more` rows above 2f + 1 together.
fn attacked(more: usize) -> impl Strategy<Value = (usize, Vec<Vec<f32>>, Vec<Vec<f32>>)> {
    (1_usize..4, 0_usize..4, 1_usize..12).prop_flat_map(move |(f, extra, d)| {
        let honest = proptest::collection::vec(
            proptest::collection::vec(-1.0_f32..1.0, d),
            f + 1 + more + extra,
        );
        let liars = proptest::collection::vec(proptest::collection::vec(anything(), d), f);
        (Just(f), honest, liars)
    })
}

fn run(rule: Rule, rows: &[&[f32]], f: usize) -> Vec<f32> {
    rule.aggregate(&Inputs::new(rows).unwrap(), f)
        .unwrap()
        .vector
}

/// The liars first: they win every tie that a row index decides.
fn together<'a>(liars: &'a [Vec<f32>], honest: &'a [Vec<f32>]) -> Vec<&'a [f32]> {
    liars.iter().chain(honest).map(Vec::as_slice).collect()
}

proptest! {
    #[test]
    fn coordinate_rules_stay_within_the_honest_range_of_each_coordinate(
        (f, honest, liars) in attacked(0),
    ) {
        let rows = together(&liars, &honest);
        for rule in [Rule::Median, Rule::TrimmedMean] {
            for (j, x) in run(rule, &rows, f).into_iter().enumerate() {
                let column = honest.iter().map(|row| row[j]);
                let least = column.clone().fold(f32::INFINITY, f32::min);
                let most = column.fold(f32::NEG_INFINITY, f32::max);
                prop_assert!((least..=most).contains(&x), "{rule}: {x} not in {least}..={most}");
            }
        }
    }

    #[test]
    fn krum_gives_back_one_of_its_inputs_bit_for_bit(
        (f, honest, liars) in attacked(2),
    ) {
        let rows = together(&liars, &honest);
        let result = run(KRUM, &rows, f);
        let same = |row: &&[f32]| row.iter().zip(&result).all(|(a, b)| a.to_bits() == b.to_bits());
        prop_assert!(rows.iter().any(same));
    }

    #[test]
    fn krum_stays_as_near_to_the_honest_rows_as_they_are_to_each_other(
        (f, honest, liars) in attacked(2),
    ) {
        // The score of any honest row is at most n - f - 2 times the honest diameter squared; the
        // winner's is no higher, and the sum holds the distance to at least one honest row.
        let rows = together(&liars, &honest);
        let result = run(KRUM, &rows, f);
        let squared = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum()
        };
        let pairs = honest.iter().flat_map(|a| honest.iter().map(move |b| (a, b)));
        let diameter = pairs.map(|(a, b)| squared(a, b)).fold(0.0, f64::max);
        let nearest = honest.iter().map(|row| squared(row, &result)).fold(f64::INFINITY, f64::min);
        prop_assert!(nearest <= (rows.len() - f - 2) as f64 * diameter * (1.0 + 1e-9));
    }

    #[test]
    fn multi_krum_leaves_out_rows_that_are_far_away(
        (f, honest, liars) in attacked(2),
    ) {
        let far: Vec<Vec<f32>> = liars.iter().enumerate()
            .map(|(i, row)| row.iter().map(|_| 1e6 * (i as f32 + 1.0)).collect())
            .collect();
        let rows = together(&far, &honest);
        let rule = Rule::MultiKrum { m: None, score: Score::Blanchard };
        let report = rule.aggregate(&Inputs::new(&rows).unwrap(), f).unwrap().report;
        prop_assert!(report.dropped().eq(0..f));
    }
}

#[test]
fn one_liar_moves_the_mean_anywhere_and_no_robust_rule() {
    let mut rows = vec![vec![1.0_f32; 3]; 7];
    rows[3] = vec![-1e30; 3];
    let inputs = Inputs::new(&rows).unwrap();
    for info in Rule::all() {
        let result = info.rule.aggregate(&inputs, 1).unwrap();
        if let Rule::CenteredClip { radius, .. } | Rule::NormClip { radius } = info.rule {
            // These only bound how far a liar gets.
            let limit = 1.0 + radius as f32 / 7.0;
            assert!(
                result.vector.iter().all(|x| x.abs() <= limit),
                "{}",
                info.rule
            );
            assert!(result.report.dropped().eq([3]), "{}", info.rule);
        } else if info.rule.is_robust() {
            assert_eq!(result.vector, [1.0; 3], "{}", info.rule);
            assert!(result.report.dropped().any(|row| row == 3), "{}", info.rule);
        } else {
            assert!(result.vector.iter().all(|x| *x < -1e29));
            assert_eq!(result.report.kept().count(), 7);
        }
    }
}

#[cfg(feature = "attacks")]
#[test]
fn every_robust_rule_survives_every_attack_that_can_be_sent() {
    use spirt_aggregation::attack::Attack;

    let honest = |i: usize| -> Vec<f32> {
        (0..500)
            .map(|j| 1.0 + ((i * 7919 + j * 104_729) % 97) as f32 / 97.0)
            .collect()
    };
    for text in [
        "sign-flip",
        "sign-flip:scale=100",
        "zero",
        "gaussian:std=50",
    ] {
        let attack: Attack = text.parse().unwrap();
        let mut rows: Vec<Vec<f32>> = (0..10).map(honest).collect();
        attack.corrupt(&mut rows[2], 1);
        attack.corrupt(&mut rows[9], 2);
        let inputs = Inputs::new(&rows).unwrap();
        // Those that promise to find the middle, whatever its length, whoever asks.
        let promises = |rule: &Rule| {
            let bounds_only = matches!(
                rule,
                Rule::CenteredClip { .. } | Rule::NormClip { .. } | Rule::Cge | Rule::Bulyan
            );
            rule.is_robust() && !bounds_only && !rule.has_own_row()
        };
        for info in Rule::all().iter().filter(|info| promises(&info.rule)) {
            let result = info.rule.aggregate(&inputs, 2).unwrap();
            let at = format!("{} under {text}", info.rule);
            assert!(
                result.vector.iter().all(|x| (1.0..=2.0).contains(x)),
                "{at}"
            );
            let dropped: Vec<usize> = result.report.dropped().collect();
            // The geometric median gives every row some weight.
            if matches!(info.rule, Rule::GeometricMedian(_)) {
                continue;
            }
            assert!(
                dropped.contains(&2) && dropped.contains(&9),
                "{at}: {dropped:?}"
            );
        }
    }
}
