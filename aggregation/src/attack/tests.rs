//! Text forms, and what each attack sends.

use super::Attack;
use crate::error::InputError;
use crate::input::Inputs;

fn corrupted(text: &str, own: &[f32], seed: u64) -> Vec<f32> {
    let mut vector = own.to_vec();
    text.parse::<Attack>().unwrap().corrupt(&mut vector, seed);
    vector
}

#[test]
fn every_attack_is_written_as_it_is_read() {
    let texts = [
        "sign-flip",
        "sign-flip:scale=3",
        "sign-flip:scale=0.5",
        "zero",
        "gaussian",
        "gaussian:std=2",
        "nan",
    ];
    for text in texts {
        assert_eq!(text.parse::<Attack>().unwrap().to_string(), text);
    }
    assert_eq!("sign-flip:scale=1".parse::<Attack>(), "sign-flip".parse());
}

#[test]
fn bad_text_is_answered_with_all_that_is_accepted() {
    let bad = [
        "",
        "flip",
        "zero:scale=1",
        "sign-flip:",
        "sign-flip:std=1",
        "sign-flip:scale=0",
        "sign-flip:scale=-1",
        "sign-flip:scale=inf",
        "gaussian:std=nan",
        "gaussian:std=x",
    ];
    for text in bad {
        let message = text.parse::<Attack>().unwrap_err().to_string();
        for syntax in Attack::SYNTAXES {
            assert!(message.contains(syntax), "{text}: {message}");
        }
    }
}

#[test]
fn sign_flip_sends_the_own_vector_backwards() {
    assert_eq!(
        corrupted("sign-flip", &[1.0, -2.5, 0.0], 0),
        [-1.0, 2.5, 0.0]
    );
    assert_eq!(corrupted("sign-flip:scale=3", &[1.0, -2.0], 0), [-3.0, 6.0]);
    assert_eq!(corrupted("sign-flip:scale=3", &[f32::MAX], 0), [f32::MIN]);
}

#[test]
fn zero_and_nan_overwrite_everything() {
    assert_eq!(corrupted("zero", &[1.0, -2.0], 0), [0.0, 0.0]);
    let rows = [corrupted("nan", &[1.0, -2.0], 0)];
    let error = Inputs::new(&rows).unwrap_err();
    assert!(matches!(error, InputError::NotFinite { row: 0, .. }));
}

#[test]
fn gaussian_noise_depends_on_the_seed_and_has_the_deviation_asked_for() {
    let own = vec![7.0; 20_000];
    let noise = corrupted("gaussian:std=2", &own, 1);
    assert_eq!(noise, corrupted("gaussian:std=2", &own, 1));
    assert_ne!(noise, corrupted("gaussian:std=2", &own, 2));
    let mean = noise.iter().map(|&x| f64::from(x)).sum::<f64>() / 20_000.0;
    let variance = noise.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / 20_000.0;
    assert!(
        mean.abs() < 0.1 && (variance - 4.0).abs() < 0.2,
        "{mean} {variance}"
    );
}
