//! The one integration binary: what a user of the crate may rely on.
#![allow(clippy::unwrap_used)] // All of it is test code.

mod breakdown;
mod oracle;
mod properties;
mod reference;
