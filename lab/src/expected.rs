//! What the nodes should have come to: computed here once more, column by column, from the formula of the vectors.

use std::collections::BTreeMap;
use std::thread;

use anyhow::{Context as _, Result};
use spirt_node::blobs::Packed;
use spirt_node::{Draw, Synthetic, job, peer};

use crate::node::Round;
use crate::swarm::Swarm;

/// Which vectors travelled, and what became of them.
pub(crate) struct Vectors<'a> {
    /// Values of a vector.
    pub(crate) dim: u32,
    pub(crate) seed: u64,
    pub(crate) encoding: &'a str,
    pub(crate) rule: &'a str,
    /// The f of the rule.
    pub(crate) max_byzantine: u16,
    /// A node that multiplies its vectors, and by what.
    pub(crate) shouter: Option<(&'a str, f32)>,
}

/// The digest of the model after each round. `None` for a rule or an encoding that is not computed here: then it only
/// shows whether the nodes came to the same.
pub(crate) fn models(
    vectors: &Vectors<'_>,
    swarm: &Swarm,
) -> Result<Option<BTreeMap<u64, String>>> {
    if vectors.encoding != "f32" {
        return Ok(None);
    }
    let f = usize::from(vectors.max_byzantine);
    let reduce: Reduce = match vectors.rule {
        "mean" => |sorted, _| mean(sorted),
        "trimmed-mean" => |sorted, f| mean(&sorted[f..sorted.len() - f]),
        "median" => |sorted, _| {
            let n = sorted.len();
            f64::midpoint(f64::from(sorted[(n - 1) / 2]), f64::from(sorted[n / 2]))
        },
        _ => return Ok(None),
    };
    let mut params = vec![0.0_f32; usize::try_from(vectors.dim)?];
    let mut updates = 0_u64;
    let mut models = BTreeMap::new();
    for (number, round) in &swarm.rounds {
        let told = round.values().next().context("a round that nobody told")?;
        let rows = vectors.rows(*number, told)?;
        if !rows.is_empty() {
            updates += 1;
            step(&mut params, &rows, reduce, f);
        }
        let mut blob: Vec<u8> = params.iter().flat_map(|x| x.to_le_bytes()).collect();
        blob.extend(updates.to_le_bytes());
        models.insert(*number, Packed::new(blob).root().to_string());
    }
    Ok(Some(models))
}

impl Vectors<'_> {
    /// The vectors that went into a round's update, and by what each is multiplied.
    fn rows(&self, number: u64, told: &Round) -> Result<Vec<(Synthetic, f32)>> {
        let row = |author: &str| {
            let factor = self.shouter.filter(|(name, _)| *name == author);
            let author = peer::from_libp2p(&author.parse()?).context("a foreign key")?;
            let vector = Synthetic::new(&Draw {
                seed: job::seed_key(self.seed),
                round: number,
                salt: author.0,
            });
            Ok((vector, factor.map_or(1.0, |(_, factor)| factor)))
        };
        told.aggregated().map(row).collect()
    }
}

type Reduce = fn(&[f32], usize) -> f64;

/// The optimizer `sgd:lr=1`, on all cores.
fn step(params: &mut [f32], rows: &[(Synthetic, f32)], reduce: Reduce, f: usize) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = params.len().div_ceil(threads);
    thread::scope(|scope| {
        for (part, params) in params.chunks_mut(share).enumerate() {
            scope.spawn(move || {
                let mut column = vec![0.0_f32; rows.len()];
                for (i, param) in ((part * share) as u64..).zip(params) {
                    for (value, (vector, factor)) in column.iter_mut().zip(rows) {
                        *value = factor * vector.value(i);
                    }
                    column.sort_unstable_by(f32::total_cmp);
                    *param -= reduce(&column, f) as f32;
                }
            });
        }
    });
}

/// Values on the grid of 2^-23 have exact sums, so that the order does not matter.
fn mean(values: &[f32]) -> f64 {
    let sum: f64 = values.iter().copied().map(f64::from).sum();
    sum * (1.0 / values.len() as f64)
}
