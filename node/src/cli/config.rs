//! `spirt-node config`: what the settings are, where each comes from, and what is wrong with them.

use clap::{Args, Subcommand};

use super::args::HiddenRunArgs;
use crate::config::{Environment, example, load, show, show_json};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// The options of `config`.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the settings in force; takes the options of `run`
    Show {
        /// Say where each value comes from
        #[arg(long)]
        origin: bool,
        #[command(flatten)]
        run: HiddenRunArgs,
    },
    /// Report everything that is wrong with the settings (exit 3); takes the options of `run`
    Check(HiddenRunArgs),
    /// Print a config file with every setting, commented out
    Default,
}

pub(super) fn run(args: ConfigArgs, env: Environment, output: &Output) -> Result<Exit, Failure> {
    match args.command {
        ConfigCommand::Show { origin, run } => {
            let loaded = load(run.0.into_sources(env));
            output.answer(show(&loaded, origin), &show_json(&loaded));
            loaded.into_config()?;
            Ok(Exit::Ok)
        }
        ConfigCommand::Check(run) => Ok(check(run, env, output)),
        ConfigCommand::Default => {
            output.text(example());
            Ok(Exit::Ok)
        }
    }
}

fn check(run: HiddenRunArgs, env: Environment, output: &Output) -> Exit {
    let loaded = load(run.0.into_sources(env));
    let problems = loaded.problems();
    output.problems(problems);
    if !problems.is_empty() {
        return Exit::Setup;
    }
    let file = loaded.file.as_ref().map(|path| path.display().to_string());
    output.note(format_args!(
        "the settings are good ({})",
        file.as_deref().unwrap_or("no config file")
    ));
    Exit::Ok
}
