//! `cargo xtask tidy`: house rules that the compiler does not know.
//!
//! A check is a function from a tree of files, or from cargo's metadata, to findings. All checks
//! run and all findings are printed; one that is an error fails the command.

mod arrows;
mod dependencies;
mod layout;
mod source;
mod tree;
mod wire;

use anyhow::{Result, bail};

use self::tree::Tree;
use crate::metadata::Metadata;
use crate::shell;

/// What to do besides looking.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Record in docs/wire.md that it describes protocol/src/message.rs as it is now
    #[arg(long)]
    bless_wire: bool,
}

/// Something that a check found at a place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    severity: Severity,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Error,
    Warning,
}

impl Finding {
    fn error(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            severity: Severity::Error,
            text: text.into(),
        }
    }

    fn warning(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(path, line, text)
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let root = shell::root();
    if args.bless_wire {
        return wire::bless(&root);
    }
    let tree = Tree::read(&root)?;
    let metadata = Metadata::read()?;
    let mut findings = Vec::new();
    layout::check(&tree, &mut findings);
    source::check(&tree, &mut findings);
    wire::check(&tree, &mut findings);
    arrows::check(&metadata, &root, &mut findings);
    dependencies::check(&metadata, &root, &tree, &mut findings)?;
    findings.sort();
    report(&findings, tree.files.len())
}

fn report(findings: &[Finding], n_files: usize) -> Result<()> {
    for Finding {
        path,
        line,
        severity,
        text,
    } in findings
    {
        let label = if *severity == Severity::Error {
            "error"
        } else {
            "warning"
        };
        println!("{path}:{line}: {label}: {text}");
    }
    let n_errors = findings
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .count();
    let n_warnings = findings.len() - n_errors;
    if n_errors > 0 {
        bail!("{n_errors} errors and {n_warnings} warnings in {n_files} files");
    }
    println!("{n_files} files are tidy, {n_warnings} warnings");
    Ok(())
}

/// Runs one check over a made-up tree; for the tests of the checks.
#[cfg(test)]
fn found(check: fn(&Tree, &mut Vec<Finding>), files: &[(&str, &str)]) -> Vec<String> {
    let mut findings = Vec::new();
    check(&Tree::of(files), &mut findings);
    findings.sort();
    findings
        .iter()
        .map(|found| format!("{}:{} {}", found.path, found.line, found.text))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_fails_the_command() {
        assert!(report(&[Finding::warning("a.rs", 1, "long")], 1).is_ok());
        let both = [
            Finding::warning("a.rs", 1, "long"),
            Finding::error("a.rs", 1, "wrong"),
        ];
        let error = report(&both, 1).expect_err("an error was found");
        assert_eq!(error.to_string(), "1 errors and 1 warnings in 1 files");
    }
}
