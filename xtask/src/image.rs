//! `cargo xtask docker-image`: an image around a binary that this machine built.
//!
//! It needs no base image, and so no registry: the binary is static and stands alone in the image.
//! `docker build .` is the other way, from source inside a container.

use std::fs;

use anyhow::{Context as _, Result};

use crate::artefacts::Artefacts;
use crate::docker::Docker;
use crate::metadata;
use crate::shell::{self, cargo, root};

/// Where the Dockerfile expects the binary.
const BINARY: &str = "target/docker/spirt-node";

/// What to build.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Name of the image
    #[arg(long, default_value = "spirt-node:latest", env = "SPIRT_IMAGE")]
    pub(crate) tag: String,
    /// Features of spirt-node, separated by commas
    #[arg(long, default_value = "")]
    pub(crate) features: String,
    /// Build unoptimised: quicker, for tests
    #[arg(long)]
    pub(crate) dev: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    build_binary(args)?;
    let docker = Docker::find_builder().context("no Docker client that can build")?;
    let mut build = docker.command();
    build.args(["build", "--target", "prebuilt", "--tag", &args.tag, "."]);
    shell::run(&mut build)
}

/// Builds the static binary and puts it where the Dockerfile expects it.
fn build_binary(args: &Args) -> Result<()> {
    let mut build = cargo();
    build.args([
        "build",
        "-p",
        "spirt-node",
        "--bin",
        "spirt-node",
        "--features",
        &args.features,
    ]);
    // A named target keeps the flags away from build scripts and macros, which cannot be static.
    build.args(["--target", &metadata::host()?]);
    build.env("RUSTFLAGS", "-C target-feature=+crt-static");
    if args.dev {
        build
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_PROFILE_DEV_STRIP", "debuginfo");
    } else {
        build.arg("--release");
    }
    let built = Artefacts::build(&mut build)?;
    let to = root().join(BINARY);
    fs::create_dir_all(to.parent().context("the binary has a folder")?)?;
    fs::copy(built.binary("spirt-node")?, &to)
        .with_context(|| format!("cannot write {}", to.display()))?;
    Ok(())
}
