//! `spirt-node`: a peer that trains one model together with others.
//!
//! The module map; nothing else lives here.

pub mod aggregate;
pub mod attack;
pub mod blobs;
pub mod buffers;
pub mod checkpoint;
pub mod child;
pub mod cli;
pub mod conduct;
pub mod config;
pub mod control;
pub mod daemon;
pub mod datadir;
pub mod dataset;
pub mod demo;
pub mod driver;
mod early;
pub mod encoding;
pub mod exit;
pub mod fetch;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod identity;
pub mod job;
mod latest;
pub mod model_state;
pub mod output;
mod parts;
pub mod peer;
pub mod swarm;
pub mod telemetry;
pub mod transfer;
pub mod worker;

// What an experiment needs to know what the nodes of a run should come to.
pub use spirt_protocol::Parts;
pub use spirt_training::{DataSpec, Draw, ModelSpec, synthetic::Synthetic};
