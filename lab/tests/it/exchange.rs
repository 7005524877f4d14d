//! `spirt-lab exchange`.

use serde_json::Value;

use crate::lab;

#[test]
fn nodes_that_trade_pulled_vectors_come_to_what_the_vectors_give() {
    let args = "--peers 3 --dim 200000 --rounds 3 --rule median --max-byzantine 1 --seed 5";
    let (result, success) = lab("exchange", args);
    assert!(success, "{result}");
    assert_eq!(result["agreed"], true, "{result}");
    assert_eq!(result["expected"], true, "{result}");
    let ratio = result["wire_ratio"].as_f64().unwrap();
    assert!((1.0..1.1).contains(&ratio), "{result}");
    assert!(result["seconds_median"].as_f64() > Some(0.0), "{result}");
    assert!(
        result["peak_rss_bytes"].as_u64() > Some(4 * 200_000),
        "{result}"
    );
}

#[test]
fn a_rule_that_is_not_computed_again_still_shows_whether_the_nodes_agree() {
    let args = "--peers 3 --dim 1000 --rounds 1 --rule geometric-median";
    let (result, success) = lab("exchange", args);
    assert!(success, "{result}");
    assert_eq!(result["agreed"], true, "{result}");
    assert_eq!(result["expected"], Value::Null, "{result}");
}
