//! The command line: parses it, runs one command, and turns its end into an exit code.

pub mod args;
mod completions;
mod config;
mod failure;
mod help;
mod id;
mod run;
mod status;
mod stop;
mod usage;

use std::ffi::OsString;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use self::args::{IdArgs, RunArgs, StatusArgs, StopArgs};
use self::config::ConfigArgs;
use crate::aggregate::{self, AggregateArgs};
use crate::config::Environment;
use crate::demo::{self, args::DemoArgs};
use crate::exit::{Exit, Failure};
use crate::output::{Output, Style};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "spirt-node",
    version,
    about = help::ABOUT,
    help_template = help::TEMPLATE,
    after_help = help::SHORT_END,
    after_long_help = help::long_end(),
    args_conflicts_with_subcommands = true,
    max_term_width = 100,
)]
pub struct Cli {
    #[command(flatten)]
    run: RunArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The commands. Without one, the node runs.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node; the default
    #[command(help_template = help::RUN_TEMPLATE, after_help = help::SHORT_END)]
    Run(RunArgs),
    /// Watch nodes train on this machine, some of them lying, one of them killed
    Demo(DemoArgs),
    /// Print the peer id
    Id(IdArgs),
    /// Show what the running node is doing
    Status(StatusArgs),
    /// Ask the running node to finish its round, say goodbye and exit
    Stop(StopArgs),
    /// Apply an aggregation rule to the rows of a file
    Aggregate(AggregateArgs),
    /// Look at the settings
    Config(ConfigArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Runs the command that the arguments name (the first is the program's own name), and returns
/// the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let json = args.iter().any(|arg| arg == "--json");
    let output = Output::new(Style {
        json,
        progress: true,
        ..Style::default()
    });
    let exit = match Cli::try_parse_from(args) {
        Ok(cli) => dispatch(cli, Environment::capture(), &output),
        Err(error) => usage::report(&error, &output),
    };
    output.finish(exit)
}

fn dispatch(cli: Cli, env: Environment, output: &Output) -> Exit {
    let done: Result<Exit, Failure> = match cli.command.unwrap_or(Command::Run(cli.run)) {
        Command::Run(args) => return run::run(args, env),
        Command::Demo(args) => demo::run(&args, output).map(|()| Exit::Ok),
        Command::Id(args) => id::run(&args, &env, output),
        Command::Status(args) => status::run(&args, &env, output),
        Command::Stop(args) => stop::run(&args, &env, output),
        Command::Aggregate(args) => aggregate::run(&args, output).map(|()| Exit::Ok),
        Command::Config(args) => config::run(args, env, output),
        Command::Completions { shell } => Ok(completions::run(shell, output)),
    };
    done.unwrap_or_else(|failure| {
        output.failure(&failure);
        failure.exit
    })
}
