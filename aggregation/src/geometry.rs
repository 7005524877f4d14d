//! [`Geometry`]: all that a row rule may know of the rows, namely how far they are from each other
//! and from the origin.
//!
//! Every point a rule considers is a combination of rows, y = sum of w_j x_j. With the origin as one
//! more point, weighted so that all weights add up to 1, the squared distance of two such points is
//! -1/2 (u - v)^T D (u - v), where D holds the squared distances. So iterations cost O(n^2) each,
//! whatever d is, and need no row. There are no scalar products with an arbitrary origin: a large
//! common offset of the rows cancels nowhere.
//!
//! One thing does not come out of distances: a row of 1e30 with a weight of 1e-30, as clipping and
//! the geometric median give it, has all its influence in the last digits of its distances. Such
//! rows are *far*, their scalar products are computed apart, and each difference of points is split
//! in a near part, from the distances, and a far part, from these.

use crate::engine::triangle;

/// Squared distances between n points, and their squared norms.
#[derive(Clone, Debug)]
pub(crate) struct Geometry {
    n: usize,
    /// (n + 1) x (n + 1); the origin is the last point.
    squared: Vec<f64>,
    /// The place of each point in the order that breaks ties.
    rank: Vec<usize>,
    far: Option<Far>,
}

/// Points that are much farther from the origin than most.
#[derive(Clone, Debug)]
struct Far {
    /// Which of the n + 1 points.
    is_far: Vec<bool>,
    /// (n + 1) x (n + 1) scalar products.
    dots: Vec<f64>,
}

/// Farther from the origin than this multiple of the median norm is far.
const FAR: f64 = 8.0;

impl Geometry {
    /// From the engine's triangular list: pairs, and squared norms on the diagonal. The points are
    /// `order[0], order[1], ...` of that list, and `order` itself is the rank that breaks ties.
    pub(crate) fn new(order: &[usize], triangular: &[f64]) -> Self {
        let n = order.len();
        let at = |i: usize, j: usize| triangular[triangle(i.max(j), i.min(j))];
        let mut squared = vec![0.0; (n + 1) * (n + 1)];
        for (a, &i) in order.iter().enumerate() {
            for (b, &j) in order.iter().enumerate() {
                if a != b {
                    squared[a * (n + 1) + b] = at(i, j);
                }
            }
            squared[a * (n + 1) + n] = at(i, i);
            squared[n * (n + 1) + a] = at(i, i);
        }
        Self {
            n,
            squared,
            rank: order.to_vec(),
            far: None,
        }
    }

    /// The points that are far, by position.
    pub(crate) fn far(&self) -> Vec<usize> {
        let mut norms: Vec<f64> = (0..self.n).map(|i| self.norm(i)).collect();
        norms.sort_unstable_by(f64::total_cmp);
        let limit = FAR * norms[(self.n - 1) / 2];
        (0..self.n).filter(|&i| self.norm(i) > limit).collect()
    }

    /// The same with the scalar products of the points `far` and all points, n for each.
    pub(crate) fn with_far(mut self, far: &[usize], products: &[f64]) -> Self {
        let n = self.n;
        let mut is_far = vec![false; n + 1];
        let mut dots = vec![0.0; (n + 1) * (n + 1)];
        for i in 0..n {
            for j in 0..n {
                let near = self.squared(i, n) + self.squared(j, n) - self.squared(i, j);
                dots[i * (n + 1) + j] = near / 2.0;
            }
        }
        for (&h, products) in far.iter().zip(products.chunks_exact(n)) {
            is_far[h] = true;
            for (j, &product) in products.iter().enumerate() {
                dots[h * (n + 1) + j] = product;
                dots[j * (n + 1) + h] = product;
            }
        }
        self.far = Some(Far { is_far, dots });
        self
    }

    /// All points but the last.
    pub(crate) fn without_last(&self) -> Self {
        let n = self.n - 1;
        let kept = |i: usize| if i == n { self.n } else { i };
        let at = |at: usize| self.squared(kept(at / (n + 1)), kept(at % (n + 1)));
        Self {
            n,
            squared: (0..(n + 1) * (n + 1)).map(at).collect(),
            rank: self.rank[..n].to_vec(),
            far: self.far.as_ref().map(|far| Far {
                is_far: (0..=n).map(|i| far.is_far[kept(i)]).collect(),
                dots: (0..(n + 1) * (n + 1))
                    .map(|at| far.dots[kept(at / (n + 1)) * (self.n + 1) + kept(at % (n + 1))])
                    .collect(),
            }),
        }
    }

    /// Number of points.
    pub(crate) fn n(&self) -> usize {
        self.n
    }

    /// The squared distance of two points; `n` is the origin.
    pub(crate) fn squared(&self, i: usize, j: usize) -> f64 {
        self.squared[i * (self.n + 1) + j]
    }

    /// The norm of a point.
    pub(crate) fn norm(&self, i: usize) -> f64 {
        self.squared(i, self.n).sqrt()
    }

    /// The place of a point in the order that breaks ties: the caller's row index.
    pub(crate) fn rank(&self, i: usize) -> usize {
        self.rank[i]
    }

    /// The point with this rank.
    pub(crate) fn of_rank(&self, rank: usize) -> Option<usize> {
        self.rank.iter().position(|&r| r == rank)
    }

    /// Whether all points are one and the same.
    pub(crate) fn is_one_point(&self) -> bool {
        (1..self.n).all(|i| self.squared(0, i) == 0.0)
    }

    /// The `count` points with the least key, ties by rank; ascending.
    pub(crate) fn least(&self, count: usize, key: impl Fn(usize) -> f64) -> Vec<usize> {
        let mut all = self.sorted_by(key);
        all.truncate(count);
        all.sort_unstable();
        all
    }

    /// All points by ascending key, ties by rank.
    pub(crate) fn sorted_by(&self, key: impl Fn(usize) -> f64) -> Vec<usize> {
        let keys: Vec<f64> = (0..self.n).map(key).collect();
        let mut all: Vec<usize> = (0..self.n).collect();
        all.sort_by(|&a, &b| {
            let by_key = keys[a].total_cmp(&keys[b]);
            by_key.then(self.rank[a].cmp(&self.rank[b]))
        });
        all
    }

    /// The squared distance from each of the n points and the origin to the point with these
    /// weights; what they lack of 1 is on the origin.
    pub(crate) fn squared_to(&self, weights: &[f64]) -> Vec<f64> {
        let mut affine = weights.to_vec();
        affine.push(rest(1.0 - weights.iter().sum::<f64>()));
        if self.far.is_some() {
            let to = |i: usize| {
                let mut delta = affine.clone();
                delta[i] -= 1.0;
                self.form(&delta)
            };
            return (0..=self.n).map(to).collect();
        }
        let to = self.times(&affine);
        let own: f64 = affine.iter().zip(&to).map(|(w, d)| w * d).sum();
        to.iter().map(|d| (d - own / 2.0).max(0.0)).collect()
    }

    /// D times a vector of n + 1.
    fn times(&self, v: &[f64]) -> Vec<f64> {
        let rows = self.squared.chunks_exact(self.n + 1);
        rows.map(|row| v.iter().zip(row).map(|(w, d)| w * d).sum())
            .collect()
    }

    /// The squared distance of two combinations of the points.
    pub(crate) fn between(&self, a: &[f64], b: &[f64]) -> f64 {
        let mut delta: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        delta.push(rest(-delta.iter().sum::<f64>()));
        self.form(&delta)
    }

    /// The points Y = M X; each mixed row lists n weights. Ranks are those of the mixed rows.
    pub(crate) fn mixed(&self, mixing: &[Vec<f64>], rank: Vec<usize>) -> Self {
        let n = mixing.len();
        let affine: Vec<Vec<f64>> = mixing
            .iter()
            .map(|row| {
                let mut row = row.clone();
                row.push(rest(1.0 - row.iter().sum::<f64>()));
                row
            })
            .chain([(0..=self.n)
                .map(|i| f64::from(u8::from(i == self.n)))
                .collect()])
            .collect();
        let mut squared = vec![0.0; (n + 1) * (n + 1)];
        let times: Vec<Vec<f64>> = affine.iter().map(|row| self.times(row)).collect();
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let own: Vec<f64> = (0..=n).map(|i| product(&times[i], &affine[i])).collect();
        for i in 0..=n {
            for j in 0..i {
                let sum = if self.far.is_some() || affine[i] == affine[j] {
                    let delta = affine[i].iter().zip(&affine[j]).map(|(a, b)| a - b);
                    self.form(&delta.collect::<Vec<_>>())
                } else {
                    (product(&times[i], &affine[j]) - (own[i] + own[j]) / 2.0).max(0.0)
                };
                squared[i * (n + 1) + j] = sum;
                squared[j * (n + 1) + i] = sum;
            }
        }
        let mixed = Self {
            n,
            squared,
            rank,
            far: None,
        };
        let far = mixed.far();
        match &self.far {
            Some(old) if !far.is_empty() => {
                let rows = old.dots.chunks_exact(self.n + 1);
                let rows: Vec<&[f64]> = rows.collect();
                let products = far.iter().flat_map(|&h| {
                    let right: Vec<f64> = rows.iter().map(|row| product(row, &affine[h])).collect();
                    (0..n)
                        .map(|i| product(&right, &affine[i]))
                        .collect::<Vec<_>>()
                });
                let products: Vec<f64> = products.collect();
                mixed.with_far(&far, &products)
            }
            Some(_) | None => mixed,
        }
    }

    /// The squared length of a combination whose weights add up to 0: -1/2 x^T D x.
    fn form(&self, delta: &[f64]) -> f64 {
        let Some(far) = &self.far else {
            return self.near_form(delta);
        };
        // The weights of far points move to the origin; what that leaves out is added as vectors.
        let n = self.n;
        let mut near = delta.to_vec();
        for h in (0..n).filter(|&h| far.is_far[h]) {
            near[n] += near[h];
            near[h] = 0.0;
        }
        let mut sum = self.near_form(&near);
        for h in (0..n).filter(|&h| far.is_far[h] && delta[h] != 0.0) {
            let row = &far.dots[h * (n + 1)..][..n];
            for (j, dot) in row.iter().enumerate() {
                let factor = if far.is_far[j] {
                    delta[j]
                } else {
                    2.0 * near[j]
                };
                sum += delta[h] * factor * dot;
            }
        }
        sum.max(0.0)
    }

    fn near_form(&self, delta: &[f64]) -> f64 {
        let mut sum = 0.0;
        for (i, a) in delta.iter().enumerate() {
            if *a != 0.0 {
                let row = &self.squared[i * (self.n + 1)..][..i];
                let inner: f64 = row.iter().zip(delta).map(|(d, b)| d * b).sum();
                sum -= a * inner;
            }
        }
        sum.max(0.0)
    }
}

/// What weights lack of their sum. Rounding is nothing: it would stand for a step towards the origin,
/// which may be far away.
fn rest(weight: f64) -> f64 {
    if weight.abs() < 1e-12 { 0.0 } else { weight }
}
