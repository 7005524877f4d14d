//! Faults on real nodes: module `process` on this machine, module `docker` in containers.

mod docker;
mod process;
