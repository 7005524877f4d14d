//! `spirt-node completions`: a completion script, made from the same table as the help.

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use super::Cli;
use crate::exit::Exit;
use crate::output::Output;

pub(super) fn run(shell: Shell, output: &Output) -> Exit {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "spirt-node", &mut script);
    output.text(String::from_utf8_lossy(&script));
    Exit::Ok
}
