//! The `spirt-node` binary.
fn main() {}
