//! The part of `cargo metadata` that the checks need.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::shell::{self, cargo};

/// The workspace and every package that it can pull in.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
}

/// One package, ours or a third party's.
#[derive(Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    pub(crate) license: Option<String>,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: BTreeMap<String, Vec<String>>,
}

/// A direct dependency as the manifest writes it.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    #[serde(default)]
    kind: Option<String>,
}

impl Dependency {
    /// `normal`, `dev` or `build`.
    pub(crate) fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or("normal")
    }
}

impl Package {
    /// The package's folder, relative to the workspace root.
    pub(crate) fn room(&self, root: &Path) -> String {
        let folder = self.manifest_path.parent().unwrap_or(Path::new(""));
        folder
            .strip_prefix(root)
            .unwrap_or(folder)
            .to_string_lossy()
            .into_owned()
    }
}

/// The platform that builds here run on, such as `x86_64-unknown-linux-gnu`.
pub(crate) fn host() -> Result<String> {
    let version = shell::read(cargo().args(["-vV"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`cargo -vV` names no host")
}

impl Metadata {
    /// Asks cargo, for this platform and all features; nothing is built.
    pub(crate) fn read() -> Result<Self> {
        let mut command = cargo();
        command.args(["metadata", "--format-version", "1", "--all-features"]);
        Self::parse(&shell::read(command.args(["--filter-platform", &host()?]))?)
    }

    pub(crate) fn parse(json: &str) -> Result<Self> {
        serde_json::from_str(json).context("cannot read the output of `cargo metadata`")
    }

    /// Our own packages.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| self.workspace_members.contains(&package.id))
    }

    /// The licences of all versions of a package.
    pub(crate) fn licences(&self, name: &str) -> Vec<String> {
        let named = self.packages.iter().filter(|package| package.name == name);
        let spelled = named.filter_map(|package| package.license.as_deref());
        // The old spelling of a choice is a slash.
        spelled
            .map(|licence| {
                licence
                    .split('/')
                    .map(str::trim)
                    .collect::<Vec<_>>()
                    .join(" OR ")
            })
            .collect()
    }
}
