//! Train and test parts, the same on every machine. Owns the split and the order of samples; reads no files.
//!
//! Samples are ordered by a hash of (the set's digest, their row). So a file sorted by class still gives blocks that
//! look alike, and no seed has to be agreed.

use super::DataSet;

const ORDER_CONTEXT: &str = "spirt-training 2026 sample order v1";
const DIGEST_CONTEXT: &str = "spirt-training 2026 split v1";

/// A part to train on and a part held out, of the same shape and classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// What peers train on, in a hashed order.
    pub train: DataSet,
    /// What nobody trains on.
    pub test: DataSet,
}

impl Split {
    /// Holds out one fifth (rounded down, at least one sample). A set of a single sample is both parts.
    #[must_use]
    pub fn of(set: &DataSet) -> Self {
        let rows = order(set);
        let held = (rows.len() / 5).max(1);
        if rows.len() == 1 {
            return Self {
                train: set.clone(),
                test: set.clone(),
            };
        }
        Self {
            train: set.pick(&rows[held..]),
            test: set.pick(&rows[..held]),
        }
    }

    /// Keeps a test part that came with the data. Both must have the same shape and classes.
    pub(super) fn with_test(train: &DataSet, test: DataSet) -> Self {
        debug_assert_eq!(
            (train.shape(), train.classes()),
            (test.shape(), test.classes())
        );
        Self {
            train: train.pick(&order(train)),
            test,
        }
    }

    /// What peers compare to know that they hold the same data: a hash of both parts' digests.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(DIGEST_CONTEXT);
        hasher.update(&self.train.digest());
        hasher.update(&self.test.digest());
        *hasher.finalize().as_bytes()
    }
}

fn order(set: &DataSet) -> Vec<u32> {
    let key = blake3::derive_key(ORDER_CONTEXT, &set.digest());
    let samples = u32::try_from(set.len()).expect("a data set holds at most u32::MAX samples");
    let mut rows: Vec<([u8; 32], u32)> = (0..samples)
        .map(|row| {
            (
                *blake3::keyed_hash(&key, &row.to_le_bytes()).as_bytes(),
                row,
            )
        })
        .collect();
    rows.sort_unstable();
    rows.into_iter().map(|(_, row)| row).collect()
}
