//! Gradients against finite differences, the local loop against its definition, and the drawing of batches.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::data::DataSpec;

const DRAW: Draw = Draw {
    seed: [1; 32],
    round: 3,
    salt: [2; 32],
};

fn digits() -> DataSet {
    DataSpec::Digits.load().unwrap().train
}

/// An engine away from its first parameters: with zero biases a unit that sees only zeros sits on the kink of ReLU.
fn smooth(text: &str, set: &DataSet) -> CandleEngine {
    let mut engine = engine(text, set);
    let params: Vec<f32> = engine
        .params()
        .iter()
        .map(|p| if *p == 0.0 { 0.0625 } else { *p })
        .collect();
    engine.load(&params).unwrap();
    engine
}

fn engine(text: &str, set: &DataSet) -> CandleEngine {
    CandleEngine::new(text.parse().unwrap(), set.shape(), set.classes(), &[5; 32]).unwrap()
}

/// A small data set of odd, non-square images, so that a swap of height and width would show.
fn oblong() -> DataSet {
    let shape = Shape::Image {
        channels: 2,
        height: 5,
        width: 3,
    };
    let features = (0..180)
        .map(|at| f32::from((at * 37 % 23) as u8) / 23.0)
        .collect();
    DataSet::new(shape, 3, features, vec![0, 1, 2, 2, 1, 0]).unwrap()
}

/// Loss in `f64` at moved parameters, by way of `evaluate`, which shares no code with the loss that is differentiated.
fn slope(engine: &mut CandleEngine, set: &DataSet, params: &[f32], direction: &[f32]) -> f64 {
    let step = 1.0 / 2048.0; // small enough to stay clear of the kinks of ReLU
    let mut at = |sign: f32| {
        let moved: Vec<f32> = params
            .iter()
            .zip(direction)
            .map(|(p, d)| p + sign * step * d)
            .collect();
        engine.load(&moved).unwrap();
        f64::from(engine.evaluate(set).unwrap().loss)
    };
    (at(1.0) - at(-1.0)) / f64::from(2.0 * step)
}

#[test]
fn gradients_agree_with_finite_differences() {
    for (text, set) in [
        ("softmax", oblong()),
        ("mlp:hidden=5", oblong()),
        ("mlp:hidden=5,layers=3", oblong()),
        ("cnn:channels=2", oblong()),
        ("cnn:channels=2", digits()),
    ] {
        let set = &set;
        let mut engine = smooth(text, set);
        let batch = Batch::of(set, Shard::whole(set).rows().iter().copied());
        let params = engine.params();
        let gradient = engine.gradient(&batch).unwrap();
        let loss = engine.evaluate(set).unwrap().loss;
        assert!(
            (gradient.loss - loss).abs() < 1e-4,
            "{text}: {} {loss}",
            gradient.loss
        );
        for tensor in engine.layout().clone().tensors() {
            // Along the gradient's own part for this tensor, scaled to length 1.
            let range = tensor.start..tensor.start + tensor.values();
            let norm = gradient.vector[range.clone()]
                .iter()
                .map(|g| g * g)
                .sum::<f32>()
                .sqrt();
            assert!(norm > 1e-6, "{text} {}", tensor.name);
            let mut direction = vec![0.0; params.len()];
            for at in range {
                direction[at] = gradient.vector[at] / norm;
            }
            let found = slope(&mut engine, set, &params, &direction);
            let relative = (found - f64::from(norm)).abs() / f64::from(norm).max(1e-2);
            assert!(relative < 0.02, "{text} {}: {found} {norm}", tensor.name);
        }
    }
}

#[test]
fn each_value_of_a_small_gradient_agrees_with_finite_differences() {
    for text in ["softmax", "mlp:hidden=4", "cnn:channels=1"] {
        let set = oblong();
        let mut engine = smooth(text, &set);
        let batch = Batch::of(&set, 0..6);
        let params = engine.params();
        let gradient = engine.gradient(&batch).unwrap().vector;
        for at in 0..params.len() {
            let mut direction = vec![0.0; params.len()];
            direction[at] = 1.0;
            let found = slope(&mut engine, &set, &params, &direction);
            assert!(
                (found - f64::from(gradient[at])).abs() < 2e-3,
                "{text} {at}: {found}"
            );
        }
    }
}

#[test]
fn one_step_is_the_learning_rate_times_the_gradient() {
    let set = digits();
    let mut engine = engine("mlp", &set);
    let local = LocalSteps {
        steps: 1,
        batch_size: 16,
        learning_rate: 0.25,
        worker_momentum: 0.0,
    };
    let shard = Shard::whole(&set);
    let update = engine.train(&shard, &local, &DRAW).unwrap();
    let count = u32::try_from(shard.len()).unwrap();
    let rows = DRAW.batches(count, 16).next().unwrap();
    let gradient = engine.gradient(&Batch::of(&set, rows)).unwrap();
    let scaled: Vec<f32> = gradient.vector.iter().map(|g| 0.25 * g).collect();
    assert_eq!(update.vector, scaled);
    assert_eq!((update.samples, update.loss), (16, gradient.loss));
}

#[test]
fn training_repeats_bit_for_bit_and_leaves_the_parameters() {
    let set = digits();
    for text in ["softmax", "mlp", "cnn:channels=2"] {
        let mut engine = engine(text, &set);
        let before = engine.params();
        let shard = Shard::whole(&set);
        let local = LocalSteps::default();
        let first = engine.train(&shard, &local, &DRAW).unwrap();
        assert_eq!(first, engine.train(&shard, &local, &DRAW).unwrap());
        assert_eq!(engine.params(), before);
        let next = Draw { round: 4, ..DRAW };
        assert_ne!(
            first.vector,
            engine.train(&shard, &local, &next).unwrap().vector
        );
        let other = Draw {
            salt: [3; 32],
            ..DRAW
        };
        assert_ne!(
            first.vector,
            engine.train(&shard, &local, &other).unwrap().vector
        );
    }
}

#[test]
fn divergence_is_an_error_and_leaves_the_parameters() {
    let set = digits();
    let mut engine = engine("mlp", &set);
    let before = engine.params();
    let local = LocalSteps {
        learning_rate: 1e30,
        ..LocalSteps::default()
    };
    let error = engine
        .train(&Shard::whole(&set), &local, &DRAW)
        .unwrap_err();
    assert!(
        matches!(error, EngineError::Diverged { step } if step > 0),
        "{error}"
    );
    assert_eq!(engine.params(), before);
}

#[test]
fn settings_out_of_range_and_strange_samples_are_refused() {
    let set = digits();
    let mut engine = engine("mlp", &set);
    let shard = Shard::whole(&set);
    let good = LocalSteps::default();
    for local in [
        LocalSteps { steps: 0, ..good },
        LocalSteps {
            batch_size: 0,
            ..good
        },
        LocalSteps {
            learning_rate: f32::NAN,
            ..good
        },
        LocalSteps {
            learning_rate: -1.0,
            ..good
        },
    ] {
        let error = engine.train(&shard, &local, &DRAW).unwrap_err();
        assert!(matches!(error, EngineError::Setting { .. }), "{error}");
    }
    let none = Shard::of_blocks(&set, 1, &[]).unwrap();
    assert!(matches!(
        engine.train(&none, &good, &DRAW),
        Err(EngineError::NoSamples)
    ));
    assert!(matches!(
        engine.gradient(&Batch::of(&set, [])),
        Err(EngineError::NoSamples)
    ));
    assert!(matches!(
        engine.evaluate(&oblong()),
        Err(EngineError::Samples { .. })
    ));
    let batch = Batch::of(&oblong(), 0..2);
    assert!(matches!(
        engine.gradient(&batch),
        Err(EngineError::Samples { .. })
    ));
    assert!(matches!(
        engine.load(&[0.0]),
        Err(EngineError::Dimension { .. })
    ));
}

proptest! {
    #[test]
    fn batches_are_distinct_and_deal_out_everything(
        seed: [u8; 32], round: u64, samples in 1_u32..100, size in 1_u32..40,
    ) {
        let draw = Draw { seed, round, salt: [0; 32] };
        let per_pass = (samples / size.min(samples)) as usize;
        let batches: Vec<_> = draw.batches(samples, size).take(2 * per_pass).collect();
        for pass in batches.chunks(per_pass) {
            let seen: BTreeSet<u32> = pass.iter().flatten().copied().collect();
            prop_assert_eq!(seen.len(), per_pass * size.min(samples) as usize);
            prop_assert!(seen.iter().all(|at| *at < samples));
        }
        let again: Vec<_> = draw.batches(samples, size).take(2 * per_pass).collect();
        prop_assert_eq!(batches, again);
    }
}

#[test]
fn batches_are_pinned_so_that_versions_agree() {
    let batches: Vec<_> = DRAW.batches(10, 4).take(3).collect();
    assert_eq!(
        format!("{batches:?}"),
        "[[0, 2, 5, 9], [4, 1, 3, 8], [4, 9, 7, 0]]"
    );
}
