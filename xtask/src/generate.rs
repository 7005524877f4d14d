//! `cargo xtask gen`: files in the repository that a program writes, such as reference pages.
//!
//! Each is the standard output of a program of the workspace, so that this package need not depend on the code that it
//! documents.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::artefacts::Artefacts;
use crate::features::Features;
use crate::metadata::Metadata;
use crate::shell::{self, program};

/// Every generated file, with the program that prints it.
const GENERATED: &[Generated] = &[
    Generated {
        path: "spirt.example.toml",
        command: &["spirt-node", "config", "default"],
    },
    Generated {
        path: "docs/aggregation.md",
        command: &["rules"],
    },
    Generated {
        path: "docs/scenarios.md",
        command: &["scenarios"],
    },
    Generated {
        path: "docs/scoreboard.md",
        command: &["scoreboard", "--tables"],
    },
];

/// A file in the repository that must equal the output of a command.
struct Generated {
    /// Path from the workspace root.
    path: &'static str,
    /// A program of the workspace, and its arguments.
    command: &'static [&'static str],
}

impl Generated {
    fn text(&self, artefacts: &Artefacts) -> Result<String> {
        let [name, arguments @ ..] = self.command else {
            bail!("nothing prints {}", self.path);
        };
        shell::read(program(artefacts.binary(name)?).args(arguments))
    }
}

/// Whether to write or to compare.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Compare instead of writing; fails if a file is out of date
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let artefacts = Artefacts::of_tests(&Features::of(&Metadata::read()?))?;
    let mut stale = Vec::new();
    for file in GENERATED {
        let text = file.text(&artefacts)?;
        if !settle(&shell::root().join(file.path), &text, args.check)? {
            stale.push(file.path);
        }
    }
    if !stale.is_empty() {
        bail!(
            "out of date: {}\n\nhint: run `cargo xtask gen` and commit",
            stale.join(", ")
        );
    }
    println!("{} generated files are up to date", GENERATED.len());
    Ok(())
}

/// Makes the file hold `text`, or only looks; says whether it holds it now.
fn settle(path: &Path, text: &str, check: bool) -> Result<bool> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(true);
    }
    if check {
        return Ok(false);
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_finds_a_stale_file_and_leaves_it() {
        let path = std::env::temp_dir().join(format!("xtask-gen-{}", std::process::id()));
        fs::write(&path, "old").expect("writable");
        assert!(!settle(&path, "new", true).expect("readable"));
        assert_eq!(fs::read_to_string(&path).expect("readable"), "old");
        assert!(settle(&path, "new", false).expect("writable"));
        assert!(settle(&path, "new", true).expect("readable"));
        fs::remove_file(&path).expect("removable");
    }
}
