//! Five peers estimate one gradient, the fifth sends the opposite: what does each rule make of it?
//!
//! Run with `cargo run -p spirt-aggregation --example aggregate`.
#![allow(clippy::print_stdout)] // An example talks to the person who runs it.

use spirt_aggregation::{Inputs, Rule};

const DIMENSION: usize = 1000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let truth = |j: usize| ((j * 37) % 11) as f32 - 5.0;
    let noise = |i: usize, j: usize| ((i * 7919 + j * 104_729) % 97) as f32 / 24.0 - 2.0;
    let mut rows: Vec<Vec<f32>> = (0..5)
        .map(|i| (0..DIMENSION).map(|j| truth(j) + noise(i, j)).collect())
        .collect();
    for x in &mut rows[4] {
        *x *= -3.0;
    }

    let inputs = Inputs::new(&rows)?;
    println!(
        "{:<14}{:<28}dropped rows",
        "rule", "mean distance to the truth"
    );
    for info in Rule::all() {
        let result = info.rule.aggregate(&inputs, 1)?;
        let errors = result.vector.iter().enumerate();
        let error: f32 = errors.map(|(j, x)| (x - truth(j)).abs()).sum();
        let dropped: Vec<usize> = result.report.dropped().collect();
        println!(
            "{:<14}{:<28.3}{dropped:?}",
            info.rule,
            error / DIMENSION as f32
        );
    }
    Ok(())
}
