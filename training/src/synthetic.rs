//! Vectors without training: value `i` of a peer's vector follows from seed, round, peer and `i` alone, with the same bits on
//! every machine. For measurements, and for checks of everything that happens to a vector after training.
//! Owns the formula; it may not touch data, models or files.

use crate::engine::Draw;

const CONTEXT: &str = "spirt-training 2026 synthetic vectors v1";

/// The vector that one peer contributes in one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synthetic {
    key: u64,
}

impl Synthetic {
    /// The vector of `draw`, of any length.
    #[must_use]
    pub fn new(draw: &Draw) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(&draw.seed);
        hasher.update(&draw.round.to_le_bytes());
        hasher.update(&draw.salt);
        let mut key = [0; 8];
        hasher.finalize_xof().fill(&mut key);
        Self {
            key: u64::from_le_bytes(key),
        }
    }

    /// Value `i`: uniform in `-1.0..1.0` on a grid of 2^-23, so that sums of many are exact in `f64`. The function that
    /// mixes is the output step of SplitMix64 (Steele, Lea and Flood, 2014).
    #[must_use]
    pub fn value(&self, i: u64) -> f32 {
        let mut z = self
            .key
            .wrapping_add(i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 40) as f32 * (1.0 / 8_388_608.0) - 1.0
    }

    /// The values from `start` on.
    pub fn fill(&self, start: u64, values: &mut [f32]) {
        for (i, value) in (start..).zip(values) {
            *value = self.value(i);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(round: u64, salt: u8) -> Draw {
        Draw {
            seed: [7; 32],
            round,
            salt: [salt; 32],
        }
    }

    #[test]
    fn a_value_depends_on_round_peer_and_place_and_not_on_where_one_begins() {
        let mut whole = [0.0; 1000];
        let vector = Synthetic::new(&draw(3, 1));
        vector.fill(0, &mut whole);
        let mut part = [0.0; 10];
        vector.fill(500, &mut part);
        assert_eq!(part, whole[500..510]);
        for other in [draw(4, 1), draw(3, 2)] {
            let mut values = [0.0; 1000];
            Synthetic::new(&other).fill(0, &mut values);
            let equal = values.iter().zip(&whole).filter(|(a, b)| a == b).count();
            assert!(equal < 3, "{equal} of 1000 values are equal");
        }
    }

    #[test]
    fn values_are_on_the_grid_and_fill_the_interval() {
        let mut values = vec![0.0; 100_000];
        Synthetic::new(&draw(0, 0)).fill(0, &mut values);
        assert!(values.iter().all(|x| (-1.0..1.0).contains(x)));
        assert!(values.iter().all(|x| (x * 8_388_608.0).fract() == 0.0));
        let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02, "mean {mean}");
        assert_eq!(values[..2], GOLDEN, "the formula is part of the run");
    }

    const GOLDEN: [f32; 2] = [
        16326918.0 / 8_388_608.0 - 1.0,
        8269217.0 / 8_388_608.0 - 1.0,
    ];
}
