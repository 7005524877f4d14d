//! The number of threads must not show in the bits. Rayon reads its setting once per process, so each number gets a process:
//! this test binary again, with one test named.

use std::process::Command;

use spirt_training::{
    Batch, CandleEngine, DataSet, Draw, Engine, LocalSteps, ModelSpec, Shape, Shard,
};

const MARK: &str = "bits:";
const NAME: &str = "threads::a_large_model_prints_its_bits";

/// Products of 256 x 784 by 784 x 300: far above the size from which candle uses threads.
fn bits() -> u64 {
    let shape = Shape::Image {
        channels: 1,
        height: 28,
        width: 28,
    };
    let features = (0..256 * 784_u32)
        .map(|at| (at * 7919 % 1009) as f32 / 1009.0)
        .collect();
    let labels = (0..256).map(|row| row % 10).collect();
    let set = DataSet::new(shape, 10, features, labels).unwrap();
    let mut sum = 0_u64;
    for spec in [
        ModelSpec::Mlp {
            hidden: 300,
            layers: 2,
        },
        ModelSpec::Cnn { channels: 8 },
    ] {
        let mut engine = CandleEngine::new(spec, shape, 10, &[3; 32]).unwrap();
        let gradient = engine.gradient(&Batch::of(&set, 0..256)).unwrap();
        let local = LocalSteps {
            steps: 2,
            batch_size: 128,
            learning_rate: 0.1,
            worker_momentum: 0.0,
        };
        let draw = Draw {
            seed: [0; 32],
            round: 0,
            salt: [0; 32],
        };
        let update = engine.train(&Shard::whole(&set), &local, &draw).unwrap();
        for value in gradient.vector.iter().chain(&update.vector) {
            sum =
                sum.rotate_left(5) ^ u64::from(value.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }
    sum
}

#[test]
fn a_large_model_prints_its_bits() {
    let line = format!("{MARK}{:016x}", bits());
    std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes()).unwrap();
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let run = |threads: &str| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stderr).unwrap();
        let line = text.lines().find_map(|line| line.split_once(MARK));
        line.expect("the child prints its bits").1.to_owned()
    };
    let one = run("1");
    assert_eq!(one, run("2"));
    assert_eq!(one, run("7"));
}
