//! `cargo xtask check`: the static checks, cheapest to fix first.

use anyhow::Result;

use crate::features::Features;
use crate::metadata::Metadata;
use crate::shell::{self, cargo};
use crate::steps::step;
use crate::{generate, tidy};

/// Runs the checks and stops at the first one that fails.
pub(crate) fn run() -> Result<()> {
    let features = Features::of(&Metadata::read()?);
    features.say_what_is_left_out();
    step("fmt", || {
        shell::run(cargo().args(["fmt", "--all", "--check"]))
    })?;
    step("clippy", || {
        let mut clippy = cargo();
        clippy
            .args(["clippy", "--workspace", "--all-targets"])
            .args(features.flags());
        shell::run(clippy.args(["--", "-D", "warnings"]))
    })?;
    // What a user builds: one package with its default features, nothing lent by the workspace.
    step("default features", || {
        shell::run(cargo().args(["check", "-p", "spirt-node"]))
    })?;
    step("tidy", || tidy::run(&tidy::Args::default()))?;
    step("gen --check", || {
        generate::run(&generate::Args { check: true })
    })?;
    step("doc", || {
        let mut doc = cargo();
        doc.args([
            "doc",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ]);
        shell::run(
            doc.args(features.flags())
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
    })
}
