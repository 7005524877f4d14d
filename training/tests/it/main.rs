//! Integration tests: hostile files, whole rounds of several peers, threads.
#![allow(clippy::unwrap_used)]

mod files;
mod rounds;
mod threads;
