//! Digits, digests, splits and text forms; the file formats are tested in `tests/it/files.rs`.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn hex(digest: [u8; 32]) -> String {
    blake3::Hash::from(digest).to_hex().to_string()
}

#[test]
fn digits_are_those_of_scikit_learn() {
    let set = digits::load();
    assert_eq!(
        (set.len(), set.classes(), set.shape().values()),
        (1797, 10, 64)
    );
    let mut counts = [0; 10];
    for label in set.labels() {
        counts[*label as usize] += 1;
    }
    assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    // The sum of all pixels of `load_digits().data`.
    assert_eq!(
        set.features().iter().map(|value| value * 16.0).sum::<f32>(),
        561_718.0
    );
    assert_eq!(
        set.sample(0)[..8],
        [0.0, 0.0, 0.3125, 0.8125, 0.5625, 0.0625, 0.0, 0.0]
    );
    assert_eq!(
        hex(set.digest()),
        "a1835f46aefb34c7f4ca13a2f1c3231da23347168ea1895df9edfc58d0fefa05"
    );
}

#[test]
fn the_split_of_the_digits_is_pinned() {
    let split = DataSpec::Digits.load().unwrap();
    assert_eq!((split.train.len(), split.test.len()), (1438, 359));
    assert_eq!(
        hex(split.digest()),
        "60dc31cefec10c948799de760f9f1402c28e8d7c0657458248712a4a5592c2d5"
    );
}

#[test]
fn sorted_samples_give_mixed_parts() {
    let labels: Vec<u32> = (0..1000).map(|row| row / 500).collect();
    let features = (0..1000_u16).map(f32::from).collect();
    let set = DataSet::new(Shape::Flat(1), 2, features, labels).unwrap();
    let split = Split::of(&set);
    let ones = split.train.labels()[..400].iter().sum::<u32>();
    assert!((150..250).contains(&ones), "{ones}");
    let ones = split.test.labels().iter().sum::<u32>();
    assert!((60..140).contains(&ones), "{ones}");
}

#[test]
fn a_single_sample_is_both_parts() {
    let set = DataSet::new(Shape::Flat(1), 2, vec![1.0], vec![1]).unwrap();
    let split = Split::of(&set);
    assert_eq!((&split.train, &split.test), (&set, &set));
}

proptest! {
    #[test]
    fn a_split_loses_and_repeats_nothing(samples in 2_usize..300) {
        let features: Vec<f32> = (0..samples).map(|row| row as f32).collect();
        let set = DataSet::new(Shape::Flat(1), 2, features, vec![0; samples]).unwrap();
        let split = Split::of(&set);
        prop_assert_eq!(split.test.len(), (samples / 5).max(1));
        let both = split.train.features().iter().chain(split.test.features());
        let seen: BTreeSet<u32> = both.map(|value| *value as u32).collect();
        prop_assert_eq!(seen.len(), samples);
        prop_assert_eq!(split.train.len() + split.test.len(), samples);
    }

    #[test]
    fn each_change_shows_in_the_digest(
        features in vec(-1.0_f32..1.0, 12), at in 0_usize..12, row in 0_usize..4,
    ) {
        let labels = vec![0, 1, 2, 3];
        let set = DataSet::new(Shape::Flat(3), 4, features.clone(), labels.clone()).unwrap();
        let mut moved = features.clone();
        moved[at] += 2.0;
        let moved = DataSet::new(Shape::Flat(3), 4, moved, labels.clone()).unwrap();
        prop_assert_ne!(set.digest(), moved.digest());
        let mut labels = labels;
        labels[row] = (labels[row] + 1) % 4;
        let relabelled = DataSet::new(Shape::Flat(3), 4, features.clone(), labels.clone()).unwrap();
        prop_assert_ne!(set.digest(), relabelled.digest());
        let image = Shape::Image { channels: 1, height: 1, width: 3 };
        let shaped = DataSet::new(image, 4, features.clone(), labels.clone()).unwrap();
        prop_assert_ne!(relabelled.digest(), shaped.digest());
        let wider = DataSet::new(Shape::Flat(3), 5, features, labels).unwrap();
        prop_assert_ne!(relabelled.digest(), wider.digest());
    }
}

#[test]
fn zeros_of_both_signs_have_one_digest() {
    let with = |zero: f32| {
        DataSet::new(Shape::Flat(1), 2, vec![zero], vec![0])
            .unwrap()
            .digest()
    };
    assert_eq!(with(0.0), with(-0.0));
}

#[test]
fn bad_contents_are_named() {
    let new = |features: &[f32], labels: &[u32], classes| {
        DataSet::new(Shape::Flat(2), classes, features.to_vec(), labels.to_vec())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        new(&[], &[], 2),
        "expected at least one sample of at least one feature, found none"
    );
    assert_eq!(
        new(&[0.0; 3], &[0, 1], 2),
        "expected 2 features for each of 2 labels, found 3 features"
    );
    assert_eq!(
        new(&[0.0, 0.0, 0.0, f32::NAN], &[0, 1], 2),
        "expected finite features, found NaN in sample 1, feature 1"
    );
    assert_eq!(
        new(&[0.0; 4], &[0, 2], 2),
        "expected labels below 2, found 2 in sample 1"
    );
    assert_eq!(
        new(&[0.0; 4], &[0, 1], 1),
        "expected 2 to 65536 classes, found 1"
    );
}

#[test]
fn relabelled_samples_are_checked() {
    let set = digits::load();
    let flipped = set.relabelled(|label| 9 - label).unwrap();
    assert_eq!(flipped.labels()[0], 9 - set.labels()[0]);
    assert!(set.relabelled(|label| label + 1).is_err());
}

#[test]
fn sources_survive_a_round_trip_and_bad_ones_are_refused() {
    for text in [
        "digits",
        "idx:/data/mnist",
        "csv:a:b.csv",
        "safetensors:x.safetensors",
    ] {
        assert_eq!(text.parse::<DataSpec>().unwrap().to_string(), text);
    }
    for text in ["", "mnist", "idx", "csv:", "digits:x", "digits:"] {
        let error = text.parse::<DataSpec>().unwrap_err();
        assert!(error.hint().contains("csv:<file>"), "{error}");
    }
}

proptest! {
    #[test]
    fn a_split_is_the_same_after_it_has_travelled(
        rows in vec((vec(-1e30_f32..1e30, 6), 0_u32..5), 2..40),
        as_image in any::<bool>(),
        as_bytes in any::<bool>(),
    ) {
        let shape = if as_image {
            Shape::Image { channels: 1, height: 2, width: 3 }
        } else {
            Shape::Flat(6)
        };
        let to_byte = |value: f32| f32::from((value.to_bits() % 256) as u8) / 255.0;
        let values = rows.iter().flat_map(|(features, _)| features.iter().copied());
        let features: Vec<f32> = values.map(|v| if as_bytes { to_byte(v) } else { v }).collect();
        let labels = rows.iter().map(|(_, label)| *label).collect();
        // More classes than there are labels: they are not to be guessed from these.
        let split = Split::of(&DataSet::new(shape, 7, features, labels).unwrap());
        let bytes = split.to_bytes().unwrap();
        prop_assert_eq!(&Split::from_bytes(&bytes).unwrap(), &split);
        let least = (split.train.len() + split.test.len()) * (4 + if as_bytes { 6 } else { 24 });
        prop_assert!((least..least + 1024).contains(&bytes.len()), "{} bytes", bytes.len());
    }

    #[test]
    fn bytes_that_are_no_split_are_refused_and_nothing_panics(
        at in 0_usize..4096,
        to in any::<u8>(),
        cut in 0_usize..4096,
    ) {
        let mut bytes = Split::of(&digits::load()).to_bytes().unwrap();
        let length = bytes.len();
        bytes.truncate(length - cut % length);
        let at = at % bytes.len();
        bytes[at] = to;
        if let Ok(split) = Split::from_bytes(&bytes) {
            prop_assert_eq!(split.to_bytes().map(|it| it.len()).unwrap_or(0) > 0, true);
        }
    }
}

#[test]
fn a_split_says_how_many_classes_it_has() {
    let split = Split::of(&digits::load());
    let tensors = split.to_bytes().unwrap();
    let without = String::from_utf8_lossy(&tensors[..200]).replace("classes", "klasses");
    let mut bytes = tensors.clone();
    bytes.splice(8..200, without.bytes().skip(8));
    let error = Split::from_bytes(&bytes).unwrap_err();
    assert!(error.to_string().contains("a number of classes"), "{error}");
}
