//! The experiments as a whole: the real program, few nodes, small vectors.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod exchange;
mod fault;
mod join;
mod links;
mod rivals;
mod train;

use std::process::Command;

use serde_json::Value;

/// The last line of stdout of an experiment, and whether the program called it a success.
fn lab(experiment: &str, args: &str) -> (Value, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spirt-lab"));
    let output = command
        .args([experiment, "--json"])
        .args(args.split_whitespace())
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = stdout
        .lines()
        .last()
        .unwrap_or_else(|| panic!("no result: {errors}"));
    (serde_json::from_str(last).unwrap(), output.status.success())
}
