//! Text forms, limits, and that the documentation names every rule.

use super::Rule;
use crate::error::AggregateError;
use crate::input::Inputs;

fn parse(text: &str) -> Rule {
    text.parse().unwrap()
}

#[test]
fn every_rule_is_written_as_it_is_read() {
    for text in [
        "mean",
        "median",
        "trimmed-mean",
        "krum",
        "multi-krum",
        "multi-krum:m=6",
        "multi-krum:m=6,score=byzfl",
        "krum:score=byzfl",
        "geometric-median:tol=1e-6",
        "geometric-median:preset=rfa",
        "geometric-median:nu=0.01,iters=8,start=origin",
        "centered-clip:radius=10,iters=3",
        "clipped-gossip:radius=2.5,own=3",
        "monna:own=4",
    ] {
        assert_eq!(parse(text).to_string(), text);
    }
    for info in Rule::all() {
        assert_eq!(parse(&info.rule.to_string()), info.rule);
        assert!(info.syntax.starts_with(info.rule.name()));
    }
}

#[test]
fn bad_text_is_answered_with_all_that_is_accepted() {
    let cases = [
        ("", "unknown rule ''"),
        ("Median", "unknown rule 'Median'"),
        ("krumm", "unknown rule 'krumm'"),
        ("krum:m=2", "rule 'krum' takes no option 'm=2'"),
        ("mean:", "rule 'mean' takes no option ''"),
        ("multi-krum:k=2", "rule 'multi-krum' takes no option 'k=2'"),
        ("multi-krum:m=", "'' is not a number of rows"),
        ("multi-krum:m=0", "'0' is not a number of rows"),
        ("multi-krum:m=-1", "'-1' is not a number of rows"),
        ("multi-krum:m=2:m=3", "'2:m=3' is not a number of rows"),
    ];
    for (text, start) in cases {
        let message = text.parse::<Rule>().unwrap_err().to_string();
        assert!(message.starts_with(start), "{text}: {message}");
        for info in Rule::all() {
            assert!(message.contains(info.syntax), "{text}: {message}");
        }
    }
}

#[test]
fn each_rule_says_how_many_rows_it_needs() {
    let cases = [
        ("mean", [1, 1, 1]),
        ("median", [1, 3, 7]),
        ("trimmed-mean", [1, 3, 7]),
        ("krum", [3, 5, 9]),
        ("multi-krum", [3, 5, 9]),
        ("multi-krum:m=2", [3, 5, 9]),
        ("multi-krum:m=7", [7, 8, 10]),
    ];
    for (text, expected) in cases {
        let rule = parse(text);
        assert_eq!([0, 1, 3].map(|f| rule.min_inputs(f)), expected, "{text}");
        assert_eq!(rule.is_robust(), text != "mean");
        assert_eq!(rule.min_inputs(usize::MAX) == usize::MAX, rule.is_robust());
    }
}

#[test]
fn a_rule_works_with_its_minimum_and_refuses_one_row_less() {
    let rows: Vec<[f32; 2]> = (0..20).map(|i| [i as f32, 1.0]).collect();
    for text in [
        "median",
        "trimmed-mean",
        "krum",
        "multi-krum",
        "multi-krum:m=7",
    ] {
        let rule = parse(text);
        for f in 0..4 {
            let need = rule.min_inputs(f);
            let enough = Inputs::new(&rows[..need]).unwrap();
            assert!(rule.aggregate(&enough, f).is_ok());
            if need == 1 {
                continue;
            }
            let short = Inputs::new(&rows[..need - 1]).unwrap();
            let expected = if 2 * f >= need - 1 {
                AggregateError::TooManyByzantine {
                    have: need - 1,
                    max_byzantine: f,
                }
            } else {
                AggregateError::TooFewInputs {
                    rule,
                    need,
                    have: need - 1,
                    max_byzantine: f,
                }
            };
            assert_eq!(rule.aggregate(&short, f).unwrap_err(), expected);
        }
    }
}

#[test]
fn no_f_however_large_makes_a_rule_panic() {
    let rows = [[1.0_f32], [2.0], [3.0]];
    let inputs = Inputs::new(&rows).unwrap();
    for info in Rule::all() {
        for f in [2, 3, usize::MAX / 2, usize::MAX - 1, usize::MAX] {
            let result = info.rule.aggregate(&inputs, f);
            assert_eq!(result.is_ok(), info.rule == Rule::Mean);
        }
    }
    let rule = parse(&format!("multi-krum:m={}", usize::MAX));
    let error = rule.aggregate(&inputs, 0).unwrap_err();
    assert!(error.to_string().contains("needs"), "{error}");
}

#[test]
fn the_mean_is_the_baseline_and_takes_any_f() {
    let rows = [[1.0_f32, 10.0], [3.0, 30.0]];
    let result = Rule::Mean
        .aggregate(&Inputs::new(&rows).unwrap(), 5)
        .unwrap();
    assert_eq!(result.vector, [2.0, 20.0]);
    assert_eq!(result.report.dropped().count(), 0);
}

#[test]
fn the_documentation_has_a_row_for_every_rule_and_pre_aggregator() {
    let page = include_str!("../../../docs/aggregation.md");
    for info in Rule::all() {
        assert!(page.contains(&info.markdown()), "{}", info.rule);
    }
    for info in crate::pre::Pre::all() {
        assert!(page.contains(&info.markdown()), "{}", info.pre);
    }
}

#[test]
fn options_out_of_range_are_named() {
    let cases = [
        (
            "krum:score=best",
            "'best' is no score for krum: it must be blanchard or byzfl",
        ),
        (
            "centered-clip",
            "centered-clip needs an option: write centered-clip:radius=<value>",
        ),
        (
            "centered-clip:radius=0",
            "'0' is no radius for centered-clip: it must be a finite number",
        ),
        (
            "centered-clip:radius=1,iters=0",
            "'0' is no iters for centered-clip",
        ),
        (
            "geometric-median:tol=2",
            "'2' is no tol for geometric-median",
        ),
        ("monna:own=-1", "'-1' is no own for monna"),
        (
            "krum:score=byzfl,score=byzfl",
            "rule 'krum' takes no option 'score=byzfl'",
        ),
    ];
    for (text, start) in cases {
        let message = text.parse::<Rule>().unwrap_err().to_string();
        assert!(message.starts_with(start), "{text}: {message}");
    }
}

#[test]
fn exact_rules_refuse_what_would_take_too_long() {
    for (text, n, f, accepted) in [
        ("mda", 64, 31, true),
        ("mda", 65, 1, false),
        ("mva", 20, 9, true),
        ("smea", 64, 16, false),
        ("mva", 1000, 499, false),
    ] {
        assert_eq!(parse(text).check(n, f).is_ok(), accepted, "{text} {n} {f}");
    }
}
