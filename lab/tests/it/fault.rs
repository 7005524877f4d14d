//! `spirt-lab fault`.

use crate::lab;

/// More than the round and the attempts to agree on it take on a busy machine, far less than the 30 seconds that a run
/// allows a round to wait for what is missing.
const LEARNED: f64 = 12.0;

fn struck(fault: &str) {
    let args = format!("--bytes 16000000 --clean-rounds 4 --fault {fault}");
    let (result, success) = lab("fault", &args);
    assert!(success, "{result}");
    assert_eq!(result["agreed"], true, "{result}");
    let given = result["given"].as_f64().unwrap();
    assert!((0.5..1.0).contains(&given), "in the middle: {result}");
    let extra = result["extra_seconds"].as_f64().unwrap();
    assert!(extra < LEARNED, "{result}");
}

#[test]
fn the_death_of_one_of_four_in_mid_transfer_leaves_the_others_alike_and_soon() {
    struck("kill");
}

#[test]
fn one_of_four_that_stands_still_in_mid_transfer_is_not_waited_for() {
    struck("stop");
}
