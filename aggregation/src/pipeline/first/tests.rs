//! What is foreseen rightly, wrongly or not at all gives the same bits.

use super::*;
use crate::arena::{Arena, Piece};
use crate::input::Inputs;
use crate::random::Random;

const N: usize = 7;
const BLOCKS: usize = 12;
const D: usize = BLOCKS * BLOCK - 1000;
/// Every third block is in a sample: by turns in the first and in the second.
const STEP: usize = 3;
/// Rules that leave out one row of seven, the one that is farther away than the others.
const RULES: [&str; 5] = ["multi-krum", "mda", "cge", "monna", "ios"];

/// Rows of noise, of which in each block one is ten times as long.
fn rows(long: impl Fn(usize) -> usize) -> Vec<Vec<f32>> {
    let mut random = Random::new(7);
    let mut value = |row, column| {
        let noise = (random.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0;
        if long(column / BLOCK) == row {
            10.0 * noise
        } else {
            noise
        }
    };
    let row = |row| (0..D).map(|column| value(row, column)).collect();
    (0..N).map(row).collect()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// The mean of the rows but one.
fn without(row: usize, rows: &[Vec<f32>]) -> Vec<u32> {
    let mut others = rows.to_vec();
    others.remove(row);
    let mean: Pipeline = "mean".parse().unwrap();
    let mean = mean.aggregate(&Inputs::new(&others).unwrap(), 0).unwrap();
    bits(&mean.vector)
}

/// The bits of the aggregate, and what was foreseen.
fn whole(text: &str, rows: &[Vec<f32>]) -> (Vec<u32>, Foresight) {
    let source = Source::Rows(rows.iter().map(Vec::as_slice).collect());
    let mut out = vec![f32::NAN; D];
    let mut pass = FirstPass::new(text.parse().unwrap(), 1, D, false);
    pass.work_on_all(&source, &mut out);
    pass.finish(&source, None, &mut out);
    (bits(&out), pass.foresight)
}

/// The same of rows that arrive block by block, the last one first.
fn streamed(text: &str, rows: &[Vec<f32>]) -> Vec<u32> {
    let mut arena = Arena::new(text.parse().unwrap(), 1, N, D).unwrap();
    for at in (0..D).step_by(BLOCK).rev() {
        for (row, values) in rows.iter().enumerate() {
            let piece = Piece::F32(&values[at..D.min(at + BLOCK)]);
            arena.write(row, at, piece).unwrap();
        }
    }
    bits(arena.finish().unwrap().0)
}

#[test]
fn the_rows_that_a_rule_keeps_are_foreseen() {
    let rows = rows(|_| 3);
    for text in RULES {
        let (found, foresight) = whole(text, &rows);
        assert!(matches!(foresight, Foresight::Kept(kept) if kept == [0, 1, 2, 4, 5, 6]));
        assert!(found == without(3, &rows), "{text}");
        assert!(streamed(text, &rows) == found, "{text}");
    }
}

#[test]
fn samples_that_agree_may_be_wrong() {
    let rows = rows(|block| if block % STEP == 0 { 3 } else { 5 });
    for text in RULES {
        let (found, foresight) = whole(text, &rows);
        assert!(matches!(foresight, Foresight::Kept(kept) if kept == [0, 1, 2, 4, 5, 6]));
        assert!(found == without(5, &rows), "{text}");
        assert!(streamed(text, &rows) == found, "{text}");
    }
}

#[test]
fn samples_that_disagree_foresee_nothing() {
    let rows = rows(|block| if block % (2 * STEP) == 0 { 3 } else { 5 });
    for text in RULES {
        let (found, foresight) = whole(text, &rows);
        assert!(matches!(foresight, Foresight::Without));
        assert!(found == without(5, &rows), "{text}");
        assert!(streamed(text, &rows) == found, "{text}");
    }
}

#[test]
fn a_row_that_is_given_up_is_not_foreseen() {
    let rows = rows(|_| 3);
    let mut arena = Arena::new("multi-krum".parse().unwrap(), 1, N, D).unwrap();
    let write = |arena: &mut Arena, row: usize, at: usize| {
        let piece = Piece::F32(&rows[row][at..D.min(at + BLOCK)]);
        arena.write(row, at, piece).unwrap();
    };
    let (most, last) = (0..(BLOCKS - 1) * BLOCK, (BLOCKS - 1) * BLOCK);
    for at in most.step_by(BLOCK) {
        for row in 0..N {
            write(&mut arena, row, at);
        }
    }
    arena.give_up(6);
    for row in 0..N - 1 {
        write(&mut arena, row, last);
    }
    let found = bits(arena.finish().unwrap().0);
    assert!(found == without(3, &rows[..N - 1]));
}
