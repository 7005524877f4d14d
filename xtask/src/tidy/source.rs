//! Things that must not stand in the code, each with the reason.

use super::Finding;
use super::tree::Tree;

/// A piece of text that code may hold only in some places.
struct Ban {
    /// What to look for. `concat!` keeps this file from finding itself.
    texts: &'static [&'static str],
    /// Starts of paths, or whole folder names between slashes, where it may stand.
    allowed: &'static [&'static str],
    why: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        texts: &[concat!("#[", "ignore")],
        allowed: &[],
        why: "a test that does not run: mend it, or assert what happens now and say so",
    },
    Ban {
        texts: &[concat!("#[", "should_panic")],
        allowed: &[],
        why: "which line panicked? return an error, or catch the panic where it must happen",
    },
    Ban {
        texts: &[concat!("unbounded", "_channel")],
        allowed: &[],
        why: "an unbounded queue: a slow reader or a liar fills the memory",
    },
    Ban {
        texts: &[
            concat!("print", "ln!("),
            concat!("eprint", "ln!("),
            concat!("print", "!("),
            concat!("eprint", "!("),
        ],
        allowed: &[
            "node/src/output.rs",
            "lab/src/output.rs",
            "xtask/",
            "tests/src/bin/",
            "/examples/",
            "/benches/",
            "/build.rs",
        ],
        why: "only output.rs of node and lab prints; elsewhere log or return the text",
    },
    Ban {
        texts: &[
            concat!("unsafe", " {"),
            concat!("unsafe", " fn"),
            concat!("unsafe", " impl"),
            concat!("unsafe", " extern"),
            concat!("unsafe", " trait"),
            concat!("unsafe", "("),
        ],
        allowed: UNSAFE_ALLOWED,
        why: "unsafe code in a file that xtask/src/tidy/source.rs does not list",
    },
];

/// Where unsafe code may stand, because the speed or the foreign interface needs it.
const UNSAFE_ALLOWED: &[&str] = &[
    "aggregation/src/engine/simd",
    "aggregation/benches/rules/peak.rs",
];

pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for file in tree.ending("rs") {
        let bans = BANS
            .iter()
            .filter(|ban| !ban.allowed.iter().any(|at| is_at(&file.path, at)));
        let bans: Vec<&Ban> = bans.collect();
        for (line, text) in file.code() {
            for ban in &bans {
                if ban.texts.iter().any(|banned| has_word(text, banned)) {
                    findings.push(Finding::error(&file.path, line, ban.why));
                }
            }
        }
    }
}

fn is_at(path: &str, place: &str) -> bool {
    if place.starts_with('/') {
        path.contains(place)
    } else {
        path.starts_with(place)
    }
}

/// Whether `text` holds `word`, not as the tail of a longer name.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        !before.is_some_and(|last| last.is_alphanumeric() || last == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::found;

    fn lines_found(path: &str, text: &str) -> Vec<String> {
        let found = found(check, &[(path, text)]);
        let place = |line: &String| line.split_once(' ').map(|(place, _)| place.to_owned());
        found.iter().filter_map(place).collect()
    }

    #[test]
    fn tests_that_do_not_run_or_want_a_panic_are_found() {
        let text = concat!("#[", "ignore = \"slow\"]\nfn a() {}\n#[", "should_panic]\n");
        assert_eq!(
            lines_found("node/src/a.rs", text),
            ["node/src/a.rs:1", "node/src/a.rs:3"]
        );
    }

    #[test]
    fn an_unbounded_queue_is_found_and_its_mention_in_a_comment_is_not() {
        let text = concat!(
            "// no unbounded",
            "_channel here\nlet c = mpsc::unbounded",
            "_channel();"
        );
        assert_eq!(lines_found("node/src/a.rs", text), ["node/src/a.rs:2"]);
    }

    #[test]
    fn printing_is_for_the_output_file_and_tools() {
        let text = concat!("println", "!(\"x\");\n");
        assert_eq!(
            lines_found("node/src/cli/run.rs", text),
            ["node/src/cli/run.rs:1"]
        );
        assert!(lines_found("node/src/output.rs", text).is_empty());
        assert!(lines_found("protocol/examples/sim.rs", text).is_empty());
        assert!(lines_found("node/src/a.rs", "log::myprintln!(\"x\");").is_empty());
    }

    #[test]
    fn unsafe_code_is_found_and_the_name_of_its_lint_is_not() {
        let text = concat!("#![deny(unsafe_code)]\nlet a = unsafe", " { *p };\n");
        assert_eq!(
            lines_found("aggregation/src/simd.rs", text),
            ["aggregation/src/simd.rs:2"]
        );
    }
}
