//! The `spirt-node` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    spirt_node::cli::run(std::env::args_os()).into()
}
