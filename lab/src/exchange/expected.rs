//! What the nodes should have come to: computed here once more, column by column, from the formula of the vectors.

use std::collections::BTreeMap;
use std::thread;

use anyhow::{Context as _, Result};
use spirt_node::blobs::Packed;
use spirt_node::{Draw, Synthetic, job, peer};

use super::{Args, Swarm};

/// The digest of the model after each round. `None` for a rule or an encoding that is not computed here: then it only
/// shows whether the nodes came to the same.
pub(super) fn models(args: &Args, swarm: &Swarm) -> Result<Option<BTreeMap<u64, String>>> {
    if args.encoding != "f32" {
        return Ok(None);
    }
    let liars = usize::from(args.liars());
    let reduce: Reduce = match args.rule.as_str() {
        "mean" => |sorted, _| mean(sorted),
        "trimmed-mean" => |sorted, liars| mean(&sorted[liars..sorted.len() - liars]),
        "median" => |sorted, _| {
            let n = sorted.len();
            f64::midpoint(f64::from(sorted[(n - 1) / 2]), f64::from(sorted[n / 2]))
        },
        _ => return Ok(None),
    };
    let mut params = vec![0.0_f32; usize::try_from(args.dim.get())?];
    let mut updates = 0_u64;
    let mut models = BTreeMap::new();
    for (number, round) in &swarm.rounds {
        let told = round.values().next().context("a round that nobody told")?;
        let vectors: Result<Vec<Synthetic>> = told
            .authors()
            .map(|author| {
                let author = peer::from_libp2p(&author.parse()?).context("a foreign key")?;
                Ok(Synthetic::new(&Draw {
                    seed: job::seed_key(args.seed),
                    round: *number,
                    salt: author.0,
                }))
            })
            .collect();
        let vectors = vectors?;
        if !vectors.is_empty() {
            updates += 1;
            step(&mut params, &vectors, reduce, liars);
        }
        let mut blob: Vec<u8> = params.iter().flat_map(|x| x.to_le_bytes()).collect();
        blob.extend(updates.to_le_bytes());
        models.insert(*number, Packed::new(blob).root().to_string());
    }
    Ok(Some(models))
}

type Reduce = fn(&[f32], usize) -> f64;

/// The optimizer `sgd:lr=1`, on all cores.
fn step(params: &mut [f32], vectors: &[Synthetic], reduce: Reduce, liars: usize) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = params.len().div_ceil(threads);
    thread::scope(|scope| {
        for (part, params) in params.chunks_mut(share).enumerate() {
            scope.spawn(move || {
                let mut column = vec![0.0_f32; vectors.len()];
                for (i, param) in ((part * share) as u64..).zip(params) {
                    for (value, vector) in column.iter_mut().zip(vectors) {
                        *value = vector.value(i);
                    }
                    column.sort_unstable_by(f32::total_cmp);
                    *param -= reduce(&column, liars) as f32;
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
