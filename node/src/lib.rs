//! `spirt-node`: a peer that trains one model together with others.
//!
//! The module map; nothing else lives here.

pub mod cli;
pub mod config;
pub mod control;
pub mod daemon;
pub mod datadir;
pub mod demo;
pub mod identity;
pub mod swarm;
pub mod telemetry;
