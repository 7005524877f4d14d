//! Bytes: golden files, round trips, and everything that a hostile peer may send instead.

mod golden;
mod hostile;
mod proof;
mod roundtrip;
