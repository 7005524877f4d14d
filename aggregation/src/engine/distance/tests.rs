//! Distances against plain loops, and bit for bit wherever rows lie and whatever is done beside them.

use super::*;
use crate::engine::simd::Isa;
use crate::engine::tests::{bits, rows, source};
use crate::engine::{Combination, combine, distances, distances_and_mean};
use crate::source::Source;
use crate::tile::BLOCK;

#[test]
fn distances_agree_with_f64_at_any_magnitude_and_on_every_instruction_set() {
    for (n, d, wild) in [
        (1, 5, false),
        (5, 1027, false),
        (9, 40_000, false),
        (6, 3000, true),
    ] {
        let mut rows = rows(n, d, 7, wild);
        rows[0].iter_mut().for_each(|x| *x *= 1e-25);
        if n > 2 {
            rows[1] = rows[2].clone();
        }
        let all: Vec<Vec<u64>> = Isa::available()
            .into_iter()
            .map(|isa| {
                let found = distances(isa, &source(&rows), Pairs::All);
                found.into_iter().map(f64::to_bits).collect()
            })
            .collect();
        for found in &all {
            assert_eq!(*found, all[0]);
        }
        for i in 0..n {
            for j in 0..=i {
                let term = |c: usize| {
                    let other = if i == j { 0.0 } else { f64::from(rows[j][c]) };
                    (f64::from(rows[i][c]) - other).powi(2)
                };
                let exact: f64 = (0..d).map(term).sum();
                let found = f64::from_bits(all[0][triangle(i, j)]);
                assert!(
                    (found - exact).abs() <= 2e-6 * exact,
                    "({i}, {j}) {found} {exact}"
                );
            }
        }
    }
}

/// Near rows far from the origin, where scalar products lose the distance; others that are not; zeros.
#[test]
fn a_distance_depends_on_its_two_rows_alone() {
    let (n, d) = (11, 3000);
    let mut rows = rows(n, d, 13, false);
    for (i, row) in rows.iter_mut().enumerate() {
        match i {
            0..4 => row.iter_mut().for_each(|x| *x = 1000.0 + 0.01 * *x),
            4 => row.fill(0.0),
            5 => row[..1500].fill(0.0),
            6 => row.iter_mut().for_each(|x| *x *= 1e30),
            _ => {}
        }
    }
    let found = distances(Isa::best(), &source(&rows), Pairs::All);
    let turned: Vec<Vec<f32>> = rows.iter().rev().cloned().collect();
    let other_way = distances(Isa::best(), &source(&turned), Pairs::All);
    for i in 0..n {
        for j in 0..i {
            let difference = |c: usize| f64::from(rows[i][c]) - f64::from(rows[j][c]);
            let exact: f64 = (0..d).map(|c| difference(c).powi(2)).sum();
            let distance = found[triangle(i, j)];
            assert!(
                (distance - exact).abs() <= 3e-6 * exact,
                "({i}, {j}) {distance} {exact}"
            );
            let same = other_way[triangle(n - 1 - j, n - 1 - i)];
            assert_eq!(distance.to_bits(), same.to_bits(), "({i}, {j})");
        }
    }
}

/// Many rows that straddle cache lines are copied.
#[test]
fn distances_do_not_depend_on_where_rows_begin_in_memory() {
    let (n, d) = (50, 2100);
    let rows = rows(n, d, 19, false);
    for isa in Isa::available() {
        let found = |place: fn(usize) -> usize| -> Vec<u64> {
            let moved = rows.iter().enumerate().map(|(i, row)| {
                let mut room = vec![0.0; d + 32];
                let first = room.as_ptr().align_offset(64) + place(i);
                room[first..first + d].copy_from_slice(row);
                (first, room)
            });
            let moved: Vec<(usize, Vec<f32>)> = moved.collect();
            let rows = moved.iter().map(|(first, room)| &room[*first..][..d]);
            let found = distances(isa, &Source::Rows(rows.collect()), Pairs::All);
            found.into_iter().map(f64::to_bits).collect()
        };
        let on_lines = found(|_| 0);
        assert_eq!(found(|_| 4), on_lines);
        assert_eq!(found(|i| i % 16), on_lines);
    }
}

#[test]
fn few_distances_are_the_same_as_among_all() {
    for (n, d, wild) in [(1, 3, false), (5, 1027, false), (7, 20_000, true)] {
        let rows = rows(n, d, 5, wild);
        for isa in Isa::available() {
            let all = distances(isa, &source(&rows), Pairs::All);
            for own in [None, Some(0), Some(n / 2), Some(n - 1)] {
                let few = distances(isa, &source(&rows), Pairs::NormsAnd(own));
                for i in 0..n {
                    for j in 0..=i {
                        let (few, all) = (few[triangle(i, j)], all[triangle(i, j)]);
                        let wanted = i == j || own == Some(i) || own == Some(j);
                        assert_eq!(few.is_nan(), !wanted, "({i}, {j}) around {own:?}");
                        assert!(
                            !wanted || few.to_bits() == all.to_bits(),
                            "({i}, {j}) {few} {all}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_mean_beside_the_distances_changes_neither() {
    for (n, d) in [(1, 5), (3, 1024), (7, 2100), (18, 20_000), (50, 1040)] {
        let rows = rows(n, d, 23, false);
        let source = source(&rows);
        let blocks: Vec<usize> = (0..d.div_ceil(BLOCK)).collect();
        let kept: Vec<usize> = (0..n).filter(|row| row % 3 != 1).collect();
        for isa in Isa::available() {
            for pairs in [Pairs::All, Pairs::NormsAnd(None), Pairs::NormsAnd(Some(0))] {
                let mut out = vec![f32::NAN; d];
                let beside =
                    distances_and_mean(isa, (&source, 0), pairs, &blocks, Some(&kept), &mut out);
                let alone = distances_and_mean(isa, (&source, 0), pairs, &blocks, None, &mut []);
                assert_eq!(beside, alone, "{n} rows, {pairs:?}");
                let mut mean = vec![f32::NAN; d];
                combine(isa, &source, &Combination::Average(kept.clone()), &mut mean);
                assert_eq!(bits(&out), bits(&mean), "{n} rows, {pairs:?}");
            }
        }
    }
}
