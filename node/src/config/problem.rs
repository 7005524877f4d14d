//! What is wrong with the settings: where it stands, what it is, what to do.

use std::fmt;

use super::setting::Origin;

/// One thing wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where the setting comes from.
    pub origin: Origin,
    /// What is wrong, lower case, without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Default => f.write_str(&self.message),
            origin => write!(f, "{origin}: {}", self.message),
        }
    }
}

/// The settings do not make a [`Config`](super::Config). Holds every problem, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The problems, those of the command line first.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    /// Whether the command line or the environment is at fault, rather than a file.
    pub fn is_usage(&self) -> bool {
        let typed = |origin: &Origin| matches!(origin, Origin::Flag(_) | Origin::Env(_));
        self.problems.iter().any(|problem| typed(&problem.origin))
    }

    /// What to do about the first problem.
    pub fn hint(&self) -> Option<String> {
        self.problems.first()?.hint.clone()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [] => f.write_str("the settings are not usable"),
            [only] => only.fmt(f),
            [first, rest @ ..] => {
                let more = rest.len();
                write!(
                    f,
                    "{first} (and {more} more: see `spirt-node config check`)"
                )
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// A text that is not a value of the type wanted. It does not know where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadValue {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl BadValue {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    pub(super) fn at(self, origin: Origin) -> Problem {
        Problem {
            origin,
            message: self.message,
            hint: self.hint,
        }
    }
}
