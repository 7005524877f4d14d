//! The row rules: from the distances between the rows to a weight for each of them.
//!
//! A rule in here reads a [`Geometry`](crate::geometry::Geometry) and gives back [`Weights`]; it never sees a coordinate. All
//! sums run in the order of the points, which does not depend on the caller's order of the rows, and
//! every loop has a bound that is written beside it.

pub(crate) mod caf;
pub(crate) mod clip;
pub(crate) mod gossip;
pub(crate) mod krum;
pub(crate) mod median;
pub(crate) mod nearest;
pub(crate) mod subset;
#[cfg(test)]
mod tests;

/// What a row rule decided.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weights {
    /// One weight per point. They add up to at most 1; the rest is on the origin.
    pub(crate) weights: Vec<f64>,
    /// The rule's score of each point, lower is better, if it has one.
    pub(crate) scores: Option<Vec<f64>>,
}

impl Weights {
    /// The same weight for each chosen point.
    pub(crate) fn chosen(n: usize, chosen: &[usize], scores: Option<Vec<f64>>) -> Self {
        let mut weights = vec![0.0; n];
        for &point in chosen {
            weights[point] = 1.0 / chosen.len() as f64;
        }
        Self { weights, scores }
    }
}
