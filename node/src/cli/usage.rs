//! Mistakes on the command line, said the way all errors are said; and help that was asked for.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Prints what the parser has to say, and returns the exit code.
pub(super) fn report(error: &Error, output: &Output) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            output.help(&error.render());
            Exit::Ok
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            output.usage(error.render());
            Exit::Usage
        }
        _ => {
            output.failure(&failure(error));
            Exit::Usage
        }
    }
}

fn failure(error: &Error) -> Failure {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let message: Vec<&str> = first
        .trim_start_matches("error: ")
        .lines()
        .map(str::trim)
        .collect();
    Failure::new(Exit::Usage, message.join(" ").trim().to_owned()).hint(hint(error))
}

fn hint(error: &Error) -> String {
    for kind in [
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
    ] {
        if let Some(meant) = error.get(kind).and_then(first) {
            return format!("did you mean `{meant}`?");
        }
    }
    let subcommand = error.get(ContextKind::InvalidSubcommand).and_then(first);
    match (error.kind(), subcommand) {
        // `spirt-node --data-dir x status`
        (ErrorKind::ArgumentConflict, Some(name)) => {
            format!("options stand after the command: `spirt-node {name} ...`")
        }
        (ErrorKind::MissingRequiredArgument, _) => format!("usage: `{}`", usage(error)),
        _ => {
            let usage = usage(error);
            let words = usage.split_whitespace();
            let command: Vec<&str> = words
                .take_while(|word| !word.starts_with(['[', '<', '-']))
                .collect();
            format!("see `{} --help`", command.join(" "))
        }
    }
}

/// The usage line, such as `spirt-node status [OPTIONS]`.
fn usage(error: &Error) -> String {
    let usage = error
        .get(ContextKind::Usage)
        .map(ToString::to_string)
        .unwrap_or_default();
    let line = usage
        .lines()
        .next()
        .unwrap_or_default()
        .trim_start_matches("Usage: ")
        .trim();
    if line.is_empty() {
        "spirt-node".into()
    } else {
        line.to_owned()
    }
}

fn first(value: &ContextValue) -> Option<String> {
    match value {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.first().cloned(),
        _ => None,
    }
}
