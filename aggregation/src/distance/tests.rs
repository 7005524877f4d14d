//! Distances against plain loops, and at the edges of the number range.

use super::Distances;
use crate::input::Inputs;

#[test]
fn distances_agree_with_a_plain_loop_for_lengths_around_the_block_sizes() {
    for d in [1, 7, 8, 9, 1023, 1024, 1025, 2600] {
        let rows: Vec<Vec<f32>> = (0..5)
            .map(|i| {
                (0..d)
                    .map(|j| ((i * 31 + j * 17) % 101) as f32 - 50.0)
                    .collect()
            })
            .collect();
        let distances = Distances::new(&Inputs::new(&rows).unwrap());
        for (i, a) in rows.iter().enumerate() {
            let expected: Vec<f64> = (0..5)
                .filter(|&j| j != i)
                .map(|j| {
                    let squares = a
                        .iter()
                        .zip(&rows[j])
                        .map(|(x, y)| f64::from(x - y).powi(2));
                    squares.sum()
                })
                .collect();
            // Small integers: every sum is exact.
            assert_eq!(
                distances.to_others(i).collect::<Vec<_>>(),
                expected,
                "d = {d}"
            );
        }
    }
}

#[test]
fn the_largest_floats_are_a_finite_distance_apart() {
    let rows = [vec![f32::MAX; 100], vec![f32::MIN; 100]];
    let distances = Distances::new(&Inputs::new(&rows).unwrap());
    let distance = distances.to_others(0).next().unwrap();
    assert!(distance.is_finite() && distance > 4.6e79);
}

#[test]
fn a_common_offset_does_not_hide_a_small_distance() {
    let rows = [vec![1e6_f32; 64], vec![1e6 + 0.0625; 64]];
    let distances = Distances::new(&Inputs::new(&rows).unwrap());
    assert_eq!(distances.to_others(1).next(), Some(64.0 * 0.0625 * 0.0625));
}
