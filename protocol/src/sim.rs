//! A whole swarm of machines in virtual time, from one seed.
//!
//! Each node is a real [`RoundMachine`](crate::RoundMachine) with real keys and real frames. The
//! network, the disk, the payloads and the model are stand-ins: a model is the hash of what was
//! aggregated into it, so two nodes hold the same model exactly if they aggregated the same.
//!
//! A [`Scenario`] is drawn from a [`Kind`] and a seed: how many peers, how lossy and slow the
//! network, who crashes, lies or stands still, and when. [`run`] plays it and either grades it
//! ([`Grade`]) or names the [`Violation`], which [`shrink()`] brings down to few causes. The same kind
//! and seed give the same run, event by event.

mod caller;
mod draw;
mod faults;
mod forgery;
mod judge;
mod liar;
mod network;
mod node;
mod payloads;
mod queue;
mod scenario;
mod shrink;
mod watch;
mod world;

pub use crate::machine::Mutation;
pub use draw::Kind;
pub use liar::Lie;
pub use scenario::{Fault, Scenario};
pub use shrink::shrink;
pub use watch::{Grade, Violation};
pub use world::{run, run_traced};
