//! The tests of the protocol from the outside: bytes, scripts, properties, simulated swarms.

mod forge;
mod model;
//mod scripts;
//cfgsim
//mod sim;
mod swarm;
mod wire;
