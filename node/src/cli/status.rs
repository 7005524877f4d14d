//! `spirt-node status`: what the running node is doing, and whether it is ready.

use super::args::StatusArgs;
use crate::config::{Environment, locate_data_dir};
use crate::control::{Command, Reply, Status, ask};
use crate::datadir::Layout;
use crate::exit::{Exit, Failure};
use crate::output::Output;

pub(super) fn run(args: &StatusArgs, env: &Environment, output: &Output) -> Result<Exit, Failure> {
    match (status(args, env), args.quiet) {
        (Ok(status), quiet) => {
            if !quiet {
                output.status(&status);
            }
            Ok(if status.is_ready() {
                Exit::Ok
            } else {
                Exit::NotReady
            })
        }
        (Err(failure), true) => Ok(failure.exit),
        (Err(failure), false) => Err(failure),
    }
}

fn status(args: &StatusArgs, env: &Environment) -> Result<Status, Failure> {
    let layout = Layout::new(locate_data_dir(args.client.data_dir.clone(), env)?);
    match ask(&layout.control_socket(), Command::Status)? {
        Reply::Status(status) => Ok(*status),
        _ => Err(Failure::new(
            Exit::Unexpected,
            "the node gave the answer to another question",
        )),
    }
}
