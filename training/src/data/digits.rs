//! The embedded digits: the test part of UCI's handwritten digits, as scikit-learn has it. Owns the decoding of
//! `data/digits.bin`; reads no files. Source and licence: `data/NOTICE.md`.

use super::{DataSet, Shape};

/// 64 pixels of 0 to 16, then the label.
const RECORD: usize = 65;

static DIGITS: &[u8] = include_bytes!("../../data/digits.bin");

/// All 1797 samples, pixels divided by 16.
pub(super) fn load() -> DataSet {
    let samples = DIGITS.len() / RECORD;
    let mut features = Vec::with_capacity(samples * (RECORD - 1));
    let mut labels = Vec::with_capacity(samples);
    for record in DIGITS.chunks_exact(RECORD) {
        let (pixels, label) = record.split_at(RECORD - 1);
        features.extend(pixels.iter().map(|pixel| f32::from(*pixel) / 16.0));
        labels.push(u32::from(label[0]));
    }
    let shape = Shape::Image {
        channels: 1,
        height: 8,
        width: 8,
    };
    DataSet::new(shape, 10, features, labels).expect("the embedded digits are well formed")
}
