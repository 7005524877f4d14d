//! The shape of files: a module head, a size that fits in one head, no stray blanks.

use super::Finding;
use super::tree::Tree;

/// Longer than this asks for a split; far longer demands it.
const SOFT_LIMIT: usize = 300;
const HARD_LIMIT: usize = 600;
/// Tests are lists of cases and are read one at a time.
const TESTS_LIMIT: usize = 800;

pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    module_heads(tree, findings);
    lengths(tree, findings);
    blanks(tree, findings);
}

/// Every file says in its first line what it is for.
fn module_heads(tree: &Tree, findings: &mut Vec<Finding>) {
    for file in tree.ending("rs") {
        if !file.text.starts_with("//!") {
            findings.push(Finding::error(
                &file.path,
                1,
                "starts without a `//!` module head",
            ));
        }
    }
}

/// One file, one reason.
fn lengths(tree: &Tree, findings: &mut Vec<Finding>) {
    for file in tree.ending("rs") {
        let n_lines = file.text.lines().count();
        let is_test = is_test(&file.path);
        let hard = if is_test { TESTS_LIMIT } else { HARD_LIMIT };
        if n_lines > hard {
            let text = format!("{n_lines} lines, the limit is {hard}: split by reason to change");
            findings.push(Finding::error(&file.path, n_lines, text));
        } else if n_lines > SOFT_LIMIT && !is_test {
            let text = format!("{n_lines} lines, more than {SOFT_LIMIT}: think of a split");
            findings.push(Finding::warning(&file.path, n_lines, text));
        }
    }
}

/// A sibling `tests.rs`, or anything in a package's folder of integration tests.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.starts_with("tests/it/")
}

/// Blanks that a diff shows and a reader does not see.
fn blanks(tree: &Tree, findings: &mut Vec<Finding>) {
    for file in tree.ending("rs").chain(tree.ending("md")) {
        for (line, text) in file.lines() {
            if text.ends_with([' ', '\t', '\r']) {
                findings.push(Finding::error(
                    &file.path,
                    line,
                    "blanks at the end of the line",
                ));
            }
            if text.contains('\t') {
                findings.push(Finding::error(&file.path, line, "a tab"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::found;

    #[test]
    fn a_file_without_a_head_is_found() {
        let files = [
            ("a.rs", "//! Head.\n"),
            ("b.rs", "fn b() {}\n"),
            ("c.md", "# c\n"),
        ];
        assert_eq!(
            found(check, &files),
            ["b.rs:1 starts without a `//!` module head"]
        );
    }

    #[test]
    fn the_length_limit_depends_on_what_the_file_holds() {
        let of = |n_lines: usize| format!("//! Head.\n{}", "\n".repeat(n_lines - 1));
        let (soft, hard, tests) = (of(301), of(601), of(801));
        let files: [(&str, &str); 5] = [
            ("node/src/short.rs", &of(300)),
            ("node/src/soft.rs", &soft),
            ("node/src/hard.rs", &hard),
            ("node/src/round/tests.rs", &hard),
            ("node/tests/it/main.rs", &tests),
        ];
        let found = found(check, &files);
        assert_eq!(
            found,
            [
                "node/src/hard.rs:601 601 lines, the limit is 600: split by reason to change",
                "node/src/soft.rs:301 301 lines, more than 300: think of a split",
                "node/tests/it/main.rs:801 801 lines, the limit is 800: split by reason to change",
            ]
        );
    }

    #[test]
    fn tabs_and_trailing_blanks_are_found_with_their_lines() {
        let files = [("a.md", "one\ntwo \n\tthree\n"), ("a.toml", "x = 1 \n")];
        assert_eq!(
            found(check, &files),
            ["a.md:2 blanks at the end of the line", "a.md:3 a tab"]
        );
    }
}
