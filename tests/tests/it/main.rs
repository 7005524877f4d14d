//! Faults on real nodes: modules `process` and `scenarios` on this machine, `network` in namespaces,
//! `docker` in containers.

mod docker;
mod network;
mod process;
mod scenarios;
