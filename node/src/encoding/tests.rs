//! Encodings: what is read is what was written, as far as the encoding goes; hostile bytes are refused; the bytes stay.

use proptest::prelude::*;

use super::*;

const ALL: [Encoding; 7] = [
    Encoding::F32,
    Encoding::Bf16,
    Encoding::F16,
    Encoding::Int8,
    Encoding::TopK { per_mille: 100 },
    Encoding::TopK { per_mille: 500 },
    Encoding::Sign,
];

fn written(encoding: Encoding, vector: &[f32]) -> Vec<u8> {
    let packed = encode::encode(encoding, vector, &Buffers::default()).unwrap();
    assert_eq!(
        Some(packed.length()),
        encoding.length(vector.len() as u64),
        "{encoding:?}"
    );
    packed.chunks().collect::<Vec<_>>().concat()
}

fn cut(bytes: &[u8], length: usize) -> Vec<Bytes> {
    bytes
        .chunks(length.max(1))
        .map(Bytes::copy_from_slice)
        .collect()
}

/// Reads a payload in steps, from pieces of any length.
fn read(
    encoding: Encoding,
    dimension: usize,
    bytes: &[u8],
    step: usize,
) -> Result<Vec<f32>, DecodeError> {
    let pieces = cut(bytes, step * 3 + 1);
    let mut decoder = Decoder::new(encoding, dimension as u64, &pieces);
    let mut values = vec![0.0; dimension];
    for part in values.chunks_mut(step) {
        decoder.read(part)?;
    }
    decoder.finish()?;
    Ok(values)
}

fn vectors() -> impl Strategy<Value = Vec<f32>> {
    let value = prop_oneof![
        -1.0_f32..1.0,
        -1e30_f32..1e30,
        Just(0.0),
        Just(f32::MAX),
        Just(1e-40)
    ];
    prop::collection::vec(value, 1..900)
}

proptest! {
    #[test]
    fn what_is_written_can_be_read_in_any_steps(vector in vectors(), step in 1_usize..400) {
        for encoding in ALL {
            let bytes = written(encoding, &vector);
            let whole = read(encoding, vector.len(), &bytes, vector.len()).unwrap();
            let steps = read(encoding, vector.len(), &bytes, step).unwrap();
            prop_assert_eq!(&whole, &steps, "{:?}", encoding);
            let pieces = cut(&bytes, step);
            prop_assert_eq!(check(encoding, vector.len() as u64, &pieces), Ok(()));
        }
    }

    #[test]
    fn the_error_is_what_the_encoding_allows(vector in prop::collection::vec(-1.0_f32..1.0, 1..900)) {
        let decoded = |encoding| read(encoding, vector.len(), &written(encoding, &vector), 100).unwrap();
        let most = |values: Vec<f32>| {
            let errors = values.iter().zip(&vector).map(|(a, b)| (a - b).abs());
            errors.fold(0.0, f32::max)
        };
        prop_assert_eq!(decoded(Encoding::F32), vector.clone());
        prop_assert_eq!(decoded(Encoding::TopK { per_mille: 1000 }), vector.clone());
        prop_assert!(most(decoded(Encoding::Bf16)) <= 1.0 / 256.0);
        prop_assert!(most(decoded(Encoding::F16)) <= 1.0 / 2048.0);
        prop_assert!(most(decoded(Encoding::Int8)) <= 0.5001 / 127.0);
        let signs = decoded(Encoding::Sign);
        prop_assert!(signs.iter().zip(&vector).all(|(a, b)| a.is_sign_negative() == b.is_sign_negative()));
        let top = decoded(Encoding::TopK { per_mille: 100 });
        let kept = top.iter().filter(|x| **x != 0.0).fold(f32::MAX, |least, x| least.min(x.abs()));
        let dropped = top.iter().zip(&vector).filter(|(a, _)| **a == 0.0).map(|(_, b)| b.abs());
        prop_assert!(dropped.fold(0.0, f32::max) <= kept);
    }

    #[test]
    fn hostile_bytes_are_refused_or_read_as_finite_values(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        dimension in 1_usize..2000,
    ) {
        for encoding in ALL {
            let pieces = cut(&bytes, 77);
            let verdict = check(encoding, dimension as u64, &pieces);
            if encoding.length(dimension as u64) != Some(bytes.len() as u64) {
                prop_assert!(verdict.is_err());
            }
            match read(encoding, dimension, &bytes, 64) {
                Ok(values) => {
                    prop_assert_eq!(verdict, Ok(()));
                    prop_assert!(values.iter().all(|value| value.is_finite()));
                }
                Err(_) => prop_assert!(verdict.is_err()),
            }
        }
    }
}

#[test]
fn each_rule_that_a_payload_can_break_is_told() {
    let nan = f32::NAN.to_le_bytes();
    let one = 1.0_f32.to_le_bytes();
    let minus = (-1.0_f32).to_le_bytes();
    let huge = f32::MAX.to_le_bytes();
    let join = |parts: &[&[u8]]| parts.concat();
    let index = |i: u32| i.to_le_bytes();
    let top = Encoding::TopK { per_mille: 1000 };
    let cases: [(Encoding, u64, Vec<u8>, DecodeError); 13] = [
        (Encoding::F32, 1, nan.to_vec(), DecodeError::NotFinite),
        (Encoding::F32, 2, one.to_vec(), DecodeError::Length),
        (Encoding::F32, 1, join(&[&one, &one]), DecodeError::Length),
        (Encoding::F16, 1, vec![0, 0x7c], DecodeError::NotFinite),
        (Encoding::Bf16, 1, vec![0x80, 0x7f], DecodeError::NotFinite),
        (
            Encoding::Int8,
            1,
            join(&[&nan, &[1]]),
            DecodeError::NotFinite,
        ),
        (
            Encoding::Int8,
            1,
            join(&[&minus, &[1]]),
            DecodeError::NotCanonical,
        ),
        (
            Encoding::Int8,
            1,
            join(&[&one, &[0x80]]),
            DecodeError::NotCanonical,
        ),
        (
            Encoding::Int8,
            1,
            join(&[&huge, &[2]]),
            DecodeError::NotFinite,
        ),
        (
            Encoding::Sign,
            3,
            join(&[&one, &[0b1000]]),
            DecodeError::NotCanonical,
        ),
        (top, 1, join(&[&index(1), &one]), DecodeError::Index),
        (
            top,
            2,
            join(&[&index(1), &one, &index(0), &one]),
            DecodeError::Index,
        ),
        (
            top,
            2,
            join(&[&index(0), &one, &index(0), &one]),
            DecodeError::Index,
        ),
    ];
    for (encoding, dimension, bytes, error) in cases {
        let found = check(encoding, dimension, &cut(&bytes, 3));
        assert_eq!(found, Err(error), "{encoding:?} {bytes:02x?}");
    }
}

#[test]
fn the_bytes_stay_as_they_are() {
    let vector = [1.0, -0.5, 0.25, 100.0, -3.0, 0.0, 0.0, 2.0, -1.0];
    let golden = [
        (
            Encoding::F32,
            "0000803f000000bf0000803e0000c842000040c0000000000000000000000040000080bf",
        ),
        (Encoding::Bf16, "803f00bf803ec84240c0000000000040 80bf"),
        (Encoding::F16, "003c00b8003440560 0c2000000000040 00bc"),
        (Encoding::Int8, "2693493f 01ff007ffc000003ff"),
        (
            Encoding::TopK { per_mille: 300 },
            "03000000 0000c842 04000000 000040c0 07000000 00000040",
        ),
        (Encoding::Sign, "398e3f41 1201"),
    ];
    for (encoding, expected) in golden {
        let bytes = written(encoding, &vector);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected.replace(' ', ""), "{encoding:?}");
    }
}

#[test]
fn names_are_read_as_they_are_written() {
    for encoding in ALL {
        assert_eq!(parse(&name(encoding)), Some(encoding));
    }
    for text in [
        "",
        "F32",
        "top-k:",
        "top-k:per-mille=0",
        "top-k:per-mille=501",
        "sign:1",
    ] {
        assert_eq!(parse(text), None, "{text}");
    }
}

#[test]
fn what_was_left_out_comes_later() {
    let buffers = Buffers::default();
    for encoding in [Encoding::Sign, Encoding::TopK { per_mille: 250 }] {
        let mut encoder = Encoder::new(encoding);
        let step = [1.0_f32, 0.5, 0.25, -0.125];
        let mut total = [0.0_f32; 4];
        for _ in 0..400 {
            let packed = encoder.encode(&mut step.clone(), &buffers).unwrap();
            let pieces: Vec<Bytes> = packed.chunks().collect();
            let mut values = [0.0; 4];
            let mut decoder = Decoder::new(encoding, 4, &pieces);
            decoder.read(&mut values).unwrap();
            for (total, value) in total.iter_mut().zip(values) {
                *total += value;
            }
        }
        for (total, step) in total.iter().zip(step) {
            let mean = total / 400.0;
            assert!(
                (mean - step).abs() < 0.02,
                "{encoding:?}: {mean} for {step}"
            );
        }
    }
}
