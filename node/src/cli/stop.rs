//! `spirt-node stop`: asks the running node to leave.

use serde_json::json;

use super::args::StopArgs;
use crate::config::{Environment, locate_data_dir};
use crate::control::{Command, Reply, ask};
use crate::datadir::Layout;
use crate::exit::{Exit, Failure};
use crate::output::Output;

pub(super) fn run(args: &StopArgs, env: &Environment, output: &Output) -> Result<Exit, Failure> {
    let layout = Layout::new(locate_data_dir(args.client.data_dir.clone(), env)?);
    let command = if args.now {
        Command::StopNow
    } else {
        Command::Stop
    };
    match ask(&layout.control_socket(), command)? {
        Reply::Stopping { now } => {
            let text = match now {
                true => "stopping now",
                false => "stopping after this round",
            };
            output.answer(text, &json!({ "stopping": { "now": now } }));
            Ok(Exit::Ok)
        }
        _ => Err(Failure::new(
            Exit::Unexpected,
            "the node gave the answer to another question",
        )),
    }
}
