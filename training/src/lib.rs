//! Training for one peer: data sets, shards, models, local steps, optimizers.
//!
//! What this crate owns: the way from a data set to a flat `f32` vector that a peer contributes, and from an agreed
//! aggregate to new parameters. It knows nothing of peers' messages, of aggregation rules, of async or of clocks. Only
//! the loaders below [`data`] read files.
//!
//! One round, seen from here:
//! 1. [`shard::shard`] says which blocks of the training part this peer trains on;
//! 2. [`Engine::train`] takes [`LocalSteps`] from the agreed parameters and returns the displacement vector;
//! 3. someone aggregates the vectors of all peers;
//! 4. [`Optimizer::apply`] turns the aggregate into new parameters, and [`Engine::load`] takes them in.
//!
//! # What is bit-identical where
//! | what | guarantee |
//! |---|---|
//! | initial parameters, batches drawn, shards, splits, digests | same bits on every machine |
//! | [`Optimizer::apply`] | same bits on every machine (plain `f32` operations in a fixed order) |
//! | [`Engine::gradient`], [`Engine::train`], [`Engine::evaluate`] | same bits on one machine, for any number of threads; across machines equal up to rounding |
//!
//! Peers thus may compute slightly different contributions from the same batch, but never different parameters
//! from the same aggregates.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod data;
pub mod engine;
pub mod error;
pub mod model;
pub mod momentum;
pub mod optimizer;
pub mod shard;
mod stream;
pub mod synthetic;
mod text;

pub use data::{DataSet, DataSpec, Shape, Split};
pub use engine::{
    Batch, CandleEngine, Draw, Engine, Evaluation, Gradient, LocalSteps, LocalUpdate,
};
pub use error::{
    ContentsError, DataError, EngineError, ModelError, OptimizerError, ShardError, SpecError,
};
pub use model::{Layout, ModelSpec, ParamTensor};
pub use momentum::WorkerMomentum;
pub use optimizer::{Optimizer, OptimizerSpec};
pub use shard::{BlockId, DEFAULT_BLOCKS, Shard};
