//! `spirt-lab train`.

use std::process::Command;

use crate::lab;

#[test]
fn each_choice_trains_the_same_model_for_the_same_steps() {
    let args = "--peers 3 --steps 48 --local-steps 2,8 --encoding f32,top-k:per-mille=100 --seed 3";
    let (result, success) = lab("train", args);
    assert!(success, "{result}");
    assert_eq!(result["dimension"], 2410, "{result}");
    let lines = result["lines"].as_array().unwrap();
    let choices = lines.iter().map(|line| {
        let encoding = line["encoding"].as_str().unwrap();
        (encoding, line["rounds"].as_u64().unwrap())
    });
    let choices: Vec<_> = choices.collect();
    let (f32, top_k) = ("f32", "top-k:per-mille=100");
    assert_eq!(choices, [(f32, 24), (top_k, 24), (f32, 6), (top_k, 6)]);
    for line in lines {
        assert_eq!(line["agreed"], true, "{line}");
        assert_eq!(line["rounds_lost"], 0, "{line}");
        // One class in ten is right by chance.
        assert!(line["accuracy"].as_f64() > Some(0.5), "{line}");
        assert!(line["seconds_median"].as_f64() > Some(0.0), "{line}");
    }
    let sent = |line: usize| lines[line]["bytes_sent"].as_f64().unwrap();
    assert!(sent(1) < 0.5 * sent(0), "{result}");
    assert!(sent(2) < 0.5 * sent(0), "{result}");
}

#[test]
fn a_liar_changes_little_under_a_rule_that_withstands_it() {
    let args = "--peers 4 --liars 1 --attack sign-flip:scale=5 --rule arc+nnm+trimmed-mean \
                --encoding int8 --local-steps 8 --steps 64";
    let (result, success) = lab("train", args);
    assert!(success, "{result}");
    let line = &result["lines"][0];
    assert_eq!(line["agreed"], true, "{line}");
    assert!(line["accuracy"].as_f64() > Some(0.5), "{line}");
    assert_eq!(result["attack"], "sign-flip:scale=5", "{result}");
}

#[test]
fn lines_that_would_not_compare_are_refused() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spirt-lab"));
    let args = ["train", "--steps", "10", "--local-steps", "4"];
    let output = command.args(args).output().unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("--steps 10 is no multiple of --local-steps 4"),
        "{error}"
    );
}
