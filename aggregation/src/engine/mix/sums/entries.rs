//! Sums of sets of at most 64 rows. The scaled rows stand in tables, one, two or four rows to each, with room for
//! the sums of all their subsets. A sum adds up entries: its members one by one, or, where many sums
//! differ, one entry of each table (the method of the four Russians: Arlazarov et al. 1970).

use super::in_chains;
use crate::engine::ahead::Ahead;
use crate::engine::column::MOST_ROWS;
use crate::engine::mix::SUMMED_A_FOUR;
use crate::engine::run::{self, Run};
use crate::engine::simd::{Kernel, LANES, Lanes, Simd};

/// The sum of some rows of a table: bit k of the lower bits, as many as the table has rows, stands for the k-th one, the upper
/// bits for the table.
type Entry = u8;
/// Entries of all tables: as many as an [`Entry`] can name, so that no access is out of bounds.
const ENTRIES: usize = (MOST_ROWS / 4) << 4;
const _: () = assert!(ENTRIES == 1 << Entry::BITS);
/// The sum of no rows.
const NOTHING: Entry = 0;

/// The sum of each subset of the rows of a table, for each table.
pub(super) type Tables = [Lanes<f32>; ENTRIES];
/// Tables of no rows.
pub(super) const EMPTY: Tables = [Lanes([-0.0; LANES]); ENTRIES];

/// Some of the entries of a table: bit b stands for the one whose lower bits are b.
type Wanted = u16;

/// How many rows a table has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Height {
    One = 1,
    Two = 2,
    Four = 4,
}

impl Height {
    /// The entries that add up to the sum of these of n rows.
    fn list(self, set: &[usize], n: usize) -> Vec<Entry> {
        let height = self as usize;
        let single = |row: usize| ((row / height) << height) + (1 << (row % height));
        if self == Self::One {
            return set.iter().map(|&row| single(row) as Entry).collect();
        }
        let tables = 0..n.div_ceil(height);
        let mut entries: Vec<usize> = tables.map(|table| table << height).collect();
        for &row in set {
            entries[row / height] |= single(row);
        }
        entries.into_iter().map(|entry| entry as Entry).collect()
    }

    /// The entries of each table that are in some list.
    fn wanted(self, lists: &[Vec<Entry>], n: usize) -> Vec<Wanted> {
        let height = self as usize;
        let mut wanted = vec![0; n.div_ceil(height)];
        for entry in lists.iter().flatten().map(|&entry| usize::from(entry)) {
            wanted[entry >> height] |= 1 << (entry % (1 << height));
        }
        wanted
    }

    /// What these sums of n rows cost: entries written, and entries added up.
    fn cost(self, sets: &[Vec<usize>], n: usize) -> usize {
        let height = self as usize;
        let entries = n.div_ceil(height) * ((1 << height) - 1);
        let terms = |set: &Vec<usize>| self.list(set, n).len().next_multiple_of(4);
        entries + sets.iter().map(terms).sum::<usize>()
    }
}

/// Which sums to make.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entries {
    height: Height,
    /// What to add for each sum, four by four.
    lists: Vec<[Entry; 4]>,
    /// Fours to a sum.
    fours: usize,
    /// The entries of each table that occur, as bits.
    wanted: Vec<Wanted>,
}

impl Entries {
    /// The cheapest form for these sets of n rows, of which there are at most [`MOST_ROWS`].
    pub(super) fn new(sets: &[Vec<usize>], n: usize) -> Self {
        let mut height = Height::One;
        for other in [Height::Two, Height::Four] {
            if other.cost(sets, n) < height.cost(sets, n) {
                height = other;
            }
        }
        let lists: Vec<Vec<Entry>> = sets.iter().map(|set| height.list(set, n)).collect();
        let wanted = height.wanted(&lists, n);
        let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
        let fours = longest.div_ceil(4).max(1);
        let padded = lists.into_iter().flat_map(|mut list| {
            list.resize(4 * fours, NOTHING);
            list.as_chunks().0.to_vec()
        });
        Self {
            height,
            lists: padded.collect(),
            fours,
            wanted,
        }
    }

    /// Makes the sums of sixteen columns of rows, times their scale, as keys: each so many `times`, side by side.
    /// Asks for lines of memory as [`Mixer::load`](crate::engine::mix::Mixer::load) does.
    #[inline(always)]
    pub(super) fn load<S: Simd>(
        &self,
        s: S,
        rows: Scaled<'_>,
        times: &[usize],
        keys: &mut [Lanes<i32>],
        tables: &mut Tables,
        ahead: &mut Ahead<'_>,
    ) {
        match self.height {
            Height::One => s.call(Fill::<1, 2> {
                rows,
                tables,
                wanted: &self.wanted,
                ahead,
            }),
            Height::Two => s.call(Fill::<2, 4> {
                rows,
                tables,
                wanted: &self.wanted,
                ahead,
            }),
            Height::Four => s.call(Fill::<4, 16> {
                rows,
                tables,
                wanted: &self.wanted,
                ahead,
            }),
        }
        s.call(AddEntries {
            sums: self,
            tables,
            times,
            keys,
        });
    }

    /// The sums of one column of scaled rows, by the same additions.
    pub(super) fn column(&self, x: &[f32]) -> Vec<f32> {
        let height = self.height as usize;
        let value = |&entry: &Entry| {
            let first = (usize::from(entry) >> height) * height;
            let table = x.iter().skip(first).take(height).enumerate();
            let members = table.filter(|(k, _)| entry >> k & 1 == 1);
            members.fold(-0.0, |sum, (_, x)| sum + x)
        };
        let sum = |list: &[[Entry; 4]]| in_chains(list.as_flattened().iter().map(value));
        self.lists.chunks_exact(self.fours).map(sum).collect()
    }
}

/// A vector of each run, and the factor of each row.
pub(super) struct Scaled<'a> {
    pub(super) runs: &'a [&'a Run],
    pub(super) at: usize,
    pub(super) scale: &'a [f32],
}

/// Makes the sums of all subsets of the rows of each table, times their factors, added from the first row to the last. A table
/// has `HEIGHT` rows and `SUBSETS` = 2^`HEIGHT` entries.
struct Fill<'a, 'b, const HEIGHT: usize, const SUBSETS: usize> {
    rows: Scaled<'a>,
    tables: &'a mut Tables,
    wanted: &'a [Wanted],
    ahead: &'a mut Ahead<'b>,
}

impl<const HEIGHT: usize, const SUBSETS: usize> Kernel for Fill<'_, '_, HEIGHT, SUBSETS> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Scaled { runs, at, scale } = self.rows;
        let tables = self.tables.as_chunks_mut::<SUBSETS>().0;
        let rows = runs.chunks(HEIGHT).zip(scale.chunks(HEIGHT));
        let tables = tables.iter_mut().zip(self.wanted);
        for (i, ((table, &wanted), (runs, scale))) in tables.zip(rows).enumerate() {
            if ((i + 1) * HEIGHT).is_multiple_of(SUMMED_A_FOUR) {
                self.ahead.next(s);
            }
            let mut sums = [s.splat(-0.0); SUBSETS];
            for k in 0..HEIGHT {
                let known = 1 << k;
                if let (Some(run), Some(&scale)) = (runs.get(k), scale.get(k)) {
                    sums[known] = s.mul(run::load(s, run, at), s.splat(scale));
                }
                for subset in 1..known {
                    sums[known + subset] = s.add(sums[subset], sums[known]);
                }
            }
            for subset in 1..SUBSETS {
                // Of three entries hardly one is not wanted, and then asking costs more than storing.
                if HEIGHT < 4 || wanted >> subset & 1 == 1 {
                    s.store(sums[subset], &mut table[subset].0);
                }
            }
        }
    }
}

/// Makes the sums, and stores each so many `times`.
struct AddEntries<'a> {
    sums: &'a Entries,
    tables: &'a Tables,
    times: &'a [usize],
    keys: &'a mut [Lanes<i32>],
}

impl Kernel for AddEntries<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (fours, mut lists) = (self.sums.fours, self.sums.lists.as_slice());
        // Lists whose length the compiler knows need no loop.
        match fours {
            1 => self.add(s, lists.as_chunks::<1>().0.iter().map(<[_; 1]>::as_slice)),
            2 => self.add(s, lists.as_chunks::<2>().0.iter().map(<[_; 2]>::as_slice)),
            4 => self.add(s, lists.as_chunks::<4>().0.iter().map(<[_; 4]>::as_slice)),
            // Not `chunks_exact`: that divides, and sixteen columns take not much longer.
            _ => self.add(
                s,
                std::iter::from_fn(move || {
                    let (list, others) = lists.split_at_checked(fours)?;
                    lists = others;
                    Some(list)
                }),
            ),
        }
    }
}

impl<'a> AddEntries<'a> {
    #[inline(always)]
    fn add<S: Simd>(self, s: S, lists: impl Iterator<Item = &'a [[Entry; 4]]>) {
        let mut keys = self.keys.iter_mut();
        for (list, &times) in lists.zip(self.times) {
            let sum = add_list(s, self.tables, list);
            for key in keys.by_ref().take(times) {
                s.store_keys(sum, &mut key.0);
            }
        }
    }
}

/// Adds entries in four chains by place modulo 4, so that no addition waits for another; keeps the sum finite.
#[inline(always)]
fn add_list<S: Simd>(s: S, tables: &Tables, list: &[[Entry; 4]]) -> S::F {
    let mut chains = [s.splat(-0.0); 4];
    if let Some((four, rest)) = list.split_first() {
        for chain in 0..4 {
            chains[chain] = s.load(&tables[usize::from(four[chain])].0);
        }
        for four in rest {
            for chain in 0..4 {
                let sum = s.load(&tables[usize::from(four[chain])].0);
                chains[chain] = s.add(chains[chain], sum);
            }
        }
    }
    let sum = s.add(s.add(chains[0], chains[1]), s.add(chains[2], chains[3]));
    s.finite(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_sums_differ_the_higher_the_tables_and_the_sums_are_those_of_the_members() {
        for (n, sets, height) in [
            (8, 1, Height::One),
            (8, 8, Height::Two),
            (16, 16, Height::Four),
            (61, 61, Height::Four),
        ] {
            // Set i leaves out a quarter of the rows, from row i on.
            let out = |i: usize, row: usize| (row + n - i) % n < n / 4;
            let set = |i| (0..n).filter(|&row| !out(i, row)).collect();
            let sets: Vec<Vec<usize>> = (0..sets).map(set).collect();
            let entries = Entries::new(&sets, n);
            assert_eq!(entries.height, height, "{n} rows");
            let x: Vec<f32> = (0..n).map(|row| row as f32).collect();
            let expected: Vec<usize> = sets.iter().map(|set| set.iter().sum()).collect();
            let expected: Vec<f32> = expected.into_iter().map(|sum| sum as f32).collect();
            assert_eq!(entries.column(&x), expected, "{n} rows");
        }
    }
}
