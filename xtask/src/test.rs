//! `cargo xtask test`: all the tests, on a plain toolchain too.
//!
//! With cargo-nextest the tests run under it, without it one test binary runs after another. Tests
//! of clusters run one at a time either way. Container tests, module `docker` of spirt-tests, run
//! when a Docker engine answers; when they do not run, their names and number end the output.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::artefacts::Artefacts;
use crate::docker::Docker;
use crate::features::Features;
use crate::image;
use crate::metadata::Metadata;
use crate::shell::{self, cargo};
use crate::steps::step;

/// The package with process and container tests.
const CLUSTER_ROOM: &str = "tests";
/// Its module with the container tests.
const CONTAINER_TESTS: &str = "docker::";
/// Its module with the tests that need network namespaces.
const NETWORK_TESTS: &str = "network::";
/// What the names of its tests end with that need wall clocks of their own.
const CLOCK_TESTS: &str = "clock_step";
/// The image that the container tests start.
pub(crate) const IMAGE: &str = "spirt-node:test";

/// Which tests to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave the container tests out even if a Docker engine answers
    #[arg(long)]
    no_containers: bool,
}

/// What the parts of a test run share.
struct Suite {
    features: Features,
    artefacts: Artefacts,
    has_nextest: bool,
    out_of_reach: Vec<OutOfReach>,
}

/// Tests that this machine cannot run.
struct OutOfReach {
    kind: &'static str,
    /// A part of their names that no other test has.
    part: &'static str,
    why: &'static str,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let features = Features::of(&Metadata::read()?);
    features.say_what_is_left_out();
    let artefacts = step("build the tests", || Artefacts::of_tests(&features))?;
    let has_nextest = shell::succeeds(cargo().args(["nextest", "--version"]));
    let suite = Suite {
        features,
        artefacts,
        has_nextest,
        out_of_reach: out_of_reach(),
    };
    let container_tests = suite.tests_of(CONTAINER_TESTS)?;
    step("tests", || suite.run_tests())?;
    step("doctests", || {
        let mut doctests = cargo();
        doctests.args(["test", "--workspace", "--doc"]);
        shell::run(doctests.args(suite.features.flags()))
    })?;
    for tests in &suite.out_of_reach {
        let names = suite.tests_of(tests.part)?;
        println!("{}", not_run(tests.kind, &names, tests.why));
    }
    if container_tests.is_empty() {
        return Ok(());
    }
    if let Some(why) = why_no_containers(args) {
        println!("{}", not_run("container", &container_tests, why));
        return Ok(());
    }
    step("container image", || image::run(&image(true)?))?;
    step("container tests", || suite.run_container_tests())
}

/// What this machine lacks, beside a Docker engine.
fn out_of_reach() -> Vec<OutOfReach> {
    let network = OutOfReach {
        kind: "network",
        part: NETWORK_TESTS,
        why: "namespaces need root and iproute2",
    };
    let clock = OutOfReach {
        kind: "clock",
        part: CLOCK_TESTS,
        why: "libfaketime is not installed",
    };
    let lacks = [
        (network, !can_make_namespaces()),
        (clock, !has_libfaketime()),
    ];
    let lacking = lacks.into_iter().filter(|(_, lacks)| *lacks);
    lacking.map(|(tests, _)| tests).collect()
}

/// Whether wall clocks can be stepped, as `tests/src/host/clock.rs` does it.
fn has_libfaketime() -> bool {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten();
    let mut paths = folders.filter_map(Result::ok).map(|folder| folder.path());
    paths.any(|folder| folder.join("faketime/libfaketimeMT.so.1").exists())
}

/// Whether this user may make network namespaces.
fn can_make_namespaces() -> bool {
    let name = format!("spirt-try-{}", std::process::id());
    let ip = |verb| shell::succeeds(shell::program("ip").args(["netns", verb, &name]));
    ip("add") && ip("del")
}

fn why_no_containers(args: &Args) -> Option<&'static str> {
    if args.no_containers {
        Some("--no-containers")
    } else if Docker::find().is_none() {
        Some("no Docker engine")
    } else {
        None
    }
}

/// What to say of tests that did not run: each name, then the number and the reason.
fn not_run(kind: &str, tests: &[String], why: &str) -> String {
    let names: String = tests
        .iter()
        .map(|name| format!("not run: {name}\n"))
        .collect();
    format!("{names}{} {kind} tests not run: {why}", tests.len())
}

impl Suite {
    /// The names of the cluster tests of a module.
    fn tests_of(&self, module: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for tests in self
            .artefacts
            .tests()
            .filter(|tests| tests.is_in(CLUSTER_ROOM))
        {
            names.extend(tests.list(module)?);
        }
        Ok(names)
    }

    /// The program that the tests start.
    fn node_binary(&self) -> Result<&Path> {
        self.artefacts.binary("spirt-node")
    }

    /// All but the container tests.
    fn run_tests(&self) -> Result<()> {
        let without = self.out_of_reach.iter().map(|tests| tests.part);
        if self.has_nextest {
            let without: String = without.map(|part| format!(" & not test({part})")).collect();
            let filter = format!("not package(spirt-tests) | (all(){without})");
            return self.nextest("default", &["-E", &filter], &[]);
        }
        println!("cargo-nextest is not installed; one test binary runs after another");
        let skip = [CONTAINER_TESTS].into_iter().chain(without);
        let skip = skip.flat_map(|part| ["--skip", part]);
        let cluster: Vec<&str> = ["--test-threads", "1"].into_iter().chain(skip).collect();
        self.run_binaries(|is_cluster| Some(if is_cluster { &cluster } else { &[] }))
    }

    /// The container tests alone.
    fn run_container_tests(&self) -> Result<()> {
        let env = [("SPIRT_DOCKER_IMAGE", IMAGE)];
        if self.has_nextest {
            return self.nextest("docker", &[], &env);
        }
        self.run_binaries(|is_cluster| {
            is_cluster.then_some(&["--test-threads", "1", CONTAINER_TESTS])
        })
    }

    fn nextest(&self, profile: &str, filter: &[&str], env: &[(&str, &str)]) -> Result<()> {
        let mut nextest = cargo();
        nextest.args(["nextest", "run", "--workspace", "--profile", profile]);
        nextest.args(filter);
        nextest
            .args(self.features.flags())
            .envs(env.iter().copied());
        shell::run(nextest.env("SPIRT_NODE_BIN", self.node_binary()?))
    }

    /// Runs the test binaries for which `arguments` names some, all of them even if one fails.
    fn run_binaries<'a>(&self, arguments: impl Fn(bool) -> Option<&'a [&'a str]>) -> Result<()> {
        let mut failed = Vec::new();
        for tests in self.artefacts.tests() {
            let Some(arguments) = arguments(tests.is_in(CLUSTER_ROOM)) else {
                continue;
            };
            println!("--- {}", tests.name);
            let mut command: Command = tests.command();
            command.args(arguments).env("SPIRT_DOCKER_IMAGE", IMAGE);
            if shell::run(command.env("SPIRT_NODE_BIN", self.node_binary()?)).is_err() {
                failed.push(tests.name);
            }
        }
        if !failed.is_empty() {
            bail!("tests failed in {}", failed.join(", "));
        }
        Ok(())
    }
}

/// The image for the container tests: with the same features as the binary of the others.
pub(crate) fn image(dev: bool) -> Result<image::Args> {
    let features = Features::of(&Metadata::read()?);
    Ok(image::Args {
        tag: IMAGE.to_owned(),
        features: features.of_package("spirt-node").join(","),
        dev,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_did_not_run_are_named_and_counted() {
        let tests = ["docker::kill_one".to_owned(), "docker::scale_up".to_owned()];
        assert_eq!(
            not_run("container", &tests, "no Docker engine"),
            "not run: docker::kill_one\nnot run: docker::scale_up\n\
             2 container tests not run: no Docker engine"
        );
    }
}
