//! `spirt-node id`: who this node is, and where the running one can be reached.

use serde_json::json;

use super::args::IdArgs;
use crate::config::{Environment, locate_data_dir};
use crate::control::{Command, Reply, ask};
use crate::datadir::Layout;
use crate::exit::{Exit, Failure};
use crate::identity::Identity;
use crate::output::Output;

pub(super) fn run(args: &IdArgs, env: &Environment, output: &Output) -> Result<Exit, Failure> {
    let layout = Layout::new(locate_data_dir(args.client.data_dir.clone(), env)?);
    if args.addrs {
        return addrs(&layout, output);
    }
    let peer = Identity::load(&layout.identity())?.peer_id().to_string();
    output.answer(&peer, &json!({ "schema_version": 1, "peer": peer }));
    Ok(Exit::Ok)
}

fn addrs(layout: &Layout, output: &Output) -> Result<Exit, Failure> {
    // The running node knows; the `addrs` file may be what a killed one left behind.
    let Reply::Status(status) = ask(&layout.control_socket(), Command::Status)? else {
        return Err(Failure::new(
            Exit::Unexpected,
            "the node gave the answer to another question",
        ));
    };
    let suffix = format!("/p2p/{}", status.peer);
    let addrs: Vec<String> = status
        .listen
        .iter()
        .map(|addr| format!("{}{suffix}", addr.trim_end_matches(&suffix)))
        .collect();
    let value = json!({ "schema_version": 1, "peer": status.peer, "addrs": addrs });
    output.answer(addrs.join("\n"), &value);
    Ok(Exit::Ok)
}
