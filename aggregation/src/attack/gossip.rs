//! Attacks on a network of neighbours: each neighbour is sent something else.

use crate::input::Inputs;
use crate::spectrum::top;

/// Dissensus (He, Karimireddy, Jaggi 2022, section 5): drives the honest neighbours apart. What each
/// of `liars` liars sends to the node with the honest row `own`, all weights being equal:
/// x_own - strength / liars * sum over the honest neighbours of (x_j - x_own). The authors take a
/// strength of 1.5. Nothing to send without a liar: the own row.
pub fn dissensus(honest: &Inputs<'_>, own: usize, liars: usize, strength: f64) -> Vec<f32> {
    let rows = honest.rows();
    let own = rows[own.min(rows.len() - 1)];
    let factor = if liars == 0 {
        0.0
    } else {
        strength / liars as f64
    };
    let column = |c: usize| {
        let x = f64::from(own[c]);
        let pull: f64 = rows.iter().map(|row| f64::from(row[c]) - x).sum();
        ((x - factor * pull) as f32).clamp(f32::MIN, f32::MAX)
    };
    (0..honest.dimension()).map(column).collect()
}

/// Spectral heterogeneity (Gaucher, Dieuleveut, Hendrikx, ICML 2025, section 6): drives the honest
/// nodes apart along the slowest mode of their graph. What a liar sends to the honest node `own`:
/// x_own + strength * (v^T X) v_own, where v is the Fiedler vector of the graph of honest nodes, given
/// by `linked`.
pub fn spectral(
    honest: &Inputs<'_>,
    own: usize,
    linked: impl Fn(usize, usize) -> bool,
    strength: f64,
) -> Vec<f32> {
    let n = honest.n();
    let own = own.min(n - 1);
    let fiedler = fiedler(n, linked);
    let column = |c: usize| {
        let rows = honest.rows().iter().zip(&fiedler);
        let mode: f64 = rows.map(|(row, v)| v * f64::from(row[c])).sum();
        let x = f64::from(honest.rows()[own][c]) + strength * mode * fiedler[own];
        (x as f32).clamp(f32::MIN, f32::MAX)
    };
    (0..honest.dimension()).map(column).collect()
}

/// The eigenvector of the second smallest eigenvalue of the graph's Laplacian: the top one of
/// shift (I - 1 1^T / n) - L, whose null direction is that of the constant vectors.
fn fiedler(n: usize, linked: impl Fn(usize, usize) -> bool) -> Vec<f64> {
    let link = |i: usize, j: usize| i != j && (linked(i, j) || linked(j, i));
    let degree = |i: usize| (0..n).filter(|&j| link(i, j)).count() as f64;
    // All eigenvalues of L are at most n.
    let shift = n as f64;
    let entry = |i: usize, j: usize| {
        let laplacian = if i == j {
            degree(i)
        } else {
            -f64::from(u8::from(link(i, j)))
        };
        let identity = f64::from(u8::from(i == j));
        shift * (identity - 1.0 / n as f64) - laplacian
    };
    top(n, entry, None, f64::INFINITY).vector
}
