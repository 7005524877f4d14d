//! The small kernel against candle's, and its derivatives.

use candle_core::{Device, Var};
use proptest::prelude::*;

use super::*;

fn matrix(rows: usize, columns: usize, salt: usize) -> Var {
    let values: Vec<f32> = (0..rows * columns)
        .map(|at| ((at * 37 + salt * 11) % 19) as f32 / 19.0 - 0.4)
        .collect();
    Var::from_vec(values, (rows, columns), &Device::Cpu).unwrap()
}

fn far(a: &Tensor, b: &Tensor) -> f32 {
    (a - b)
        .unwrap()
        .abs()
        .unwrap()
        .max_all()
        .unwrap()
        .to_scalar()
        .unwrap()
}

proptest! {
    #[test]
    fn small_products_and_their_derivatives_agree_with_candle(
        rows in 1_usize..12, inner in 1_usize..40, columns in 1_usize..12,
    ) {
        // `b` comes in transposed, as weights do.
        let (a, b) = (matrix(rows, inner, 1), matrix(columns, inner, 2));
        let ours = product(&a, &b.t().unwrap()).unwrap();
        let theirs = a.matmul(&b.t().unwrap()).unwrap();
        prop_assert!(far(&ours, &theirs) < 1e-5);
        let ours = ours.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        let theirs = theirs.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        for var in [&a, &b] {
            prop_assert!(far(ours.get(var).unwrap(), theirs.get(var).unwrap()) < 1e-3);
        }
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    assert!(product(&matrix(2, 3, 0), &matrix(2, 3, 0)).is_err());
}
