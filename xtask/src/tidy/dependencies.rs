//! Third-party crates: each room lists those that it may use, with the licence and the reason.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::Finding;
use super::tree::{File, Tree};
use crate::metadata::{Metadata, Package};

const LIST: &str = "xtask/allowed-dependencies.toml";

/// Room, then `normal`, `dev` or `build`, then crate.
type Allowed = BTreeMap<String, BTreeMap<String, BTreeMap<String, Entry>>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    licence: String,
    why: String,
}

pub(super) fn check(
    metadata: &Metadata,
    root: &Path,
    tree: &Tree,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let list = tree
        .text(LIST)
        .with_context(|| format!("{LIST} does not exist"))?;
    let allowed: Allowed = toml::from_str(list).with_context(|| format!("cannot read {LIST}"))?;
    let ours: Vec<&str> = metadata
        .members()
        .map(|package| package.name.as_str())
        .collect();
    for package in metadata.members() {
        let room = package.room(root);
        shared_lints(&room, tree, findings);
        listed(package, &room, &ours, &allowed, findings);
    }
    stale(metadata, root, list, &allowed, findings);
    entries(metadata, list, &allowed, findings);
    Ok(())
}

/// Every package takes the workspace's lints.
fn shared_lints(room: &str, tree: &Tree, findings: &mut Vec<Finding>) {
    let path = format!("{room}/Cargo.toml");
    let manifest = tree
        .text(&path)
        .and_then(|text| text.parse::<toml::Table>().ok());
    let shared = manifest.and_then(|table| table.get("lints")?.get("workspace")?.as_bool());
    if shared != Some(true) {
        findings.push(Finding::error(&path, 1, "has no `lints.workspace = true`"));
    }
}

/// Every crate that a room uses is on the room's list.
fn listed(
    package: &Package,
    room: &str,
    ours: &[&str],
    allowed: &Allowed,
    findings: &mut Vec<Finding>,
) {
    for dependency in &package.dependencies {
        let (name, kind) = (dependency.name.as_str(), dependency.kind());
        let in_list = allowed
            .get(room)
            .and_then(|kinds| kinds.get(kind)?.get(name))
            .is_some();
        if !ours.contains(&name) && !in_list {
            let text = format!(
                "{name} is not allowed here; hint: [{room}.{kind}] in {LIST}, with its reason"
            );
            findings.push(Finding::error(&format!("{room}/Cargo.toml"), 1, text));
        }
    }
}

/// An entry that nobody uses is a door left open.
fn stale(
    metadata: &Metadata,
    root: &Path,
    list: &str,
    allowed: &Allowed,
    findings: &mut Vec<Finding>,
) {
    for (room, kind, name, _) in flat(allowed) {
        let package = metadata
            .members()
            .find(|package| package.room(root) == room);
        let uses = package.is_some_and(|package| {
            package
                .dependencies
                .iter()
                .any(|other| other.name == name && other.kind() == kind)
        });
        if !uses {
            let text = format!("{room} does not use {name} ({kind})");
            findings.push(Finding::warning(
                LIST,
                line_of(list, room, kind, name),
                text,
            ));
        }
    }
}

/// Every entry has a reason, and the licence that the crate states.
fn entries(metadata: &Metadata, list: &str, allowed: &Allowed, findings: &mut Vec<Finding>) {
    for (room, kind, name, entry) in flat(allowed) {
        let line = line_of(list, room, kind, name);
        if entry.why.trim().is_empty() {
            findings.push(Finding::error(LIST, line, format!("{name} has no reason")));
        }
        let stated = metadata.licences(name);
        if !stated.is_empty() && !stated.contains(&entry.licence) {
            let text = format!(
                "{name} is under {}, not {}",
                stated.join(", "),
                entry.licence
            );
            findings.push(Finding::error(LIST, line, text));
        }
    }
}

fn flat(allowed: &Allowed) -> impl Iterator<Item = (&str, &str, &str, &Entry)> {
    allowed.iter().flat_map(|(room, kinds)| {
        kinds.iter().flat_map(move |(kind, crates)| {
            let row = move |(name, entry)| (room.as_str(), kind.as_str(), name, entry);
            crates
                .iter()
                .map(|(name, entry)| (name.as_str(), entry))
                .map(row)
        })
    })
}

/// The line of an entry: the first with its name below the head of its table.
fn line_of(list: &str, room: &str, kind: &str, name: &str) -> usize {
    let file = File {
        path: LIST.to_owned(),
        text: list.to_owned(),
    };
    let head = format!("[{room}.{kind}]");
    let below = file.lines().skip_while(|(_, line)| line.trim() != head);
    let start = format!("{name} =");
    below
        .into_iter()
        .find(|(_, line)| line.starts_with(&start))
        .map_or(1, |(line, _)| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{"workspace_members": ["n"], "packages": [
        {"id": "n", "name": "spirt-node", "license": null, "features": {},
         "manifest_path": "/w/node/Cargo.toml",
         "dependencies": [{"name": "serde"}, {"name": "serde", "kind": "dev"}]},
        {"id": "s", "name": "serde", "license": "MIT/Apache-2.0", "features": {},
         "manifest_path": "/c/serde/Cargo.toml", "dependencies": []}
    ]}"#;

    fn found(manifest: &str, list: &str) -> Vec<String> {
        let tree = Tree::of(&[("node/Cargo.toml", manifest), (LIST, list)]);
        let metadata = Metadata::parse(METADATA).expect("valid");
        let mut findings = Vec::new();
        check(&metadata, Path::new("/w"), &tree, &mut findings).expect("the list is valid");
        let line = |found: Finding| format!("{}:{} {}", found.path, found.line, found.text);
        findings.into_iter().map(line).collect()
    }

    const SHARED: &str = "[lints]\nworkspace = true\n";
    const LISTED: &str = "[node.normal]\nserde = { licence = \"MIT OR Apache-2.0\", why = \"a\" }\n\
        [node.dev]\nserde = { licence = \"MIT OR Apache-2.0\", why = \"b\" }\n";

    #[test]
    fn listed_crates_with_reasons_are_fine() {
        assert!(found(SHARED, LISTED).is_empty());
    }

    #[test]
    fn a_package_with_lints_of_its_own_is_found() {
        let found = found("[lints.rust]\nmissing_docs = \"allow\"\n", LISTED);
        assert_eq!(found, ["node/Cargo.toml:1 has no `lints.workspace = true`"]);
    }

    #[test]
    fn a_crate_for_tests_is_not_thereby_allowed_in_the_product() {
        let only_dev = LISTED
            .split_once("[node.dev]")
            .map(|(_, dev)| format!("[node.dev]{dev}"));
        let found = found(SHARED, &only_dev.expect("has both"));
        assert_eq!(found.len(), 1);
        assert!(
            found
                .iter()
                .all(|line| line.starts_with("node/Cargo.toml:1 serde is not allowed"))
        );
    }

    #[test]
    fn an_unused_crate_an_empty_reason_and_a_wrong_licence_are_found() {
        let list = LISTED
            .replace("\"b\"", "\" \"")
            .replacen("MIT OR Apache-2.0", "GPL-3.0", 1);
        let list = format!("{list}[lab.normal]\nplotters = {{ licence = \"MIT\", why = \"c\" }}\n");
        assert_eq!(
            found(SHARED, &list),
            [
                "xtask/allowed-dependencies.toml:6 lab does not use plotters (normal)",
                "xtask/allowed-dependencies.toml:4 serde has no reason",
                "xtask/allowed-dependencies.toml:2 serde is under MIT OR Apache-2.0, not GPL-3.0",
            ]
        );
    }
}
