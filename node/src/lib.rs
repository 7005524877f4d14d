//! To be written.
pub mod swarm;
