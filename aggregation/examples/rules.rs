//! Prints `docs/aggregation.md`: the prose beside this file with the tables of rules filled in.
//!
//! Run with `cargo xtask gen`.
#![allow(clippy::print_stdout)] // Its output is its purpose.

use spirt_aggregation::{Pre, Rule};

fn main() {
    let rules: Vec<String> = Rule::all().iter().map(|info| info.markdown()).collect();
    let pre: Vec<String> = Pre::all().iter().map(|info| info.markdown()).collect();
    let page = include_str!("rules.md")
        .replace("{{rules}}", &rules.join("\n"))
        .replace("{{pre}}", &pre.join("\n"));
    print!("{page}");
}
