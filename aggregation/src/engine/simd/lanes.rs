//! What can be done with sixteen lanes, whatever the instruction set.

/// Logical lanes of every instruction set, and so part of each result's definition.
pub(crate) const LANES: usize = 16;

/// Sixteen values in memory that a register loads at once: aligned, so that no load straddles two
/// cache lines.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Lanes<T>(pub(crate) [T; LANES]);

/// Sixteen lanes of `f32` (`F`), and registers of them (`R`).
pub(crate) trait Floats: Copy {
    /// Sixteen `f32`.
    type F: Copy;
    /// A register of `f32`: sixteen of them, or a part.
    type R: Copy;
    /// How many of `R` make up sixteen lanes. Of one, the processor's hold 4 x 4 running sums; else 4 x 3 of each part.
    const REGISTERS: usize;
    /// Rows from which it pays to copy them to where sixteen values are a cache line, before the products of all pairs: a
    /// load that straddles two lines may take twice as long as another.
    const COPIES_PAY_FROM: usize;

    fn load(self, x: &[f32; LANES]) -> Self::F;
    fn store(self, x: Self::F, to: &mut [f32; LANES]);
    fn splat(self, x: f32) -> Self::F;
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, rounded once.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;

    /// A part of the lanes, which is below `REGISTERS`.
    fn load_r(self, x: &[f32; LANES], part: usize) -> Self::R;
    /// Writes a part of the lanes.
    fn store_r(self, x: Self::R, part: usize, to: &mut [f32; LANES]);
    /// Puts a part into its place.
    fn put_r(self, x: Self::R, part: usize, to: &mut Self::F);
    fn splat_r(self, x: f32) -> Self::R;
    fn sub_r(self, a: Self::R, b: Self::R) -> Self::R;
    /// `a * b + c`, rounded once.
    fn mul_add_r(self, a: Self::R, b: Self::R, c: Self::R) -> Self::R;

    /// The sum of the lanes, as a tree: lane l with lane l + 8, then + 4, + 2, + 1.
    fn sum(self, x: Self::F) -> f32;
    /// The same of a square of vectors: that of `x[p][q]` in lane `4 * q + p`.
    #[inline(always)]
    fn sums(self, x: &[[Self::F; 4]; 4]) -> Self::F {
        let mut out = [0.0; LANES];
        for p in 0..4 {
            for q in 0..4 {
                out[4 * q + p] = self.sum(x[p][q]);
            }
        }
        self.load(&out)
    }

    /// The nearest finite number: what was rounded past the largest float is that float, and so is
    /// NaN, the sum of infinities.
    fn finite(self, x: Self::F) -> Self::F;
    /// -1, 0 or 1; both zeros have the sign 0.
    fn sign(self, x: Self::F) -> Self::F;
    /// Whether `a > b` in any lane.
    fn any_above(self, a: Self::F, b: Self::F) -> bool;
    /// Whether `a >= b` in all lanes; not so beside NaN.
    fn all_at_least(self, a: Self::F, b: Self::F) -> bool;
    /// The larger magnitude of two.
    fn max_abs(self, a: Self::F, b: Self::F) -> Self::F;
}

/// Floats in a form in which they are quickly compared by their total order.
pub(crate) trait SortKeys: Floats {
    /// Some keys.
    type K: Copy;
    /// How many of `K` make up sixteen lanes. Who needs all registers for keys goes by parts.
    const PARTS: usize;
    /// Whether a `K` is a register, so that keys stay in some.
    const KEYS_IN_REGISTERS: bool;
    /// A key that is above none of a finite number, as it stands in memory.
    const LOWEST: i32;
    /// A key that is below none of a finite number.
    const HIGHEST: i32;

    /// The keys of floats that are not NaN; [`SortKeys::load_values`] takes them back.
    fn store_keys(self, x: Self::F, to: &mut [i32; LANES]);
    fn load_values(self, keys: &[i32; LANES]) -> Self::F;
    /// A part of the keys, which is below `PARTS`.
    fn load_part(self, keys: &[i32; LANES], part: usize) -> Self::K;
    /// Writes a part of the keys.
    fn store_part(self, keys: Self::K, part: usize, to: &mut [i32; LANES]);
    /// Writes the values of a part of the keys to the same part.
    fn store_values(self, keys: Self::K, part: usize, to: &mut [f32; LANES]);
    /// The smaller keys in the order of [`f32::total_cmp`].
    fn min(self, a: Self::K, b: Self::K) -> Self::K;
    fn max(self, a: Self::K, b: Self::K) -> Self::K;
}

/// The bits of sixteen `f32`, as integers.
pub(crate) trait Bits: Floats {
    /// Sixteen `i32`.
    type I: Copy;

    /// The bits as integers.
    fn bits(self, x: Self::F) -> Self::I;
    /// The bits as floats.
    fn floats(self, x: Self::I) -> Self::F;
    fn splat_i(self, x: i32) -> Self::I;
    fn and_i(self, a: Self::I, b: Self::I) -> Self::I;
    /// Wraps around.
    fn add_i(self, a: Self::I, b: Self::I) -> Self::I;
    /// The smaller one, taken as unsigned.
    fn min_unsigned(self, a: Self::I, b: Self::I) -> Self::I;
    fn load_i(self, x: &[i32; LANES]) -> Self::I;
    fn store_i(self, x: Self::I, to: &mut [i32; LANES]);
}

/// Sixteen lanes of `f64`.
pub(crate) trait Doubles: Floats {
    /// Sixteen `f64`.
    type D: Copy;

    fn widen(self, x: Self::F) -> Self::D;
    /// Loads and widens: often one instruction.
    fn load_wide(self, x: &[f32; LANES]) -> Self::D;
    /// Rounds to the nearest `f32`, ties to even.
    fn narrow(self, x: Self::D) -> Self::F;
    fn splat_d(self, x: f64) -> Self::D;
    fn add_d(self, a: Self::D, b: Self::D) -> Self::D;
    fn sub_d(self, a: Self::D, b: Self::D) -> Self::D;
    fn mul_d(self, a: Self::D, b: Self::D) -> Self::D;
    /// Lane by lane: `x` where `a > b`, else `y`.
    fn if_greater_d(self, a: Self::D, b: Self::D, x: Self::D, y: Self::D) -> Self::D;
    fn load_d(self, x: &[f64; LANES]) -> Self::D;
    fn store_d(self, x: Self::D, to: &mut [f64; LANES]);
}
