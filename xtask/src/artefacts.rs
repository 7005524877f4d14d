//! What a cargo build made: test binaries and programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::features::Features;
use crate::shell::{self, cargo, program};

/// The executables of one build.
pub(crate) struct Artefacts {
    messages: Vec<Message>,
}

/// One line of cargo's `--message-format=json`; other kinds of lines lack most fields.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    manifest_path: PathBuf,
    target: Option<Target>,
    profile: Option<Profile>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// An executable with tests.
pub(crate) struct TestBinary<'a> {
    /// `node/it`: the package's folder and the target.
    pub(crate) name: String,
    folder: &'a Path,
    executable: &'a Path,
}

impl Artefacts {
    /// Runs a build command and notes what it made.
    pub(crate) fn build(command: &mut Command) -> Result<Self> {
        Self::parse(&shell::read(
            command.arg("--message-format=json-render-diagnostics"),
        )?)
    }

    /// Builds the tests and all programs that they need, with all features that this machine has the libraries for.
    ///
    /// Whoever needs only one of the programs asks for all the same: cargo turns on other features of other crates for
    /// fewer targets, and would compile most of these again.
    pub(crate) fn of_tests(features: &Features) -> Result<Self> {
        let targets = ["--tests", "--examples", "--bin", "spirt-node"];
        let mut build = cargo();
        build.args(["build", "--workspace"]).args(targets);
        Self::build(build.args(features.flags()))
    }

    fn parse(json: &str) -> Result<Self> {
        let messages = json
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>();
        Ok(Self {
            messages: messages.context("cannot read cargo's messages")?,
        })
    }

    /// The path of a program or an example.
    pub(crate) fn binary(&self, name: &str) -> Result<&Path> {
        let is_it = |message: &&Message| {
            let target = message.target.as_ref();
            let runs = |target: &Target| target.kind == ["bin"] || target.kind == ["example"];
            target.is_some_and(|target| target.name == name && runs(target)) && !message.is_test()
        };
        let built = self.messages.iter().find(is_it);
        let path = built.and_then(|message| message.executable.as_deref());
        path.with_context(|| format!("the build made no program {name}"))
    }

    /// The executables with tests, in the order in which they were built.
    pub(crate) fn tests(&self) -> impl Iterator<Item = TestBinary<'_>> {
        self.messages
            .iter()
            .filter(|message| message.is_test())
            .filter_map(|message| {
                let folder = message.manifest_path.parent()?;
                let package = folder.file_name()?.to_string_lossy();
                let name = format!("{package}/{}", message.target.as_ref()?.name);
                Some(TestBinary {
                    name,
                    folder,
                    executable: message.executable.as_deref()?,
                })
            })
    }
}

impl Message {
    fn is_test(&self) -> bool {
        self.profile.as_ref().is_some_and(|profile| profile.test)
    }
}

impl TestBinary<'_> {
    /// Whether it belongs to the package in this folder of the workspace.
    pub(crate) fn is_in(&self, room: &str) -> bool {
        self.folder == shell::root().join(room)
    }

    /// The command that runs it, as cargo would.
    pub(crate) fn command(&self) -> Command {
        let mut command = program(self.executable);
        command
            .current_dir(self.folder)
            .env("CARGO_MANIFEST_DIR", self.folder);
        command
    }

    /// The names of its tests that hold `part`.
    pub(crate) fn list(&self, part: &str) -> Result<Vec<String>> {
        let listed = shell::read(self.command().args(["--list", "--format", "terse"]))?;
        let names = listed
            .lines()
            .filter_map(|line| line.strip_suffix(": test"));
        Ok(names
            .filter(|name| name.contains(part))
            .map(str::to_owned)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: &str = concat!(
        r#"{"reason":"compiler-artifact","manifest_path":"/w/node/Cargo.toml","executable":null,"#,
        r#""target":{"name":"spirt_node","kind":["lib"]},"profile":{"test":false}}"#,
        "\n",
        r#"{"reason":"compiler-artifact","manifest_path":"/w/node/Cargo.toml","#,
        r#""executable":"/t/spirt-node-1","target":{"name":"spirt-node","kind":["bin"]},"#,
        r#""profile":{"test":true}}"#,
        "\n",
        r#"{"reason":"compiler-artifact","manifest_path":"/w/node/Cargo.toml","#,
        r#""executable":"/t/spirt-node","target":{"name":"spirt-node","kind":["bin"]},"#,
        r#""profile":{"test":false}}"#,
        "\n",
        r#"{"reason":"build-finished","success":true}"#,
    );

    #[test]
    fn the_program_is_told_from_its_unit_tests() {
        let artefacts = Artefacts::parse(MESSAGES).expect("valid");
        assert_eq!(
            artefacts.binary("spirt-node").expect("built"),
            Path::new("/t/spirt-node")
        );
        assert!(artefacts.binary("spirt_node").is_err());
        let names: Vec<String> = artefacts.tests().map(|test| test.name).collect();
        assert_eq!(names, ["node/spirt-node"]);
    }
}
