//! The tests of the protocol from the outside: bytes, scripts, properties, simulated swarms.

mod forge;
mod model;
mod scripts;
#[cfg(feature = "sim")]
mod sim;
mod swarm;
mod wire;
