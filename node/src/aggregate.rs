//! `spirt-node aggregate`: a rule applied to the rows of a file, without a run. Owns the reading and
//! writing of safetensors files; the rules are `spirt-aggregation`'s.

mod file;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueHint};
use serde_json::{Value, json};
use spirt_aggregation::{Inputs, Pipeline, Report};

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// The options of `spirt-node aggregate`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct AggregateArgs {
    /// The aggregation rule, such as `krum`, `multi-krum:m=6` or `arc+nnm+trimmed-mean`
    #[arg(long, value_name = "RULE", default_value = "arc+nnm+trimmed-mean")]
    rule: String,
    /// How many rows may be anything at all
    #[arg(long, value_name = "F")]
    max_byzantine: usize,
    /// The rows: a safetensors file with a tensor of n rows (F32, F16 or BF16)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    input: PathBuf,
    /// The tensor that holds the rows; without it `x`, or the only one in the file
    #[arg(long, value_name = "NAME")]
    tensor: Option<String>,
    /// Where the aggregate goes: tensor `aggregate`, F32, shaped like one row
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: PathBuf,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
}

/// Aggregates the rows of a file into another.
///
/// # Errors
/// [`Exit::Usage`] for a rule that does not parse or does not fit the number of rows,
/// [`Exit::Setup`] for a file that cannot be read or written or does not hold finite rows. The output
/// file is whole or not touched.
pub fn run(args: &AggregateArgs, output: &Output) -> Result<(), Failure> {
    let pipeline: Pipeline = args.rule.parse().map_err(|error| {
        Failure::of(Exit::Usage, &error)
            .hint("see `spirt-node aggregate --help` and docs/aggregation.md")
    })?;
    let rows = file::read(&args.input, args.tensor.as_deref())?;
    let views: Vec<&[f32]> = rows.iter().collect();
    let input = args.input.display();
    let inputs = Inputs::new(&views).map_err(|error| {
        Failure::of(Exit::Setup, &error).hint(format!(
            "every row of {input} must be finite and as long as the others"
        ))
    })?;
    let began = Instant::now();
    let result = pipeline
        .aggregate(&inputs, args.max_byzantine)
        .map_err(|error| {
            Failure::of(Exit::Usage, &error)
                .hint("give more rows, a smaller --max-byzantine, or another --rule")
        })?;
    let seconds = began.elapsed().as_secs_f64();
    file::write(&args.output, rows.shape(), &result.vector)?;
    output.answer(
        text(&result.report, seconds),
        &report(
            &pipeline,
            args.max_byzantine,
            &inputs,
            &result.report,
            seconds,
        ),
    );
    Ok(())
}

/// One line for people.
fn text(report: &Report, seconds: f64) -> String {
    let dropped: Vec<String> = report.dropped().map(|row| row.to_string()).collect();
    let (kept, all) = (report.kept().count(), report.rows().len());
    let dropped = match dropped.as_slice() {
        [] => String::new(),
        rows => format!(", dropped {}", rows.join(" ")),
    };
    format!("kept {kept} of {all} rows{dropped}  {seconds:.3} s")
}

fn report(
    pipeline: &Pipeline,
    max_byzantine: usize,
    inputs: &Inputs<'_>,
    report: &Report,
    seconds: f64,
) -> Value {
    let rows = report.rows();
    let weights: Vec<f64> = rows.iter().map(|row| row.weight).collect();
    let scores: Option<Vec<f64>> = rows.iter().map(|row| row.score).collect();
    json!({
        "schema_version": 1,
        "rule": pipeline.to_string(),
        "max_byzantine": max_byzantine,
        "rows": inputs.n(),
        "dimension": inputs.dimension(),
        "kept": report.kept().collect::<Vec<_>>(),
        "dropped": report.dropped().collect::<Vec<_>>(),
        "weights": weights,
        "scores": scores,
        "seconds": seconds,
    })
}
