//! What this machine can do at best, measured in the same run as the rules: bytes read per second,
//! and vector operations per second that need no memory.

use std::fmt;
use std::hint::black_box;
use std::time::Instant;

use rayon::prelude::*;

/// Operations of one lane that a sweep makes on each of its registers.
const SWEEPS: usize = 200_000;
/// Registers that are independent of each other: enough to hide the latency of each operation, and
/// few enough that AVX2, which has sixteen, keeps the constants in registers too.
const REGISTERS: usize = 12;

/// Rates of all threads together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peak {
    /// Bytes per second of a plain read of the rows.
    pub(crate) read: f64,
    /// Fused multiply-adds of `f32` per second, lanes counted.
    pub(crate) multiply_adds: f64,
    /// Minima of `f32` per second, lanes counted.
    pub(crate) minima: f64,
}

/// Returns what the widest registers of this processor give, if it has wide ones.
#[cfg(target_arch = "x86_64")]
macro_rules! return_widest {
    ($measure:ident($argument:ident)) => {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor was asked.
            return unsafe { avx512::$measure($argument) };
        } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: as above.
            return unsafe { avx2::$measure($argument) };
        }
    };
}

impl Peak {
    pub(crate) fn of(rows: &[&[f32]]) -> Self {
        let bytes = rows.iter().map(|row| 4 * row.len()).sum::<usize>() as f64;
        Self {
            read: bytes / super::seconds(&mut || total(rows)),
            multiply_adds: rate(multiply_adds),
            minima: rate(minima),
        }
    }
}

impl fmt::Display for Peak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [read, multiply_adds, minima] =
            [self.read, self.multiply_adds, self.minima].map(|rate| rate / 1e9);
        write!(
            f,
            "reads {read:.1} GB/s, {multiply_adds:.0} G multiply-adds/s, {minima:.0} G minima/s"
        )
    }
}

/// Reads everything once, as fast as the machine can.
fn total(rows: &[&[f32]]) -> u32 {
    let runs: Vec<&[f32]> = rows.iter().flat_map(|row| row.chunks(1 << 16)).collect();
    runs.into_par_iter().map(read).reduce(|| 0, |a, b| a ^ b)
}

fn read(run: &[f32]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    return_widest!(read(run));
    run.iter().fold(0, |total, x| total ^ x.to_bits())
}

/// Operations per second of `sweep` on all threads at once, the best of five.
fn rate(sweep: fn(usize) -> usize) -> f64 {
    let once = || {
        let start = Instant::now();
        let done: usize = rayon::broadcast(|_| black_box(sweep(black_box(SWEEPS))))
            .into_iter()
            .sum();
        done as f64 / start.elapsed().as_secs_f64()
    };
    (0..5).map(|_| once()).fold(0.0, f64::max)
}

fn multiply_adds(sweeps: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    return_widest!(multiply_adds(sweeps));
    let mut x: [[f32; 4]; REGISTERS] = std::array::from_fn(|i| [i as f32; 4]);
    for _ in 0..sweeps {
        for lanes in &mut x {
            for lane in lanes {
                *lane = *lane * 0.999 + 0.001;
            }
        }
    }
    black_box(x);
    sweeps * REGISTERS * 4
}

fn minima(sweeps: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    return_widest!(minima(sweeps));
    let mut x = [[1.0_f32; 4]; REGISTERS];
    for sweep in 0..sweeps {
        for lanes in &mut x {
            for lane in lanes {
                *lane = lane.min(black_box(sweep) as f32);
            }
        }
    }
    black_box(x);
    sweeps * REGISTERS * 4
}

/// The three measurements with one instruction set.
#[cfg(target_arch = "x86_64")]
macro_rules! with {
    ($set:ident, $features:literal, $lanes:literal, $set1:ident, $fmadd:ident, $min:ident) => {
        mod $set {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch, $fmadd, $min, $set1};
            use std::hint::black_box;

            use super::REGISTERS;

            /// Lines that are asked for before they are read: beyond what the hardware does by itself.
            const AHEAD: usize = 32;

            #[target_feature(enable = $features)]
            pub(super) fn read(run: &[f32]) -> u32 {
                let mut totals = [0; 16];
                for (at, line) in run.as_chunks::<16>().0.iter().enumerate() {
                    if let Some(next) = run.get(16 * (at + AHEAD)) {
                        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(next).cast());
                    }
                    for (total, x) in totals.iter_mut().zip(line) {
                        *total ^= x.to_bits();
                    }
                }
                totals.into_iter().fold(0, |a, b| a ^ b)
            }

            #[target_feature(enable = $features)]
            pub(super) fn multiply_adds(sweeps: usize) -> usize {
                let (a, b) = ($set1(0.999), $set1(0.001));
                let mut x = [a; REGISTERS];
                for _ in 0..sweeps {
                    for x in &mut x {
                        *x = $fmadd(*x, a, b);
                    }
                }
                black_box(x);
                sweeps * REGISTERS * $lanes
            }

            #[target_feature(enable = $features)]
            pub(super) fn minima(sweeps: usize) -> usize {
                // Of floats: many processors have two units for those, and one for integers.
                let mut y = $set1(f32::MAX);
                let mut x = [y; REGISTERS];
                for _ in 0..sweeps {
                    for x in &mut x {
                        *x = $min(*x, y);
                    }
                    // Another value each time, or the compiler would do it once.
                    y = black_box(y);
                }
                black_box(x);
                sweeps * REGISTERS * $lanes
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
with!(
    avx512,
    "avx512f",
    16,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_min_ps
);
#[cfg(target_arch = "x86_64")]
with!(
    avx2,
    "avx2,fma",
    8,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_min_ps
);
