//! Swarms of real processes and containers, and what can befall them.
//!
//! A test starts nodes, does something to them, and waits for what they say. It never sleeps: every
//! wait is for an event, with a deadline that says what did not happen. What a node wrote to
//! stderr is kept, and shown when the test fails.
//!
//! | verb | what happens to the node |
//! |---|---|
//! | [`kill`](node::Node::kill) | it dies at once, as by `kill -9`: no goodbye, no last checkpoint |
//! | [`stop`](node::Node::stop) | it stands still, as by SIGSTOP: its sockets stay open, it says nothing |
//! | [`cont`](node::Node::cont) | it goes on from where it was stopped |
//! | [`leave`](node::Node::leave) | it is asked to leave, as by Ctrl+C or `docker stop`: goodbye, checkpoint, exit |
//! | [`restart`](cluster::Cluster::restart) | it starts again with the data dir that it had |
//!
//! Further verbs are those of [`fault`]; whole stories are told in files of them, of [`scenario`], and
//! played on each [host](host::Host) that can. `docs/scenarios.md` says which one cannot, and why.
//!
//! The harness knows the nodes only by their command line and their JSON, as any program would: it
//! depends on no other room.

pub mod cluster;
pub mod fault;
pub mod host;
pub mod node;
pub mod observe;
pub mod scenario;
pub mod scoreboard;
pub mod soak;

/// The path of the program under test.
///
/// # Panics
/// When nobody said where it is.
pub fn node_binary() -> std::path::PathBuf {
    let path = std::env::var_os("SPIRT_NODE_BIN").unwrap_or_else(|| {
        panic!(
            "SPIRT_NODE_BIN is not set, so there is no program to test: run `cargo xtask test`, \
             which builds spirt-node and sets it"
        )
    });
    path.into()
}
