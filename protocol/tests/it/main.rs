//! The tests of the protocol from the outside: bytes, scripts, properties, simulated swarms.

mod forge;
#[cfg(feature = "fuzz")]
mod fuzz;
mod model;
mod scripts;
#[cfg(feature = "sim")]
mod sim;
mod swarm;
mod wire;
