//! Pieces in any order give the bits, and the report, of whole rows.

use super::*;
use crate::random::Random;

const D: usize = 5 * BLOCK + 777;

fn rows(n: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut random = Random::new(seed);
    let mut value = || (random.bits() >> 40) as f32 / (1 << 22) as f32 - 2.0;
    (0..n).map(|_| (0..D).map(|_| value()).collect()).collect()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Piece `index` of all rows.
fn piece(rows: &[Vec<f32>], columns: usize, index: usize) -> Vec<&[f32]> {
    let pieces = rows.iter().map(|row| row.chunks(columns).nth(index));
    pieces.flatten().collect()
}

const PIPELINES: [&str; 14] = [
    "mean",
    "median",
    "trimmed-mean",
    "phocas",
    "sign-majority",
    "krum",
    "multi-krum",
    "bulyan",
    "cge",
    "monna",
    "geometric-median",
    "nnm+trimmed-mean",
    "arc+nnm+trimmed-mean",
    "centered-clip:radius=50,iters=3",
];

#[test]
fn pieces_in_any_order_give_the_bits_and_the_report_of_whole_rows() {
    let mut rows = rows(11, 1);
    // Two equal rows, and a far one, for the ways that only these take.
    rows[4] = rows[2].clone();
    rows[7].iter_mut().for_each(|x| *x *= 1e12);
    let inputs = Inputs::new(&rows).unwrap();
    for (seed, text) in PIPELINES.into_iter().enumerate() {
        let pipeline: Pipeline = text.parse().unwrap();
        let whole = pipeline.aggregate(&inputs, 2).unwrap();
        for columns in [BLOCK, 2 * BLOCK, 4 * BLOCK, D, 8 * BLOCK] {
            let spare = vec![7.0; D / 2];
            let mut incremental =
                Incremental::new(pipeline.clone(), 2, 11, D, columns, spare).unwrap();
            let mut random = Random::new(seed as u64);
            let mut left: Vec<usize> = (0..D.div_ceil(columns)).collect();
            while !left.is_empty() {
                let index = left.swap_remove(random.below(left.len()));
                incremental
                    .add(index, piece(&rows, columns, index))
                    .unwrap();
                assert!(incremental.has(index));
            }
            let (vector, report) = incremental.finish().unwrap();
            assert!(bits(&vector) == bits(&whole.vector), "{text} {columns}");
            assert_eq!(report, whole.report, "{text} {columns}");
        }
    }
}

#[test]
fn what_is_not_due_changes_nothing_and_is_named() {
    let rows = rows(5, 2);
    let pipeline: Pipeline = "median".parse().unwrap();
    let new = |n, d, columns| Incremental::new(pipeline.clone(), 2, n, d, columns, Vec::new());
    assert!(matches!(
        new(4, D, BLOCK),
        Err(IncrementalError::Refused(_))
    ));
    for (d, columns) in [(0, BLOCK), (D, 0), (D, 1000), (D, BLOCK + 1)] {
        let bad = new(5, d, columns).map(|_: Incremental<&[f32]>| ());
        assert_eq!(bad, Err(IncrementalError::BadCut { d, columns }));
    }
    let mut incremental = new(5, D, BLOCK).unwrap();
    let due = piece(&rows, BLOCK, 1);
    let not_due = Err(IncrementalError::NotDue { index: 1 });
    assert_eq!(incremental.add(1, due[1..].to_vec()), not_due, "a row less");
    assert_eq!(incremental.add(1, piece(&rows, BLOCK, 5)), not_due, "short");
    for beyond in [6, usize::MAX] {
        let error = incremental.add(beyond, due.clone());
        assert_eq!(error, Err(IncrementalError::NotDue { index: beyond }));
    }
    let mut bad = due[3].to_vec();
    bad[9] = f32::NAN;
    let mut with_bad = due.clone();
    with_bad[3] = &bad;
    assert!(matches!(
        incremental.add(1, with_bad),
        Err(IncrementalError::Rows(crate::InputError::NotFinite {
            row: 3,
            coordinate: 9,
            ..
        }))
    ));
    assert!(!incremental.has(1));
    assert_eq!(incremental.add(1, due.clone()), Ok(()));
    assert_eq!(incremental.add(1, due), not_due, "twice");
    assert_eq!(
        incremental.finish().unwrap_err(),
        IncrementalError::Incomplete { index: 0 }
    );
}
