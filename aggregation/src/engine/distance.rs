//! Squared distances of all pairs of rows, and squared norms, over a piece of the columns.
//!
//! Within a panel of [`PANEL`] columns the sums are `f32` in sixteen lanes; across panels they are
//! `f64`. A panel's distance comes from scalar products, |a|^2 + |b|^2 - 2ab, where that loses
//! nothing: where it is not much smaller than the squares, and all are far from overflow and
//! underflow. Else it comes from the differences, and if even their sum is near overflow or
//! underflow, from `f64`, where no finite `f32` can do either. So rows that share a large offset
//! (models rather than gradients) lose nothing, a row of 1e30 slows its own pairs down and falsifies
//! none, and a pair's distance depends on its two rows alone.

mod aligned;
mod products;
mod squares;
mod star;
#[cfg(test)]
mod tests;
mod tile;

use super::ahead::{Ahead, Part};
use super::combine::Mean;
use super::simd::{Kernel, LANES, Simd};
use super::{Pairs, padded, triangle};
use crate::source::Strip;
use crate::tile::PANEL;
use aligned::make_room;
use squares::Squares;
use tile::{Exactly, Row, tree};

/// Adds the squared distances over the strip to `sums`: pair (i, j) with j < i at `triangle(i, j)`,
/// the squared norm of row i at `triangle(i, i)`.
pub(super) struct Distances<'a> {
    pub(super) strip: Strip<'a>,
    pub(super) pairs: Pairs,
    pub(super) sums: &'a mut [f64],
    /// The mean of some of the rows, to be written meanwhile.
    pub(super) mean: Option<Mean<'a>>,
}

/// `f32` sums of a panel are trusted from here...
const LEAST: f32 = 1e-24;
/// ...to here: terms that underflow are below 1e-38 each, partial sums cannot overflow.
const MOST: f32 = 1e36;
/// A distance comes from scalar products if it is at least this part of the sum of the squares: then
/// its relative error is at most four times theirs.
const PART: f32 = 0.25;

/// Vector operations of a mean on the sixteen columns of a row: that tell whether it is exact, too.
const MEAN: usize = 8;

impl Distances<'_> {
    /// What part of the work on a panel is that of the distances, and what part that of the mean.
    fn parts(&self) -> (Part, Part) {
        let n = self.strip.rows.len();
        let distances = match self.pairs {
            Pairs::All => triangle(n, 0),
            Pairs::NormsAnd(None) => n,
            Pairs::NormsAnd(Some(_)) => 2 * n,
        };
        let kept = self.mean.as_ref().map_or(0, |mean| mean.strip.rows.len());
        let all = distances + MEAN * kept;
        let part = |mine| Part { mine, all };
        (part(distances), part(MEAN * kept))
    }
}

impl Kernel for Distances<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (part, mean_part) = self.parts();
        let Self {
            strip,
            pairs,
            sums,
            mut mean,
        } = self;
        let (rows, range) = (strip.rows, strip.range.clone());
        let full = range.start + range.len() / LANES * LANES;
        let panel = |start: usize| -> Vec<Row<'_>> {
            let columns = start..full.min(start + PANEL);
            let rows = rows.iter();
            rows.map(|row| row[columns.clone()].as_chunks().0).collect()
        };
        let mut ahead = Ahead::new(&strip);
        let mut all = Squares::new(sums);
        let mut room = Vec::new();
        for start in range.clone().step_by(PANEL) {
            ahead.begin(start);
            if start < full {
                let (rows, ahead) = (panel(start), (&mut ahead, part));
                match pairs {
                    Pairs::NormsAnd(own) => star::add(s, &rows, own, ahead, sums),
                    Pairs::All => {
                        make_room::<S>(&rows, &mut room);
                        all.add(s, &rows, &mut room, ahead, sums);
                    }
                }
            }
            if let Some(mean) = &mut mean {
                ahead.spread(mean.steps(), mean_part);
                mean.write_run(s, start, &mut ahead);
            }
        }
        if full < range.end {
            let rest = rows.iter().map(|row| [padded(&row[full..range.end])]);
            let rest: Vec<[[f32; LANES]; 1]> = rest.collect();
            let rest: Vec<_> = rest.iter().map(|row| &row[..]).collect();
            let ahead = (&mut ahead, part);
            match pairs {
                Pairs::NormsAnd(own) => star::add(s, &rest, own, ahead, sums),
                Pairs::All => all.add(s, &rest, &mut [], ahead, sums),
            }
        }
        if pairs == Pairs::All {
            all.write(sums);
        }
    }
}

/// The square of a row in `f32`, NaN if that is not to be trusted, and in `f64`.
#[inline(always)]
fn square<S: Simd>(s: S, sum: f32, row: Row<'_>) -> (f32, f64) {
    if (LEAST..=MOST).contains(&sum) {
        return (sum, f64::from(sum));
    }
    let exactly = s.call(Exactly { a: row, b: None });
    // A row of zeros is as far from another as that one is long.
    (if exactly == 0.0 { 0.0 } else { f32::NAN }, exactly)
}

/// A distance from a product and two squares; NaN if too much is lost.
#[inline(always)]
fn from_products(product: f32, a: f32, b: f32) -> f32 {
    let squares = a + b;
    let distance = squares - 2.0 * product;
    if distance >= PART * squares {
        distance
    } else {
        f32::NAN
    }
}

/// A panel's sum of differences, if it is far from overflow and underflow; else computed again in
/// `f64`.
#[inline(always)]
fn trusted<S: Simd>(s: S, sum: f32, a: Row<'_>, b: Row<'_>) -> f64 {
    if (LEAST..=MOST).contains(&sum) {
        f64::from(sum)
    } else {
        s.call(Exactly { a, b: Some(b) })
    }
}

/// Adds the scalar products of some rows with all rows to `sums`: `n` of them for each of `far`.
pub(super) struct Dots<'a> {
    pub(super) strip: Strip<'a>,
    pub(super) far: &'a [usize],
    pub(super) sums: &'a mut [f64],
}

impl Kernel for Dots<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Strip { rows, range, .. } = self.strip;
        for start in range.clone().step_by(PANEL) {
            let columns = start..range.end.min(start + PANEL);
            let sums = self.sums.chunks_exact_mut(rows.len());
            for (&far, sums) in self.far.iter().zip(sums) {
                let a = &rows[far][columns.clone()];
                for (sum, row) in sums.iter_mut().zip(rows) {
                    *sum += dot(s, a, &row[columns.clone()]);
                }
            }
        }
    }
}

/// In `f64` throughout.
#[inline(always)]
fn dot<S: Simd>(s: S, a: &[f32], b: &[f32]) -> f64 {
    let mut sum = s.splat_d(0.0);
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        let (a, b) = (s.load(&padded(a)), s.load(&padded(b)));
        sum = s.add_d(sum, s.mul_d(s.widen(a), s.widen(b)));
    }
    tree(s, sum)
}
