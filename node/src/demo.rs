//! Several nodes on one machine, to watch. Placeholder: says that it is not available yet.

use crate::cli::args::DemoArgs;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

/// Runs the demo.
///
/// # Errors
/// When a node cannot be started, or the demo does not end as it should.
pub fn run(_args: &DemoArgs, _output: &Output) -> Result<(), Failure> {
    Err(Failure::new(Exit::Unexpected, "not available yet"))
}
