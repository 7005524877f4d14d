//! Every operation, on awkward values, is bitwise the same on all instruction sets.

use super::{Isa, Kernel, LANES, Simd};

/// The smaller and the larger of each two values, by their keys.
#[inline(always)]
fn ordered<S: Simd>(s: S, a: S::F, b: S::F) -> [[f32; LANES]; 2] {
    let (mut keys, mut out) = ([[0; LANES]; 2], [[0.0; LANES]; 2]);
    s.store_keys(a, &mut keys[0]);
    s.store_keys(b, &mut keys[1]);
    let bounds = [[S::LOWEST; LANES], [S::HIGHEST; LANES]];
    for part in 0..S::PARTS {
        let (a, b) = (s.load_part(&keys[0], part), s.load_part(&keys[1], part));
        let [lowest, highest] = [&bounds[0], &bounds[1]].map(|bound| s.load_part(bound, part));
        let (smaller, larger) = (s.max(s.min(a, b), lowest), s.min(s.max(a, b), highest));
        s.store_values(smaller, part, &mut out[0]);
        s.store_values(larger, part, &mut out[1]);
    }
    out
}

struct Everything<'a> {
    a: &'a [f32; LANES],
    b: &'a [f32; LANES],
}

impl Kernel for Everything<'_> {
    type Out = Vec<u64>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Vec<u64> {
        let mut out = Vec::new();
        let (a, b) = (s.load(self.a), s.load(self.b));
        let (mut by_parts, mut stored) = (s.splat(0.0), [0.0; LANES]);
        for part in 0..S::REGISTERS {
            let (a, b) = (s.load_r(self.a, part), s.load_r(self.b, part));
            let x = s.mul_add_r(a, s.sub_r(a, b), s.splat_r(0.1));
            s.put_r(x, part, &mut by_parts);
            s.store_r(x, part, &mut stored);
        }
        let floats = [
            by_parts,
            s.load(&stored),
            s.add(a, b),
            s.sub(a, b),
            s.mul(a, b),
            s.mul_add(a, b, s.splat(0.1)),
            s.sign(a),
            s.max_abs(a, b),
            s.finite(s.mul(a, b)),
            s.finite(s.add(s.mul(a, s.splat(f32::MAX)), s.mul(b, s.splat(f32::MAX)))),
            s.narrow(s.mul_d(s.widen(a), s.splat_d(1.0 / 3.0))),
        ];
        for x in floats {
            let mut lanes = [0.0; LANES];
            s.store(x, &mut lanes);
            out.extend(lanes.map(|x| u64::from(if x.is_nan() { 0 } else { x.to_bits() })));
        }
        for lanes in ordered(s, a, b) {
            out.extend(lanes.map(|x| u64::from(x.to_bits())));
        }
        let mut keys = [0; LANES];
        s.store_keys(a, &mut keys);
        let same = s.load_values(&keys);
        for x in [
            s.bits(a),
            s.bits(same),
            s.bits(s.floats(s.and_i(s.bits(a), s.bits(b)))),
            s.min_unsigned(s.bits(a), s.bits(b)),
            s.add_i(s.bits(a), s.splat_i(-1)),
        ] {
            let mut lanes = [0; LANES];
            s.store_i(x, &mut lanes);
            out.extend(lanes.map(|x| u64::from(x.cast_unsigned())));
        }
        let (da, db) = (s.widen(a), s.widen(b));
        for x in [
            s.load_wide(self.a),
            s.add_d(da, db),
            s.sub_d(da, db),
            s.if_greater_d(da, db, da, db),
        ] {
            let mut lanes = [0.0; LANES];
            s.store_d(x, &mut lanes);
            out.extend(lanes.map(f64::to_bits));
        }
        s.prefetch(self.a);
        out.push(u64::from(s.any_above(a, b)) + 2 * u64::from(s.any_above(a, a)));
        out.push(u64::from(s.all_at_least(a, b)) + 2 * u64::from(s.all_at_least(a, a)));
        let (x, y) = (s.mul(a, s.splat(1e-8)), s.mul(b, s.splat(1e-8)));
        let square = [
            [x, y, x, x],
            [y, x, y, y],
            [s.add(x, y), x, y, x],
            [x, x, y, s.sub(x, y)],
        ];
        let mut sums = [0.0; LANES];
        s.store(s.sums(&square), &mut sums);
        for (p, row) in square.iter().enumerate() {
            for (q, x) in row.iter().enumerate() {
                let sum: f32 = sums[4 * q + p];
                assert!(s.sum(*x).to_bits() == sum.to_bits() || sum.is_nan());
                out.push(u64::from(if sum.is_nan() { 0 } else { sum.to_bits() }));
            }
        }
        out.push(u64::from(s.sum(s.mul(a, s.splat(1e-8))).to_bits()));
        out
    }
}

#[test]
fn all_instruction_sets_give_the_same_bits() {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let x = f32::from_bits(state ^ (state >> 13));
        if x.is_finite() { x } else { -0.0 }
    };
    for _ in 0..2000 {
        let a: [f32; LANES] = std::array::from_fn(|_| next());
        let b: [f32; LANES] =
            std::array::from_fn(|lane| if lane % 5 == 0 { a[lane] } else { next() });
        let run = |isa: Isa| isa.run(Everything { a: &a, b: &b });
        let all = Isa::available();
        for isa in &all[1..] {
            assert_eq!(run(*isa), run(all[0]), "{isa:?}");
        }
    }
}

/// The smaller and the larger one.
struct Ordered {
    a: f32,
    b: f32,
}

impl Kernel for Ordered {
    type Out = [f32; 2];

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> [f32; 2] {
        ordered(s, s.splat(self.a), s.splat(self.b)).map(|lanes| lanes[LANES - 1])
    }
}

#[test]
fn keys_have_the_total_order_of_floats() {
    let values = [f32::MIN, -1.0, -1e-45, -0.0, 0.0, 1e-45, 1.0, f32::MAX];
    for isa in Isa::available() {
        for a in values {
            for b in values {
                let expected = if a.total_cmp(&b).is_lt() {
                    [a, b]
                } else {
                    [b, a]
                };
                let found = isa.run(Ordered { a, b });
                assert_eq!(
                    found.map(f32::to_bits),
                    expected.map(f32::to_bits),
                    "{isa:?}"
                );
            }
        }
    }
}
