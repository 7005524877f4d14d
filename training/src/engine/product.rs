//! Matrix products that suit small models. Owns the choice of the kernel and one plain kernel; it knows no models.
//!
//! candle 0.11 asks the operating system for the number of cores at each product (on Linux it reads /proc/cpuinfo), which
//! costs more than a small product itself: a local update of the default model took 5.5 ms with it and takes 1.7 to 2.7 ms
//! without. So small products run here, on the calling thread; large ones run in candle.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

#[cfg(test)]
mod tests;

/// Products of at most that many multiplications run here. Depends on sizes only, so results repeat.
const SMALL: usize = 1 << 20;

/// `a` (m, k) times `b` (k, n) -> (m, n), differentiable.
pub(super) fn product(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let ((rows, inner), (_, columns)) = (a.dims2()?, b.dims2()?);
    if rows.saturating_mul(inner).saturating_mul(columns) > SMALL {
        return a.matmul(b);
    }
    a.contiguous()?.apply_op2(&b.contiguous()?, SmallProduct)
}

struct SmallProduct;

impl CustomOp2 for SmallProduct {
    fn name(&self) -> &'static str {
        "small-product"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((rows, inner), (depth, columns)) =
            (a_layout.shape().dims2()?, b_layout.shape().dims2()?);
        let (Some(a_range), Some(b_range)) =
            (a_layout.contiguous_offsets(), b_layout.contiguous_offsets())
        else {
            bail!("a small product takes contiguous tensors");
        };
        if inner != depth {
            bail!("a product of {rows}x{inner} and {depth}x{columns}");
        }
        let a = &a.as_slice::<f32>()?[a_range.0..a_range.1];
        let b = &b.as_slice::<f32>()?[b_range.0..b_range.1];
        let result = multiply(a, b, rows, inner, columns);
        Ok((CpuStorage::F32(result), (rows, columns).into()))
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        _result: &Tensor,
        slope: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let to_a = a.track_op().then(|| product(slope, &b.t()?)).transpose()?;
        let to_b = b.track_op().then(|| product(&a.t()?, slope)).transpose()?;
        Ok((to_a, to_b))
    }
}

/// Row-major; each sum in the order of the inner index. Four terms per pass over a row of the result save memory traffic.
fn multiply(a: &[f32], b: &[f32], rows: usize, inner: usize, columns: usize) -> Vec<f32> {
    let mut result = vec![0.0_f32; rows * columns];
    if inner == 0 || columns == 0 {
        return result;
    }
    for (sums, factors) in result.chunks_exact_mut(columns).zip(a.chunks_exact(inner)) {
        let mut quads = factors.chunks_exact(4);
        let mut lines = b.chunks_exact(4 * columns);
        for (quad, block) in quads.by_ref().zip(lines.by_ref()) {
            let (first, rest) = block.split_at(columns);
            let (second, rest) = rest.split_at(columns);
            let (third, fourth) = rest.split_at(columns);
            let terms = first.iter().zip(second).zip(third).zip(fourth);
            for (sum, (((one, two), three), four)) in sums.iter_mut().zip(terms) {
                let partial = *sum + quad[0] * one + quad[1] * two;
                *sum = partial + quad[2] * three + quad[3] * four;
            }
        }
        let left = lines.remainder().chunks_exact(columns);
        for (factor, line) in quads.remainder().iter().zip(left) {
            for (sum, value) in sums.iter_mut().zip(line) {
                *sum += factor * value;
            }
        }
    }
    result
}
