//! The text files of the repository, read once for all checks.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Endings of the files that the checks look at.
const ENDINGS: &[&str] = &["rs", "md", "toml"];

/// Some or all files of the repository.
pub(super) struct Tree {
    pub(super) files: Vec<File>,
}

/// A text file.
pub(super) struct File {
    /// Path from the root, with `/` between folders.
    pub(super) path: String,
    pub(super) text: String,
}

impl Tree {
    /// Reads everything below a folder but build outputs and hidden folders.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self { files: Vec::new() };
        tree.read_folder(root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        let entries = fs::read_dir(folder);
        for entry in entries.with_context(|| format!("cannot list {}", folder.display()))? {
            let entry = entry?;
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if kind.is_dir() && !is_skipped(&path) {
                self.read_folder(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file() && has_known_ending(&path) {
                let text = fs::read_to_string(entry.path());
                let text = text.with_context(|| format!("cannot read {path}"))?;
                self.files.push(File { path, text });
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| File {
            path: path.into(),
            text: text.into(),
        };
        Self {
            files: files.iter().map(file).collect(),
        }
    }

    /// The files with one ending.
    pub(super) fn ending(&self, ending: &str) -> impl Iterator<Item = &File> {
        self.files
            .iter()
            .filter(move |file| file.ending() == ending)
    }

    /// The text of one file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    }
}

impl File {
    /// The lines with their numbers, from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .split('\n')
            .enumerate()
            .map(|(idx, line)| (idx + 1, line))
    }

    /// The lines of a Rust file that are more than a comment.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn ending(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, ending)| ending)
    }
}

fn is_skipped(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with('.') || path == "target" || path.starts_with("target-")
}

fn has_known_ending(path: &str) -> bool {
    path.rsplit_once('.')
        .is_some_and(|(_, ending)| ENDINGS.contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_read_without_its_build_outputs() {
        let tree = Tree::read(&crate::shell::root()).expect("readable");
        assert!(tree.text("xtask/src/tidy/tree.rs").is_some());
        assert!(
            tree.files
                .iter()
                .all(|file| !file.path.starts_with("target/"))
        );
    }

    #[test]
    fn code_is_what_no_line_comment_hides() {
        let tree = Tree::of(&[("a.rs", "//! head\nfn a() {}\n    // note\n")]);
        let code: Vec<_> = tree.ending("rs").flat_map(File::code).collect();
        assert_eq!(code, [(2, "fn a() {}"), (4, "")]);
    }
}
