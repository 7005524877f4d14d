//! The wire format cannot change without its specification.
//!
//! `docs/wire.md` holds the BLAKE3 hash of `protocol/src/message.rs`. Whoever edits the messages
//! reads the page, changes it where needed, and blesses the new hash.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::Finding;
use super::tree::Tree;

const MESSAGES: &str = "protocol/src/message.rs";
const PAGE: &str = "docs/wire.md";
const MARK_START: &str = "<!-- message.rs: ";
const MARK_END: &str = " -->";

pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    let Some(messages) = tree.text(MESSAGES) else {
        return;
    };
    let Some(page) = tree.text(PAGE) else {
        findings.push(Finding::error(
            MESSAGES,
            1,
            format!("{PAGE} does not exist"),
        ));
        return;
    };
    let now = hash(messages);
    match mark(page) {
        None => {
            let text = format!("has no line `{MARK_START}{now}{MARK_END}`");
            findings.push(Finding::error(PAGE, 1, text));
        }
        Some((line, then)) if then != now => {
            let text = format!(
                "{MESSAGES} has changed since this page was checked; hint: bring the page up to \
                 date, then run `cargo xtask tidy --bless-wire`"
            );
            findings.push(Finding::error(PAGE, line, text));
        }
        Some(_) => {}
    }
}

/// Writes the current hash into the page.
pub(super) fn bless(root: &Path) -> Result<()> {
    let read = |path: &str| {
        fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
    };
    let blessed = with_mark(&read(PAGE)?, &hash(&read(MESSAGES)?));
    let blessed = blessed.with_context(|| format!("{PAGE} has no line `{MARK_START}…`"))?;
    fs::write(root.join(PAGE), blessed).with_context(|| format!("cannot write {PAGE}"))?;
    println!("{PAGE} now vouches for {MESSAGES}");
    Ok(())
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// The line number and the hash of the mark.
fn mark(page: &str) -> Option<(usize, &str)> {
    page.lines().enumerate().find_map(|(idx, line)| {
        let hash = line
            .trim()
            .strip_prefix(MARK_START)?
            .strip_suffix(MARK_END)?;
        Some((idx + 1, hash))
    })
}

/// The page with another hash in its mark.
fn with_mark(page: &str, hash: &str) -> Option<String> {
    let (_, old) = mark(page)?;
    let full = |hash: &str| format!("{MARK_START}{hash}{MARK_END}");
    Some(page.replacen(&full(old), &full(hash), 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::found;

    #[test]
    fn no_messages_need_no_page() {
        assert!(found(check, &[(PAGE, "# Wire\n")]).is_empty());
    }

    #[test]
    fn messages_without_a_page_or_a_mark_are_found() {
        let missing = format!("{MESSAGES}:1 {PAGE} does not exist");
        assert_eq!(found(check, &[(MESSAGES, "enum A {}")]), [missing]);
        let unmarked = found(check, &[(MESSAGES, "enum A {}"), (PAGE, "# Wire\n")]);
        assert!(
            unmarked
                .iter()
                .all(|line| line.starts_with("docs/wire.md:1 has no line"))
        );
        assert_eq!(unmarked.len(), 1);
    }

    #[test]
    fn a_changed_message_is_found_until_the_page_is_blessed() {
        let page = "# Wire\n\n<!-- message.rs: 00 -->\n";
        let found_stale = found(check, &[(MESSAGES, "enum A {}"), (PAGE, page)]);
        assert!(
            found_stale
                .iter()
                .all(|line| line.starts_with("docs/wire.md:3 "))
        );
        assert_eq!(found_stale.len(), 1);
        let blessed = with_mark(page, &hash("enum A {}")).expect("has a mark");
        assert!(found(check, &[(MESSAGES, "enum A {}"), (PAGE, &blessed)]).is_empty());
    }
}
