//! Weighted sums of rows, in `f64`: the last pass of the rules that take rows as a whole.
//!
//! Columns go by runs, as memory likes it: the run of each row is read in turn, four rows side by
//! side, while the sums of the run wait in the first-level cache.

mod exact;

pub(super) use exact::{Average, Mean};

use super::ahead::Ahead;
use super::out::{EMPTY, Out, Panel};
use super::run::{LINES as VECTORS, Run, runs, whole};
use super::simd::{Kernel, LANES, Lanes, Simd};
use crate::source::Strip;
use crate::tile::PANEL;

/// Rows that are read side by side: memory feeds so many streams, and the sums are loaded and stored
/// once for all of them.
const SIDE: usize = 4;

/// What is asked for while runs are added up.
trait Meanwhile {
    /// Before the vectors at this place are added.
    fn ask<S: Simd>(&mut self, s: S, at: usize);
}

/// The same vector of each of these runs.
impl<const K: usize> Meanwhile for [&Run; K] {
    #[inline(always)]
    fn ask<S: Simd>(&mut self, s: S, at: usize) {
        for run in self {
            s.prefetch(&run[at]);
        }
    }
}

impl Meanwhile for Ahead<'_> {
    #[inline(always)]
    fn ask<S: Simd>(&mut self, s: S, _: usize) {
        self.step(s);
    }
}

/// Sums of the columns of one run.
trait Sums {
    /// Before the first row.
    fn clear(&mut self);

    /// Adds some rows, of which the first one is the `first`-th.
    fn add<S: Simd, const K: usize>(
        &mut self,
        s: S,
        first: usize,
        rows: [&Run; K],
        meanwhile: &mut impl Meanwhile,
    );

    /// The outcome of the columns from `start` on.
    fn write<S: Simd>(&self, s: S, start: usize, out: &mut Panel);
}

/// Adds all rows of a strip, run by run, into `out`, which has the length of the strip.
#[inline(always)]
fn add_all<S: Simd>(s: S, strip: &Strip<'_>, sums: &mut impl Sums, out: Out<'_>) {
    let mut start = strip.range.start;
    let mut panel = EMPTY;
    let mut room = Vec::new();
    for out in out.panels() {
        sums.clear();
        let rows = runs(strip, start, &mut room);
        for first in (0..rows.len()).step_by(SIDE) {
            let here = (start, first);
            match rows.len() - first {
                1 => add_some::<S, 1>(s, strip, &rows, here, sums),
                2 => add_some::<S, 2>(s, strip, &rows, here, sums),
                3 => add_some::<S, 3>(s, strip, &rows, here, sums),
                _ => add_some::<S, SIDE>(s, strip, &rows, here, sums),
            }
        }
        sums.write(s, start, &mut panel);
        start += out.values.len();
        out.put(s, &panel);
    }
}

/// Adds `K` of the runs that start at this column, from the `first` one on.
#[inline(always)]
fn add_some<S: Simd, const K: usize>(
    s: S,
    strip: &Strip<'_>,
    runs: &[&Run],
    (start, first): (usize, usize),
    sums: &mut impl Sums,
) {
    let rows: [&Run; K] = std::array::from_fn(|k| runs[first + k]);
    // After the last rows come the first ones, further right.
    let (next, columns) = match first + SIDE {
        next if next < runs.len() => (next, start),
        _ => (0, start + PANEL),
    };
    let mut next: [&Run; K] = std::array::from_fn(|k| {
        let row = (next + k).min(runs.len() - 1);
        let columns = strip.ahead(row, columns);
        columns.and_then(whole).unwrap_or(rows[k])
    });
    sums.add(s, first, rows, &mut next);
}

/// Writes `sum of weight * row` over the strip into `out`, rounded once to `f32` and clamped to
/// finite values. The terms are added in the order of the rows.
pub(super) struct Weighted<'a> {
    pub(super) strip: Strip<'a>,
    pub(super) weights: &'a [f64],
    pub(super) out: Out<'a>,
}

impl Kernel for Weighted<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut sums = WeightedSums {
            weights: self.weights,
            sums: [Lanes([0.0; LANES]); VECTORS],
        };
        add_all(s, &self.strip, &mut sums, self.out);
    }
}

struct WeightedSums<'a> {
    weights: &'a [f64],
    sums: [Lanes<f64>; VECTORS],
}

impl Sums for WeightedSums<'_> {
    #[inline(always)]
    fn clear(&mut self) {
        // -0.0 is the neutral element: a column of -0.0 has the sum -0.0.
        self.sums.fill(Lanes([-0.0; LANES]));
    }

    #[inline(always)]
    fn add<S: Simd, const K: usize>(
        &mut self,
        s: S,
        first: usize,
        rows: [&Run; K],
        meanwhile: &mut impl Meanwhile,
    ) {
        let mut factors = [s.splat_d(0.0); K];
        for k in 0..K {
            factors[k] = s.splat_d(self.weights[first + k]);
        }
        for v in 0..VECTORS {
            meanwhile.ask(s, v);
            let mut sum = s.load_d(&self.sums[v].0);
            for k in 0..K {
                let x = s.load_wide(&rows[k][v]);
                sum = s.add_d(sum, s.mul_d(factors[k], x));
            }
            s.store_d(sum, &mut self.sums[v].0);
        }
    }

    #[inline(always)]
    fn write<S: Simd>(&self, s: S, _: usize, out: &mut Panel) {
        for (sum, out) in self.sums.iter().zip(out) {
            store(s, sum, 1.0, out);
        }
    }
}

/// A sum times `factor`, rounded once and kept finite.
#[inline(always)]
fn store<S: Simd>(s: S, sum: &Lanes<f64>, factor: f64, out: &mut Lanes<f32>) {
    let value = s.mul_d(s.load_d(&sum.0), s.splat_d(factor));
    s.store(s.finite(s.narrow(value)), &mut out.0);
}
