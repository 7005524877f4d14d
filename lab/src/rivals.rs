//! spirt and hivemind under the same faults, in the same run on the same machine: one of four peers dies, stands still, or
//! lies. What it costs the others, and what they hold afterwards.

mod liar;
mod table;

use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::fault;
use crate::output;
use crate::rival::{self, Fault, Job, Told};
use table::{Row, Table};

/// Peers of a run; one of them is struck, or lies.
const PEERS: u16 = 4;
/// Rounds of hivemind before the one with the fault.
const CLEAN_ROUNDS: u64 = 2;
/// What hivemind's peers wait for a chunk in the second of its two settings, in seconds; its default is for ever.
const CHUNK_TIMEOUT: f64 = 5.0;

/// Options of the experiment.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Values of a vector
    #[arg(long, default_value = "30000000")]
    dim: NonZeroU32,
    /// Leave hivemind out
    #[arg(long)]
    only_spirt: bool,
    /// Where hivemind's Python environment is, or is made
    #[arg(long, default_value = "target/lab/hivemind")]
    rival_env: PathBuf,
    /// Give up when nothing happens for so many seconds
    #[arg(long, default_value_t = 120)]
    patience: u64,
    /// What the nodes log to stderr, in the syntax of RUST_LOG; shown when one fails
    #[arg(long)]
    log: Option<String>,
    /// Print the result as one JSON object, on the last line
    #[arg(long)]
    json: bool,
}

/// Runs the experiment and prints its table.
///
/// # Errors
/// When a game cannot be played to its end, or spirt's peers did not end a round alike and right. What hivemind's
/// peers hold is told, not judged.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut table = Table::new(PEERS, args.dim.get());
    for fault in [Fault::Kill, Fault::Stop, Fault::Nan, Fault::Huge] {
        output::progress(&format!("spirt: {}", fault.words()));
        table.rows.push(spirt(args, fault)?);
        if args.only_spirt {
            continue;
        }
        for (system, chunk_timeout) in [
            ("hivemind, defaults", None),
            ("hivemind, 5 s a chunk", Some(CHUNK_TIMEOUT)),
        ] {
            // Without a fault in time the setting changes nothing.
            if fault.strikes() || chunk_timeout.is_none() {
                output::progress(&format!("{system}: {}", fault.words()));
                table
                    .rows
                    .push(hivemind(args, fault, system, chunk_timeout)?);
            }
        }
    }
    output::result(&table, args.json)?;
    ensure!(
        table.spirt_is_right(),
        "spirt's peers did not end each round alike, with the right model"
    );
    Ok(())
}

fn spirt(args: &Args, fault: Fault) -> Result<Row> {
    let struck = match fault {
        Fault::Kill => fault::Fault::Kill,
        Fault::Stop => fault::Fault::Stop,
        Fault::Nan => return liar::play(args, fault, "nan", None),
        Fault::Huge => return liar::play(args, fault, "scaled:by=-1000000", Some(-1e6)),
    };
    let game = fault::Args::of(
        PEERS,
        args.dim.get(),
        struck,
        args.patience,
        args.log.clone(),
    );
    let told = fault::play(&game)?;
    Ok(Row {
        fault: fault.words(),
        system: "spirt",
        clean_seconds: told.clean_seconds,
        seconds: told.fault_seconds,
        succeeded: PEERS - 1,
        alike: told.agreed,
        right: told.agreed,
        finite: true,
        rounds_until_named: None,
    })
}

fn hivemind(
    args: &Args,
    fault: Fault,
    system: &'static str,
    chunk_timeout: Option<f64>,
) -> Result<Row> {
    let job = Job {
        peers: PEERS,
        dim: args.dim.get(),
        rounds: CLEAN_ROUNDS + 1,
        fault: Some(fault),
        chunk_timeout,
    };
    let told = rival::hivemind(&args.rival_env, &job)?;
    let (last, clean) = told.split_last().expect("the rival did all its rounds");
    let clean = clean.iter().map(|told: &Told| told.seconds);
    Ok(Row {
        fault: fault.words(),
        system,
        clean_seconds: clean.fold(f64::INFINITY, f64::min),
        seconds: last.seconds,
        succeeded: last.succeeded,
        alike: last.alike,
        right: last.right,
        finite: last.finite,
        rounds_until_named: None,
    })
}
