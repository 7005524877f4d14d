//! `spirt-lab`: experiments with real nodes, each a process, and tables of what they took.
//!
//! The nodes are this same program: called with [`NODE`] first, it is `spirt-node`. So an experiment
//! always measures the sources that it was built with.

mod exchange;
mod output;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The first argument of a process that is to be a node.
const NODE: &str = "--as-node";

/// Experiments with real nodes on this machine
#[derive(Debug, Parser)]
#[command(name = "spirt-lab", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    experiment: Experiment,
}

#[derive(Debug, Subcommand)]
enum Experiment {
    /// Let nodes trade and aggregate synthetic vectors, without training
    Exchange(exchange::Args),
}

fn main() -> ExitCode {
    let mut args: Vec<_> = std::env::args_os().collect();
    if args.get(1).is_some_and(|first| first == NODE) {
        args.remove(1);
        return spirt_node::cli::run(args).into();
    }
    let done = match Cli::parse().experiment {
        Experiment::Exchange(args) => exchange::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::progress(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
