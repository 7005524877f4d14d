//! `spirt-lab`: experiments with real nodes, each a process, and tables of what they took.
//!
//! The nodes are this same program: called with [`NODE`] first, it is `spirt-node`. So an experiment
//! always measures the sources that it was built with.

mod exchange;
mod expected;
mod fault;
mod join;
mod links;
mod node;
mod output;
mod rival;
mod rivals;
mod scaling;
mod swarm;
mod train;

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
    /// Kill or stop a node while the others fetch its vector
    Fault(fault::Args),
    /// Let a newcomer join a run whose state is large
    Join(join::Args),
    /// Let nodes trade vectors over links of a rate and a delay
    Links(links::Args),
    /// Kill, stop and lie to spirt and to hivemind alike
    Rivals(rivals::Args),
    /// Let nodes train a model, once for each encoding and number of local steps
    Train(train::Args),
    /// Print what an exchange takes at sizes that no single machine can run
    Scaling(scaling::Args),
}

fn main() -> ExitCode {
    let mut args: Vec<_> = std::env::args_os().collect();
    if args.get(1).is_some_and(|first| first == NODE) {
        args.remove(1);
        return spirt_node::cli::run(args).into();
    }
    let done = match Cli::parse().experiment {
        Experiment::Exchange(args) => exchange::run(&args),
        Experiment::Fault(args) => fault::run(&args),
        Experiment::Join(args) => join::run(&args),
        Experiment::Links(args) => links::run(&args),
        Experiment::Rivals(args) => rivals::run(&args),
        Experiment::Train(args) => train::run(&args),
        Experiment::Scaling(args) => scaling::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::progress(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
