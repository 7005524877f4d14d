//! Sums of sets of at most 64 rows. The scaled rows stand in tables, four rows to each, with room for
//! the sums of all their subsets. A sum adds up entries: its members one by one, or, where many sums
//! differ, one entry of each table, when these were filled before (the method of the four Russians:
//! Arlazarov et al. 1970).

use std::ops::Range;

use super::in_chains;
use crate::engine::ahead::Ahead;
use crate::engine::column::MOST_ROWS;
use crate::engine::mix::part;
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

/// The entry of one row.
const fn single(row: usize) -> usize {
    row / FOUR * SUBSETS + (1 << (row % FOUR))
}

/// Which sums to make.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entries {
    /// What to add for each sum, four by four.
    lists: Vec<[Entry; 4]>,
    /// Fours to a sum.
    fours: usize,
    /// Whether entries stand for more than a row each.
    filled: bool,
}

impl Entries {
    /// The cheaper form for these sets of n rows, of which there are at most [`MOST_ROWS`].
    pub(super) fn new(sets: &[Vec<usize>], n: usize) -> Self {
        let tables = n.div_ceil(FOUR);
        let additions: usize = sets.iter().map(Vec::len).sum();
        let filled = additions > tables * (FILLING + sets.len());
        let list = |set: &Vec<usize>| -> Vec<Entry> {
            if !filled {
                return set.iter().map(|&row| single(row) as Entry).collect();
            }
            let mut entries: Vec<usize> = (0..tables).map(|table| table * SUBSETS).collect();
            for &row in set {
                entries[row / FOUR] += 1 << (row % FOUR);
            }
            entries.into_iter().map(|entry| entry as Entry).collect()
        };
        let lists: Vec<Vec<Entry>> = sets.iter().map(list).collect();
        let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
        let fours = longest.div_ceil(4).max(1);
        let padded = lists.into_iter().flat_map(|mut list| {
            list.resize(4 * fours, NOTHING);
            list.as_chunks().0.to_vec()
        });
        Self {
            lists: padded.collect(),
            fours,
            filled,
        }
    }

    /// Makes the sums of sixteen columns of rows, times `scale`, as keys: each at its place of `first`.
    /// Asks for a line of memory with every fourth row.
    #[inline(always)]
    pub(super) fn load<S: Simd>(
        &self,
        s: S,
        rows: Scaled<'_>,
        first: &[usize],
        keys: &mut [Lanes<i32>],
        tables: &mut Tables,
        ahead: &mut Ahead<'_>,
    ) {
        let used = rows.rows.len().div_ceil(FOUR);
        s.call(Spread {
            rows,
            tables,
            ahead,
        });
        if self.filled {
            s.call(Fill {
                tables: &mut tables.as_chunks_mut().0[..used],
            });
        }
        s.call(AddEntries {
            sums: self,
            tables,
            first,
            keys,
        });
    }

    /// The sums of one column of scaled rows, by the same additions.
    pub(super) fn column(&self, x: &[f32]) -> Vec<f32> {
        let value = |&entry: &Entry| {
            let (table, subset) = (usize::from(entry) / SUBSETS, usize::from(entry) % SUBSETS);
            let four = x.iter().skip(FOUR * table).take(FOUR).enumerate();
            let members = four.filter(|(k, _)| subset >> k & 1 == 1);
            members.fold(-0.0, |sum, (_, x)| sum + x)
        };
        let sum = |list: &[[Entry; 4]]| in_chains(list.as_flattened().iter().map(value));
        self.lists.chunks_exact(self.fours).map(sum).collect()
    }
}

/// Some columns of rows, and the factor of each row.
pub(super) struct Scaled<'a> {
    pub(super) rows: &'a [&'a [f32]],
    pub(super) columns: Range<usize>,
    pub(super) scale: &'a [f32],
}

/// Puts each row, times its factor, in its place of the tables.
struct Spread<'a, 'b> {
    rows: Scaled<'a>,
    tables: &'a mut Tables,
    ahead: &'a mut Ahead<'b>,
}

impl Kernel for Spread<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Scaled {
            rows,
            columns,
            scale,
        } = self.rows;
        for (i, (row, &scale)) in rows.iter().zip(scale).enumerate() {
            if i % 4 == 0 {
                self.ahead.next(s);
            }
            let x = part(s, row, columns.clone());
            let place = &mut self.tables[single(i) % ENTRIES];
            s.store(s.mul(x, s.splat(scale)), &mut place.0);
        }
    }
}

/// Makes the sums of all subsets of each four rows, added from the first row to the last.
struct Fill<'a> {
    tables: &'a mut [[Lanes<f32>; SUBSETS]],
}

impl Kernel for Fill<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for table in self.tables {
            let mut sums = [s.splat(-0.0); SUBSETS];
            for k in 0..FOUR {
                let known = 1 << k;
                sums[known] = s.load(&table[known].0);
                for subset in 1..known {
                    sums[known + subset] = s.add(sums[subset], sums[known]);
                    s.store(sums[known + subset], &mut table[known + subset].0);
                }
            }
        }
    }
}

/// Adds entries in four chains by place modulo 4, so that no addition waits for another.
struct AddEntries<'a> {
    sums: &'a Entries,
    tables: &'a Tables,
    /// Where each sum goes.
    first: &'a [usize],
    keys: &'a mut [Lanes<i32>],
}

impl Kernel for AddEntries<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let lists = self.sums.lists.chunks_exact(self.sums.fours);
        for (list, &first) in lists.zip(self.first) {
            let mut chains = [s.splat(-0.0); 4];
            let Some((four, rest)) = list.split_first() else {
                continue;
            };
            for chain in 0..4 {
                chains[chain] = s.load(&self.tables[usize::from(four[chain])].0);
            }
            for four in rest {
                for chain in 0..4 {
                    let sum = s.load(&self.tables[usize::from(four[chain])].0);
                    chains[chain] = s.add(chains[chain], sum);
                }
            }
            let sum = s.add(s.add(chains[0], chains[1]), s.add(chains[2], chains[3]));
            s.store_keys(s.finite(sum), &mut self.keys[first].0);
        }
    }
}
