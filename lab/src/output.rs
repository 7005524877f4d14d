//! The only module of this room that prints: results to stdout, progress to stderr.

use std::fmt::Display;
use std::io::Write as _;

use anyhow::Result;
use serde::Serialize;

/// A line for whoever watches.
pub(crate) fn progress(line: &str) {
    // Nobody watches any more: then nobody misses it.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The result: as one JSON object on a line of its own, or for people.
pub(crate) fn result(result: &(impl Serialize + Display), json: bool) -> Result<()> {
    let text = if json {
        serde_json::to_string(result)?
    } else {
        result.to_string()
    };
    Ok(line(&text)?)
}

/// A line of the result.
pub(crate) fn line(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}
