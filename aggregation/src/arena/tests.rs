//! Rows in pieces give the bits of rows at once.

use super::*;
use crate::input::Inputs;
use crate::random::Random;

const D: usize = 40_000;

fn rows(n: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut random = Random::new(seed);
    let mut value = || (random.bits() >> 40) as f32 / (1 << 22) as f32 - 2.0;
    (0..n).map(|_| (0..D).map(|_| value()).collect()).collect()
}

/// Every piece of every row, blocks and rows in a random order.
fn pieces(n: usize, seed: u64) -> Vec<(usize, usize, usize)> {
    let mut random = Random::new(seed);
    let mut runs: Vec<Vec<(usize, usize, usize)>> = Vec::new();
    for row in 0..n {
        for block in 0..D.div_ceil(BLOCK) {
            let (mut at, end) = (block * BLOCK, D.min((block + 1) * BLOCK));
            let mut run = Vec::new();
            while at < end {
                let next = end.min(at + 1 + random.below(5000));
                run.push((row, at, next));
                at = next;
            }
            run.reverse();
            runs.push(run);
        }
    }
    let mut all = Vec::new();
    while !runs.is_empty() {
        let at = random.below(runs.len());
        match runs[at].pop() {
            Some(piece) => all.push(piece),
            None => {
                runs.swap_remove(at);
            }
        }
    }
    all
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn pieces_in_any_order_give_the_bits_of_the_whole() {
    let rows = rows(9, 1);
    let inputs = Inputs::new(&rows).unwrap();
    for (seed, text) in [
        "median",
        "trimmed-mean",
        "mean",
        "krum",
        "multi-krum",
        "geometric-median",
        "caf",
        "nnm+trimmed-mean",
        "arc+nnm+geometric-median",
        "centered-clip:radius=50,iters=3",
    ]
    .into_iter()
    .enumerate()
    {
        let pipeline: Pipeline = text.parse().unwrap();
        let whole = pipeline.aggregate(&inputs, 2).unwrap();
        let mut arena = Arena::new(pipeline, 2, 9, D).unwrap();
        for (row, at, end) in pieces(9, seed as u64) {
            assert!(matches!(arena.finish(), Err(ArenaError::Incomplete { .. })));
            arena
                .write(row, at, Piece::F32(&rows[row][at..end]))
                .unwrap();
        }
        assert!(arena.is_complete());
        let (vector, report) = arena.finish().unwrap();
        assert!(bits(vector) == bits(&whole.vector), "{text}");
        assert_eq!(report, whole.report, "{text}");
    }
}

#[test]
fn a_row_that_is_given_up_leaves_no_trace() {
    let mut rows = rows(8, 2);
    for text in ["median", "multi-krum", "nnm+trimmed-mean"] {
        let pipeline: Pipeline = text.parse().unwrap();
        let mut arena = Arena::new(pipeline.clone(), 2, 8, D).unwrap();
        for (row, at, end) in pieces(8, 3) {
            // Row 5 stops early in its last block, after others were worked on.
            if row != 5 || at < 2 * BLOCK {
                arena
                    .write(row, at, Piece::F32(&rows[row][at..end]))
                    .unwrap();
            }
        }
        assert_eq!(
            arena.finish().unwrap_err(),
            ArenaError::Incomplete { row: 5 }
        );
        arena.give_up(5);
        let mut others = rows.clone();
        others.remove(5);
        let expected = pipeline
            .aggregate(&Inputs::new(&others).unwrap(), 2)
            .unwrap();
        let (vector, report) = arena.finish().unwrap();
        assert!(bits(vector) == bits(&expected.vector), "{text}");
        assert!(report.dropped().any(|row| row == 5));
        assert_eq!(report.rows().len(), 8);
    }
    rows[0][7] = f32::NAN;
    let mut arena = Arena::new("median".parse().unwrap(), 2, 8, D).unwrap();
    let error = arena.write(0, 0, Piece::F32(&rows[0][..100])).unwrap_err();
    assert!(matches!(
        error,
        ArenaError::NotFinite {
            row: 0,
            coordinate: 7,
            ..
        }
    ));
}

#[test]
fn half_precision_arrives_exactly() {
    let values: Vec<f32> = (0..20).map(|i| i as f32 * 0.25 - 2.0).collect();
    let brains: Vec<bf16> = values.iter().map(|x| bf16::from_f32(*x)).collect();
    let halves: Vec<f16> = values.iter().map(|x| f16::from_f32(*x)).collect();
    let mut arena = Arena::new("median".parse().unwrap(), 0, 3, 20).unwrap();
    arena.write(0, 0, Piece::F32(&values)).unwrap();
    arena.write(1, 0, Piece::Bf16(&brains)).unwrap();
    arena.write(2, 0, Piece::F16(&halves)).unwrap();
    assert_eq!(arena.finish().unwrap().0, values);
}

#[test]
fn pieces_that_are_not_due_are_refused_and_change_nothing() {
    let mut arena = Arena::new("median".parse().unwrap(), 1, 3, 100).unwrap();
    let values = [1.0; 101];
    for (row, at, length) in [
        (3, 0, 1),
        (0, 1, 1),
        (0, 0, 101),
        (0, 100, 1),
        (0, usize::MAX, 1),
    ] {
        let error = arena
            .write(row, at, Piece::F32(&values[..length]))
            .unwrap_err();
        assert_eq!(error, ArenaError::NotDue { row, at });
    }
    arena.write(0, 0, Piece::F32(&values[..60])).unwrap();
    let again = arena.write(0, 0, Piece::F32(&values[..60])).unwrap_err();
    assert_eq!(again, ArenaError::NotDue { row: 0, at: 0 });
    arena.give_up(2);
    arena.write(0, 60, Piece::F32(&values[..40])).unwrap();
    arena.write(1, 0, Piece::F32(&values[..100])).unwrap();
    let error = arena.finish().unwrap_err();
    assert!(matches!(error, ArenaError::Refused(_)), "{error}");
    assert!(Arena::new("median".parse().unwrap(), 2, 3, 100).is_err());
    assert!(Arena::new("median".parse().unwrap(), 1, 3, 0).is_err());
}
