//! The one table of settings. The config file's keys, the `SPIRT_*` variables, the flags of
//! `run`, the help text and `spirt.example.toml` are all made from it.
//!
//! A setting has one name everywhere: `join-timeout` in the file, `--join-timeout` on the command
//! line, `SPIRT_JOIN_TIMEOUT` in the environment.

mod table;

pub use table::KEYS;

/// One setting.
#[derive(Debug)]
pub struct Key {
    /// Its name, in kebab case.
    pub name: &'static str,
    /// The heading it stands under in the help and in the example file.
    pub group: Group,
    /// The shape of its value.
    pub kind: Kind,
    /// The placeholder of its value, such as `DURATION`.
    pub value: &'static str,
    /// The default as one would type it; `None` when there is none or it has to be computed.
    pub default: Option<&'static str>,
    /// What stands in for the default in the help when `default` is `None`.
    pub otherwise: Option<&'static str>,
    /// An example for the commented-out line of the example file when there is no default.
    pub example: &'static str,
    /// What it does, in one line without a full stop.
    pub help: &'static str,
    /// What else is worth knowing; may be empty.
    pub more: &'static str,
    /// Where it is shown.
    pub show: Show,
}

/// The headings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Addresses.
    Network,
    /// How this node takes part.
    Run,
    /// What the run trains; decided by its founder.
    Training,
    /// How the run agrees and aggregates; decided by its founder.
    Aggregation,
    /// What this node tells people and programs.
    Observability,
    /// Playing a liar.
    Testing,
}

impl Group {
    /// All groups, in the order of the help.
    pub const ALL: [Self; 6] = [
        Self::Network,
        Self::Run,
        Self::Training,
        Self::Aggregation,
        Self::Observability,
        Self::Testing,
    ];

    /// The heading in the help and the example file.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Network => "Network",
            Self::Run => "Run",
            Self::Training => "Training (decided by the founder of the run)",
            Self::Aggregation => "Aggregation (decided by the founder of the run)",
            Self::Observability => "Observability",
            Self::Testing => "Testing",
        }
    }

    /// Whether its settings go into the run's specification, so that only the founder has them.
    pub const fn founder_only(self) -> bool {
        matches!(self, Self::Training | Self::Aggregation)
    }
}

/// The shape of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// On or off; a bare flag on the command line.
    Switch,
    /// A text with a form of its own.
    Text,
    /// A number without a unit.
    Number,
    /// A path.
    Path,
    /// One of these.
    Choice(&'static [&'static str]),
    /// Several texts: a repeatable flag, a comma list in the environment, an array in the file.
    List,
}

/// Where a setting is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// In `-h` too.
    Common,
    /// In `--help` and the example file only.
    Long,
    /// Nowhere.
    Hidden,
}

impl Key {
    /// The environment variable: `SPIRT_JOIN_TIMEOUT` for `join-timeout`.
    pub fn env(&self) -> String {
        format!("SPIRT_{}", self.name.replace('-', "_").to_ascii_uppercase())
    }

    /// The flag: `--join-timeout`.
    pub fn flag(&self) -> String {
        format!("--{}", self.name)
    }

    /// The default as the help shows it.
    pub fn shown_default(&self) -> Option<&'static str> {
        self.default.or(self.otherwise)
    }
}

/// The setting of this name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The closest of `names` to a misspelt one, if one is close enough to be meant.
pub fn did_you_mean<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.replace('_', "-").to_ascii_lowercase();
    let allowed = (typed.chars().count() / 3).clamp(1, 3);
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&typed, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

impl Key {
    const fn new(group: Group, name: &'static str, kind: Kind, value: &'static str) -> Self {
        Self {
            name,
            group,
            kind,
            value,
            default: None,
            otherwise: None,
            example: "",
            help: "",
            more: "",
            show: Show::Long,
        }
    }

    const fn default(self, default: &'static str) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }

    const fn otherwise(self, otherwise: &'static str) -> Self {
        Self {
            otherwise: Some(otherwise),
            ..self
        }
    }

    const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    const fn more(self, more: &'static str) -> Self {
        Self { more, ..self }
    }

    const fn common(self) -> Self {
        Self {
            show: Show::Common,
            ..self
        }
    }

    #[cfg(feature = "attacks")]
    const fn hidden(self) -> Self {
        Self {
            show: Show::Hidden,
            ..self
        }
    }
}
