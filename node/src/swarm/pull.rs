//! `/spirt/pull/1`: requests and responses over one persistent stream per ordered pair of peers.
//!
//! The asking side opens the stream and sends [`HELLO`]; the serving side answers with [`ACK`].
//! The greeting is needed because a node may drop inbound streams when too many come at once: only
//! a stream that answered is in somebody's hands, otherwise the opener tries again.
//!
//! Then frames, integers big-endian:
//!
//! ```text
//!  length u32 (of the body) | id u32 | kind u8 | body
//! ```
//!
//! Requests are answered in any order, by id.

pub(super) mod client;
pub(super) mod frame;
#[cfg(feature = "fuzz")]
pub(super) mod fuzz;
pub(super) mod server;
mod session;

pub(super) const HELLO: &[u8; 8] = b"spirt-p1";
pub(super) const ACK: &[u8; 8] = b"spirt-a1";
