//! The order is total, and the networks sort.

use super::{flip, for_each_sampled_tile, key, network, value};
use crate::source::Source;

#[test]
fn keys_have_the_order_of_total_cmp_and_give_the_value_back() {
    let samples = [
        f32::MIN,
        -1e30,
        -1.5,
        -f32::MIN_POSITIVE,
        -1e-45,
        -0.0,
        0.0,
        1e-45,
        f32::MIN_POSITIVE,
        1.0,
        1.5,
        f32::MAX,
    ];
    for a in samples {
        assert_eq!(value(key(a)).to_bits(), a.to_bits());
        for b in samples {
            assert_eq!(key(a).cmp(&key(b)), a.total_cmp(&b), "{a} {b}");
        }
    }
    assert_eq!(flip(flip(i32::MIN)), i32::MIN);
}

#[test]
fn the_network_sorts_every_sequence_of_zeros_and_ones() {
    // The 0-1 principle: a network that sorts these sorts everything.
    for wires in 0..=14_usize {
        let pairs = network(wires);
        assert!(pairs.iter().all(|&(low, high)| low < high && high < wires));
        for pattern in 0..1_u32 << wires {
            let mut bits = pattern;
            for &(low, high) in &pairs {
                if bits >> low & 1 > bits >> high & 1 {
                    bits ^= 1 << low | 1 << high;
                }
            }
            let ones = pattern.count_ones() as usize;
            let sorted = ((1_u32 << ones) - 1) << (wires - ones);
            assert_eq!(bits, sorted, "{wires} wires, {pattern:b}");
        }
    }
}

#[test]
fn tiles_cover_every_column_once_and_sort_it() {
    for (n, d) in [(1, 1), (2, 255), (3, 256), (7, 257), (33, 700), (130, 3)] {
        let rows: Vec<Vec<f32>> = (0..n)
            .map(|i| {
                (0..d)
                    .map(|j| ((i * 7919 + j * 104_729) % 1009) as f32 - 500.0)
                    .collect()
            })
            .collect();
        let inputs = Source::Rows(rows.iter().map(Vec::as_slice).collect());
        let mut next = 0;
        for_each_sampled_tile(&inputs, (0, 0), d, |tile| {
            let start = next;
            next += tile.width;
            for (of_tile, row) in tile.rows.iter().zip(&rows) {
                assert_eq!(*of_tile, &row[start..next]);
            }
            for column in 0..tile.width {
                let mut expected: Vec<f32> = rows.iter().map(|row| row[start + column]).collect();
                expected.sort_unstable_by(f32::total_cmp);
                let found: Vec<f32> = (0..n).map(|k| tile.rank(k).nth(column).unwrap()).collect();
                assert_eq!(found, expected);
            }
        });
        assert_eq!(next, d);
    }
}
