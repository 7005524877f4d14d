//! The only module of this room that prints: results to stdout, progress to stderr.

use std::io::Write as _;

/// A line for whoever watches.
pub(crate) fn progress(line: &str) {
    // Nobody watches any more: then nobody misses it.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A line of the result.
pub(crate) fn result(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}
