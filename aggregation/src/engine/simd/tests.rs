//! Every operation, on awkward values, is bitwise the same on all instruction sets.

use super::{Isa, Kernel, LANES, Simd};

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
        let floats = [
            s.add(a, b),
            s.sub(a, b),
            s.mul(a, b),
            s.mul_add(a, b, s.splat(0.1)),
            s.value(s.key(a)),
            s.narrow(s.mul_d(s.widen(a), s.splat_d(1.0 / 3.0))),
        ];
        for x in floats {
            let mut lanes = [0.0; LANES];
            s.store(x, &mut lanes);
            out.extend(lanes.map(|x| u64::from(if x.is_nan() { 0 } else { x.to_bits() })));
        }
        let (ka, kb) = (s.key(a), s.key(b));
        for x in [
            ka,
            s.min_i(ka, kb),
            s.max_i(ka, kb),
            s.add_i(ka, s.splat_i(-1)),
            s.bits(s.floats(kb)),
        ] {
            let mut lanes = [0; LANES];
            s.store_i(x, &mut lanes);
            out.extend(lanes.map(|x| u64::from(x.cast_unsigned())));
        }
        let (da, db) = (s.widen(a), s.widen(b));
        for x in [
            s.add_d(da, db),
            s.sub_d(da, db),
            s.if_greater_d(da, db, da, db),
        ] {
            let mut lanes = [0.0; LANES];
            s.store_d(x, &mut lanes);
            out.extend(lanes.map(f64::to_bits));
        }
        s.prefetch(self.a);
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

#[test]
fn keys_have_the_total_order_of_floats() {
    let values = [f32::MIN, -1.0, -1e-45, -0.0, 0.0, 1e-45, 1.0, f32::MAX];
    let s = super::Portable;
    for a in values {
        for b in values {
            let key = |x: f32| s.key([x; LANES])[0];
            assert_eq!(key(a).cmp(&key(b)), a.total_cmp(&b));
        }
    }
}
