//! Automation for the workspace: `cargo xtask <command>`.
//!
//! Plain Rust instead of scripts, so that the checks run wherever the code builds. Start with
//! `cargo xtask ci`, which is what a change has to pass.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool for developers: its output is its purpose"
)]

mod artefacts;
mod check;
mod ci;
mod cold_start;
mod docker;
mod features;
mod generate;
mod image;
mod metadata;
mod scoreboard;
mod shell;
mod sim;
mod soak;
mod steps;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Automation for the spirt workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything a change has to pass: `check`, then `test`
    Ci(test::Args),
    /// The static checks: fmt, clippy, tidy, generated files, docs
    Check,
    /// All the tests: unit, property, simulation, process and container tests, doctests
    Test(test::Args),
    /// House rules that the compiler does not know: arrows, dependencies, file sizes, wire hash
    Tidy(tidy::Args),
    /// Write the generated files, or check that they are up to date
    Gen(generate::Args),
    /// Run the protocol simulator in virtual time; arguments go to it as they are
    Sim(sim::Args),
    /// Let real nodes die, stand still, come and go at random, for minutes
    Soak(soak::Args),
    /// Play attack by rule on real nodes; arguments go to the program as they are
    Scoreboard(scoreboard::Args),
    /// Measure the time from a started process to a peer that trains
    ColdStart(cold_start::Args),
    /// Build a static binary on this machine and a container image around it
    DockerImage(image::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Ci(args) => ci::run(&args),
        Command::Check => check::run(),
        Command::Test(args) => test::run(&args),
        Command::Tidy(args) => tidy::run(&args),
        Command::Gen(args) => generate::run(&args),
        Command::Sim(args) => sim::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Scoreboard(args) => scoreboard::run(&args),
        Command::ColdStart(args) => cold_start::run(&args),
        Command::DockerImage(args) => image::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            // The last line names the step, so that the end of a long log is enough.
            if let Some(step) = error.downcast_ref::<steps::FailedStep>() {
                eprintln!("failed: {}", step.0);
            }
            ExitCode::FAILURE
        }
    }
}
