//! Each optimizer against a hand-written step, its state, and its refusals.

use super::*;

fn run(text: &str, updates: &[f32]) -> (Vec<f32>, Optimizer) {
    let mut optimizer = Optimizer::new(text.parse().unwrap(), 1);
    let mut params = vec![1.0];
    for update in updates {
        optimizer.apply(&mut params, &[*update]).unwrap();
    }
    (params, optimizer)
}

#[test]
fn text_forms_survive_a_round_trip() {
    for text in [
        "sgd:lr=1",
        "momentum:lr=0.7,beta=0.9",
        "nesterov:lr=0.7,beta=0.9",
        "adam:lr=0.001",
    ] {
        assert_eq!(text.parse::<OptimizerSpec>().unwrap().to_string(), text);
        let name = text.split(':').next().unwrap();
        assert_eq!(name.parse::<OptimizerSpec>().unwrap().to_string(), text);
    }
    assert_eq!("sgd".parse(), Ok(OptimizerSpec::default()));
}

#[test]
fn a_bad_text_is_refused() {
    for text in [
        "",
        "lion",
        "sgd:lr=0",
        "sgd:lr=NaN",
        "sgd:lr=inf",
        "sgd:beta=0.9",
        "momentum:beta=1",
        "adam:lr=1e9",
    ] {
        let error = text.parse::<OptimizerSpec>().unwrap_err();
        assert!(error.hint().contains("sgd:lr=1"), "{text}: {error}");
    }
}

#[test]
fn steps_are_as_documented() {
    assert_eq!(run("sgd:lr=0.5", &[1.0, 2.0]).0, [-0.5]);
    // v = 1, p = 0.5; v = 0.5 + 2, p = 0.5 - 1.25
    assert_eq!(run("momentum:lr=0.5,beta=0.5", &[1.0, 2.0]).0, [-0.75]);
    // v = 1, p = 1 - 0.5 * 1.5; v = 2.5, p = 0.25 - 0.5 * (2 + 1.25)
    assert_eq!(run("nesterov:lr=0.5,beta=0.5", &[1.0, 2.0]).0, [-1.375]);
    // The first step of Adam has size lr, whatever the update.
    let (params, _) = run("adam:lr=0.125", &[1e-3]);
    assert!((params[0] - 0.875).abs() < 1e-5, "{params:?}");
}

#[test]
fn adam_is_pinned_bit_for_bit() {
    let mut optimizer = Optimizer::new(OptimizerSpec::Adam { lr: 0.01 }, 3);
    let mut params = vec![0.5, -0.25, 0.125];
    for step in 0..50_u8 {
        let s = f32::from(step);
        optimizer
            .apply(&mut params, &[0.1 * s, 1.0 - s, 3.0 / (1.0 + s)])
            .unwrap();
    }
    let bits: Vec<u32> = params.iter().map(|p| p.to_bits()).collect();
    assert_eq!(format!("{bits:08x?}"), "[bda38ab2, 3e93e46d, bd8ded52]");
}

#[test]
fn a_restored_optimizer_goes_on_as_the_old_one() {
    for text in ["sgd", "momentum", "nesterov", "adam"] {
        let (mut params, mut old) = run(text, &[1.0, -2.0, 0.5]);
        let mut copy = params.clone();
        let mut new = Optimizer::restore(old.spec(), 1, old.steps(), old.state().to_vec()).unwrap();
        old.apply(&mut params, &[0.25]).unwrap();
        new.apply(&mut copy, &[0.25]).unwrap();
        assert_eq!((params, old), (copy, new));
    }
}

#[test]
fn a_refused_update_changes_nothing() {
    for text in ["sgd", "momentum", "nesterov", "adam"] {
        let (mut params, mut optimizer) = run(text, &[1.0]);
        let before = (params.clone(), optimizer.clone());
        for update in [vec![f32::NAN], vec![f32::INFINITY], vec![], vec![0.0; 2]] {
            assert!(optimizer.apply(&mut params, &update).is_err());
            assert_eq!((params.clone(), optimizer.clone()), before);
        }
        assert!(optimizer.apply(&mut [0.0; 2], &[0.0]).is_err());
    }
    let spec = OptimizerSpec::Momentum { lr: 1.0, beta: 0.5 };
    assert!(Optimizer::restore(spec, 2, 1, vec![0.0]).is_err());
    assert!(Optimizer::restore(spec, 1, 1, vec![f32::NAN]).is_err());
}
