//! The one integration binary: what a user of the crate may rely on.
#![allow(clippy::unwrap_used)] // All of it is test code.

mod breakdown;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod inlined;
mod oracle;
mod properties;
mod reference;
