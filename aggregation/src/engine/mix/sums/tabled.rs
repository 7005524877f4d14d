//! Sums of many sets of rows: the sums of all subsets of each four rows are tabled first, and each
//! set adds one entry of each table (the method of the four Russians: Arlazarov et al. 1970).

use super::{in_chains, put};
use crate::engine::column::MOST_ROWS;
use crate::engine::simd::{Kernel, LANES, Lanes, Simd};

/// The sum of some of four rows: bit k of the lower half stands for the k-th one, the upper half for
/// the table.
type Entry = u8;
/// Rows to a table.
const FOUR: usize = 4;
/// Entries of a table.
const SUBSETS: usize = 1 << FOUR;
/// Entries of all tables: as many as an [`Entry`] can name, so that no access is out of bounds.
const ENTRIES: usize = MOST_ROWS / FOUR * SUBSETS;
const _: () = assert!(ENTRIES == 1 << Entry::BITS);
/// The sum of no rows.
const NOTHING: Entry = 0;
/// Additions that fill a table: one for each subset of two rows or more.
const FILLING: usize = SUBSETS - FOUR - 1;

/// The sum of each subset of four rows, for each four.
pub(super) type Tables = [Lanes<f32>; ENTRIES];
/// Tables of no rows.
pub(super) const EMPTY: Tables = [Lanes([-0.0; LANES]); ENTRIES];

/// Which sums to make of the tables.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tabled {
    /// One entry of each table for each sum, four by four.
    entries: Vec<[Entry; 4]>,
    /// Fours to a sum.
    fours: usize,
    tables: usize,
}

impl Tabled {
    /// Additions for these sets of n rows.
    pub(super) const fn additions(sets: &[Vec<usize>], n: usize) -> usize {
        n.div_ceil(FOUR) * (FILLING + sets.len())
    }

    /// For at most [`MOST_ROWS`] rows.
    pub(super) fn new(sets: &[Vec<usize>], n: usize) -> Self {
        let tables = n.div_ceil(FOUR);
        let fours = tables.div_ceil(4);
        let mut entries = Vec::with_capacity(fours * sets.len());
        for set in sets {
            // Past the last table stands the sum of nothing.
            let mut of_set = vec![NOTHING; 4 * fours];
            for (table, entry) in of_set[..tables].iter_mut().enumerate() {
                let subset = set.iter().filter(|&j| j / FOUR == table);
                let subset: usize = subset.map(|j| 1 << (j % FOUR)).sum();
                *entry = (table * SUBSETS + subset) as Entry;
            }
            entries.extend_from_slice(of_set.as_chunks().0);
        }
        Self {
            entries,
            fours,
            tables,
        }
    }

    /// Makes the sums of sixteen columns as keys, each at its place of `first`.
    #[inline(always)]
    pub(super) fn load<S: Simd>(
        &self,
        s: S,
        rows: &[Lanes<f32>; MOST_ROWS],
        tables: &mut Tables,
        first: &[usize],
        keys: &mut [Lanes<i32>],
    ) {
        s.call(Fill {
            rows: &rows.as_chunks().0[..self.tables],
            tables: tables.as_chunks_mut().0,
        });
        s.call(AddEntries {
            sums: self,
            tables,
            first,
            keys,
        });
    }

    /// The sums of one column, by the same additions.
    pub(super) fn column(&self, x: &[f32]) -> Vec<f32> {
        let entry = |(four, entry): (&[f32], &Entry)| {
            let members = four.iter().enumerate();
            let members = members.filter(|(k, _)| entry >> k & 1 == 1);
            members.fold(-0.0, |sum, (_, x)| sum + x)
        };
        let sum = |entries: &[[Entry; 4]]| {
            let entries = entries.as_flattened();
            in_chains(x.chunks(FOUR).zip(entries).map(entry))
        };
        self.entries.chunks_exact(self.fours).map(sum).collect()
    }
}

/// The sums of all subsets of each four rows, added from the first row to the last.
struct Fill<'a> {
    rows: &'a [[Lanes<f32>; FOUR]],
    tables: &'a mut [[Lanes<f32>; SUBSETS]],
}

impl Kernel for Fill<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (rows, table) in self.rows.iter().zip(self.tables) {
            let mut sums = [s.splat(-0.0); SUBSETS];
            for k in 0..FOUR {
                let x = s.load(&rows[k].0);
                let known = 1 << k;
                // The sum of nothing and x is x.
                sums[known] = x;
                for subset in 1..known {
                    sums[known + subset] = s.add(sums[subset], x);
                }
            }
            for subset in 0..SUBSETS {
                s.store(sums[subset], &mut table[subset].0);
            }
        }
    }
}

/// Adds one entry of each table, in four chains again.
struct AddEntries<'a> {
    sums: &'a Tabled,
    tables: &'a Tables,
    /// Where each sum goes.
    first: &'a [usize],
    keys: &'a mut [Lanes<i32>],
}

impl Kernel for AddEntries<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let entries = self.sums.entries.chunks_exact(self.sums.fours);
        for (entries, &first) in entries.zip(self.first) {
            let mut chains = [s.splat(-0.0); 4];
            for four in entries {
                for chain in 0..4 {
                    let sum = s.load(&self.tables[usize::from(four[chain])].0);
                    chains[chain] = s.add(chains[chain], sum);
                }
            }
            put(s, chains, &mut self.keys[first]);
        }
    }
}
