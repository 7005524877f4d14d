//! `spirt-node run`: reads the settings, sets up the log, and hands over to the daemon.

use super::args::RunArgs;
use crate::config::{self, Config, Environment};
use crate::daemon::{self, Outcome};
use crate::exit::{Exit, Failure};
use crate::output::{Output, Style};
use crate::telemetry;

/// Runs a node until it leaves. Prints its own failures: only the settings say how.
pub(super) fn run(args: RunArgs, env: Environment) -> Exit {
    let loaded = config::load(args.into_sources(env));
    let json = loaded.wants_json();
    let (output, done) = match loaded.into_config() {
        Ok(config) => {
            let output = Output::new(Style::from(&config.observe));
            let done = start(config, &output);
            (output, done)
        }
        Err(error) => (
            Output::new(Style {
                json,
                ..Style::default()
            }),
            Err(error.into()),
        ),
    };
    let exit = done.unwrap_or_else(|failure: Failure| {
        output.failure(&failure);
        failure.exit
    });
    output.finish(exit)
}

fn start(config: Config, output: &Output) -> Result<Exit, Failure> {
    telemetry::init(&config.observe)?;
    Ok(match daemon::run(config, output)? {
        Outcome::Left => Exit::Ok,
        Outcome::Interrupted => Exit::Interrupted,
    })
}
