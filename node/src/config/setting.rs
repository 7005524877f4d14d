//! One setting as typed, and where it stands: what each layer is made of.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::keys::{Key, Kind};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A config file; the line is unknown when the whole file is meant.
    File {
        /// The file.
        path: Arc<Path>,
        /// The line, from 1.
        line: Option<usize>,
    },
    /// An environment variable, by its name.
    Env(String),
    /// A flag, such as `--listen`.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File {
                path,
                line: Some(line),
            } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => path.display().fmt(f),
            Self::Env(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A value as typed, and where. Only a [`Kind::List`] has other than one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The texts.
    pub values: Vec<String>,
    /// Where they stand.
    pub origin: Origin,
}

/// Settings by name.
pub type Settings = BTreeMap<&'static str, Setting>;

/// Splits the text of a list at its commas; other settings have one value.
pub(super) fn split_list(key: &Key, text: &str) -> Vec<String> {
    match key.kind {
        Kind::List => text.split(',').map(|item| item.trim().to_owned()).collect(),
        _ => vec![text.to_owned()],
    }
}
