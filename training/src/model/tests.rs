//! Text forms, layouts and first parameters.

use super::*;

const DIGIT: Shape = Shape::Image {
    channels: 1,
    height: 8,
    width: 8,
};

#[test]
fn text_forms_survive_a_round_trip() {
    for text in [
        "softmax",
        "mlp:hidden=32",
        "cnn:channels=8",
        "mlp:hidden=1",
        "mlp:hidden=8,layers=3",
        "synthetic:dimension=5",
    ] {
        assert_eq!(text.parse::<ModelSpec>().unwrap().to_string(), text);
    }
    assert_eq!("mlp".parse(), Ok(ModelSpec::default()));
    assert_eq!("mlp:layers=1".parse(), Ok(ModelSpec::default()));
    assert_eq!("cnn".parse(), Ok(ModelSpec::Cnn { channels: 8 }));
}

#[test]
fn a_bad_text_names_its_fault_and_the_accepted_forms() {
    for (text, problem) in [
        ("resnet", "there is no `resnet`"),
        ("mlp:width=3", "`mlp` has no `width`"),
        (
            "mlp:hidden=0",
            "`hidden` must be a whole number from 1 to 65536, not `0`",
        ),
        (
            "mlp:layers=65",
            "`layers` must be a whole number from 1 to 64, not `65`",
        ),
        ("mlp:hidden=8,hidden=9", "`hidden` is given twice"),
        ("mlp:hidden", "`hidden` is not of the form key=value"),
    ] {
        let error = text.parse::<ModelSpec>().unwrap_err();
        assert_eq!(error.problem, problem);
        assert!(error.hint().contains(MODELS), "{}", error.hint());
    }
}

#[test]
fn dimensions_on_the_digits_are_as_documented() {
    for (text, dimension) in [
        ("softmax", 650),
        ("mlp:hidden=32", 2410),
        ("mlp:hidden=32,layers=3", 2410 + 2 * (32 * 32 + 32)),
        ("cnn:channels=8", 80 + 1168 + 2570),
    ] {
        let layout = text
            .parse::<ModelSpec>()
            .unwrap()
            .layout(DIGIT, 10)
            .unwrap();
        assert_eq!(layout.dimension(), dimension, "{text}");
        let mut end = 0;
        for tensor in layout.tensors() {
            assert_eq!(tensor.start, end);
            end += tensor.values();
        }
        assert_eq!(end, dimension);
    }
}

#[test]
fn a_model_that_does_not_fit_is_refused() {
    let cnn = ModelSpec::Cnn { channels: 8 };
    let error = cnn.layout(Shape::Flat(64), 10).unwrap_err();
    assert!(matches!(error, ModelError::NeedsImages { .. }));
    let huge = Shape::Image {
        channels: u32::MAX,
        height: u32::MAX,
        width: u32::MAX,
    };
    for spec in [cnn, ModelSpec::Softmax, ModelSpec::default()] {
        let error = spec.layout(huge, 10).unwrap_err();
        assert!(matches!(error, ModelError::TooLarge { .. }));
    }
}

#[test]
fn first_parameters_are_pinned_to_their_seed() {
    let layout = ModelSpec::default().layout(DIGIT, 10).unwrap();
    let params = layout.initial(&[7; 32]);
    assert_eq!(params, layout.initial(&[7; 32]));
    assert_ne!(params, layout.initial(&[8; 32]));
    let bytes: Vec<u8> = params
        .iter()
        .flat_map(|p| p.to_bits().to_le_bytes())
        .collect();
    assert_eq!(
        blake3::hash(&bytes).to_hex().as_str(),
        "6b4fd6d311f794634d9602d742ed3582cdd39384ed974553bea2d5286412c8e5"
    );
    let bound = (6.0_f32 / 64.0).sqrt();
    let hidden = &params[..2048];
    assert!(hidden.iter().all(|p| p.abs() <= bound));
    assert!(hidden.iter().any(|p| p.abs() > 0.9 * bound));
    assert!(params[2048..2080].iter().all(|p| *p == 0.0));
}
