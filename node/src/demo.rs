//! Several nodes on one machine, to watch: real processes on loopback, some of them lying, some
//! killed with `kill -9`, one joining late; then what the plain mean makes of the same attack.
//!
//! `plan` says what happens, `stage` makes it happen, `board` keeps what the nodes tell, and
//! `summary` says what it shows.

pub mod args;
mod board;
mod event;
mod plan;
mod process;
mod screen;
mod stage;
mod summary;
mod table;

#[cfg(test)]
mod tests;

use tokio::signal::unix::{SignalKind, signal};

use self::args::DemoArgs;
use self::plan::Plan;
use self::screen::Screen;
use self::stage::Stage;
use self::summary::Summary;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Runs the demo.
///
/// # Errors
/// When a node cannot be started, or the demo does not end as it should.
pub fn run(args: &DemoArgs, output: &Output) -> Result<(), Failure> {
    let plan = Plan::new(args)?;
    let failed = |error: std::io::Error| Failure::of(Exit::Unexpected, &error);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(failed)?.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        // What is dropped on the way out kills its processes and removes their data.
        tokio::select! {
            result = show(&plan, output, !args.no_progress) => result,
            _ = interrupt.recv() => Err(stopped()),
            _ = terminate.recv() => Err(stopped()),
        }
    })
}

fn stopped() -> Failure {
    Failure::new(
        Exit::Interrupted,
        "stopped; the nodes are killed and their data removed",
    )
}

/// The swarm, then the plain mean under the same attack, then the result.
async fn show(plan: &Plan, output: &Output, progress: bool) -> Result<(), Failure> {
    let mut summary = play(plan, output, progress).await?;
    if !plan.rule.is_robust() {
        summary.accuracy_mean_rule = summary.accuracy;
    } else if plan.byzantine > 0 {
        if progress {
            output.note("\nthe same attack on the plain mean:");
        }
        summary.accuracy_mean_rule = play(&plan.with_mean(), output, progress).await?.accuracy;
    }
    if progress {
        output.note("");
    }
    output.answer(summary.text(), &summary);
    summary.verdict()
}

async fn play(plan: &Plan, output: &Output, progress: bool) -> Result<Summary, Failure> {
    let mut stage = Stage::new(plan, Screen::new(output, plan, progress))?;
    stage.play().await?;
    Ok(Summary::new(plan, &stage.board, stage.elapsed()))
}
