//! Who may know whom: the arrows between the rooms of the workspace.

use std::path::Path;

use super::Finding;
use crate::metadata::{Metadata, Package};

/// Each package with the packages of this workspace that it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("spirt-aggregation", &[]),
    ("spirt-protocol", &[]),
    ("spirt-training", &[]),
    (
        "spirt-node",
        &["spirt-aggregation", "spirt-protocol", "spirt-training"],
    ),
    ("spirt-lab", &["spirt-node"]),
    ("spirt-tests", &["spirt-node", "spirt-protocol"]),
    ("spirt-fuzz", &["spirt-protocol", "spirt-aggregation"]),
    ("xtask", &[]),
];

pub(super) fn check(metadata: &Metadata, root: &Path, findings: &mut Vec<Finding>) {
    let ours: Vec<&str> = metadata
        .members()
        .map(|package| package.name.as_str())
        .collect();
    for package in metadata.members() {
        let manifest = format!("{}/Cargo.toml", package.room(root));
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
            let text = format!("{} has no row in xtask/src/tidy/arrows.rs", package.name);
            findings.push(Finding::error(&manifest, 1, text));
            continue;
        };
        for name in wrong_arrows(package, &ours, allowed) {
            let text = format!(
                "{} must not depend on {name} (ARCHITECTURE.md)",
                package.name
            );
            findings.push(Finding::error(&manifest, 1, text));
        }
    }
}

/// Workspace packages that a package depends on, in any way, and may not. A package may list
/// itself, to turn on its own features for its tests.
fn wrong_arrows<'a>(package: &'a Package, ours: &[&str], allowed: &[&str]) -> Vec<&'a str> {
    let mut wrong: Vec<&str> = Vec::new();
    for dependency in &package.dependencies {
        let name = dependency.name.as_str();
        if ours.contains(&name) && name != package.name && !allowed.contains(&name) {
            wrong.push(name);
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(packages: &str) -> Vec<String> {
        let json =
            format!(r#"{{"workspace_members": ["a", "p", "n", "x"], "packages": [{packages}]}}"#);
        let metadata = Metadata::parse(&json).expect("valid");
        let mut findings = Vec::new();
        check(&metadata, Path::new("/w"), &mut findings);
        findings
            .into_iter()
            .map(|found| format!("{}: {}", found.path, found.text))
            .collect()
    }

    fn package(id: &str, name: &str, room: &str, dependencies: &str) -> String {
        format!(
            r#"{{"id": "{id}", "name": "{name}", "license": null, "features": {{}},
                "manifest_path": "/w/{room}/Cargo.toml", "dependencies": [{dependencies}]}}"#
        )
    }

    #[test]
    fn an_arrow_between_the_inner_rooms_is_found_even_for_tests() {
        let arrow = r#"{"name": "spirt-protocol", "kind": "dev"}"#;
        let aggregation = package("a", "spirt-aggregation", "aggregation", arrow);
        let protocol = package("p", "spirt-protocol", "protocol", "");
        let node = package("n", "spirt-node", "node", arrow);
        assert_eq!(
            found(&[aggregation, protocol, node].join(",")),
            [
                "aggregation/Cargo.toml: spirt-aggregation must not depend on spirt-protocol \
                (ARCHITECTURE.md)"
            ]
        );
    }

    #[test]
    fn a_new_package_needs_a_row() {
        let found = found(&package(
            "x",
            "spirt-extra",
            "extra",
            r#"{"name": "serde"}"#,
        ));
        let text = "extra/Cargo.toml: spirt-extra has no row in xtask/src/tidy/arrows.rs";
        assert_eq!(found, [text]);
    }
}
