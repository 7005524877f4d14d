//! The layers: flags over environment over config file over defaults, each value with its origin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::env::CONFIG_VARIABLE;
use super::keys::KEYS;
use super::problem::{BadValue, ConfigError, Problem};
use super::setting::{Origin, Setting, Settings, split_list};
use super::{Config, Environment, Verbosity, file, resolve, value};

/// Flags as typed, by the name of the setting.
pub type Flags = BTreeMap<&'static str, Vec<String>>;

/// What the layers are read from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The command line.
    pub flags: Flags,
    /// `-v` and `-q`.
    pub verbosity: Verbosity,
    /// `--config`.
    pub config_file: Option<PathBuf>,
    /// The environment.
    pub env: Environment,
}

/// The layers, merged.
#[derive(Debug)]
pub struct Loaded {
    /// Every setting that has a value, the strongest layer's.
    pub settings: Settings,
    /// The config file that was read.
    pub file: Option<PathBuf>,
    outcome: Result<Config, ConfigError>,
}

impl Loaded {
    /// What is wrong; empty when the settings are usable.
    pub fn problems(&self) -> &[Problem] {
        self.outcome
            .as_ref()
            .err()
            .map_or(&[], |error| &error.problems)
    }

    /// Whether errors are to be JSON; works for settings that are not usable, too.
    pub fn wants_json(&self) -> bool {
        let text = self
            .settings
            .get("json")
            .and_then(|setting| setting.values.first());
        text.is_some_and(|text| value::switch(text) == Ok(true))
    }

    /// The typed settings.
    ///
    /// # Errors
    /// All problems, when there are any.
    pub fn into_config(self) -> Result<Config, ConfigError> {
        self.outcome
    }
}

/// Reads all layers. Never stops at the first problem.
pub fn load(sources: Sources) -> Loaded {
    let mut problems = Vec::new();
    let flags = flag_settings(sources.flags);
    let (env, bad_env) = sources.env.settings();
    problems.extend(bad_env);

    let mut settings = defaults(&sources.env);
    let upper: Settings = env.into_iter().chain(flags).collect();
    let file = config_file(
        sources.config_file.as_deref(),
        &sources.env,
        &settings,
        &upper,
    );
    if let Some((path, explicit)) = &file {
        let (mut from_file, bad_file) = file::read(path);
        problems.extend(bad_file);
        if !explicit && let Some(setting) = from_file.remove("data-dir") {
            problems.push(data_dir_in_data_dir().at(setting.origin));
        }
        settings.extend(from_file);
    }
    settings.extend(upper);

    let config = resolve::resolve(&settings, sources.verbosity, &sources.env, &mut problems);
    let outcome = match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => {
            problems.sort_by_key(|problem| match problem.origin {
                Origin::Flag(_) => (0, None),
                Origin::Env(_) => (1, None),
                Origin::File { line, .. } => (2, line),
                Origin::Default => (3, None),
            });
            Err(ConfigError { problems })
        }
    };
    Loaded {
        settings,
        file: file.map(|(path, _)| path),
        outcome,
    }
}

/// The data dir that the layers name, for commands that talk to a running node. It reads no more
/// of the settings than that, so that a mistake elsewhere does not keep `status` from working.
///
/// # Errors
/// When no layer names one and there is no home folder to put it in.
pub fn locate_data_dir(flag: Option<PathBuf>, env: &Environment) -> Result<PathBuf, ConfigError> {
    if let Some(dir) = flag {
        return Ok(dir);
    }
    if let Some(dir) = env.get("SPIRT_DATA_DIR") {
        return Ok(dir.into());
    }
    if let Some(path) = env.get(CONFIG_VARIABLE) {
        let (settings, _) = file::read(Path::new(path));
        if let Some(dir) = settings
            .get("data-dir")
            .and_then(|setting| setting.values.first())
        {
            return Ok(dir.into());
        }
    }
    default_data_dir(env).ok_or_else(|| ConfigError {
        problems: vec![resolve::homeless()],
    })
}

fn flag_settings(flags: Flags) -> Settings {
    flags
        .into_iter()
        .map(|(name, values)| {
            (
                name,
                Setting {
                    values,
                    origin: Origin::Flag(format!("--{name}")),
                },
            )
        })
        .collect()
}

fn defaults(env: &Environment) -> Settings {
    let mut settings = Settings::new();
    for key in KEYS {
        if let Some(text) = key.default {
            let values = split_list(key, text);
            settings.insert(
                key.name,
                Setting {
                    values,
                    origin: Origin::Default,
                },
            );
        }
    }
    if let Some(dir) = default_data_dir(env).and_then(|dir| dir.into_os_string().into_string().ok())
    {
        settings.insert(
            "data-dir",
            Setting {
                values: vec![dir],
                origin: Origin::Default,
            },
        );
    }
    settings
}

/// The XDG rule: an absolute `$XDG_DATA_HOME`, else `$HOME/.local/share`.
fn default_data_dir(env: &Environment) -> Option<PathBuf> {
    let absolute = |name| {
        env.get(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let share = absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local").join("share")))?;
    Some(share.join("spirt"))
}

/// The config file to read, and whether somebody named it. An ephemeral node has none of its own.
fn config_file(
    flag: Option<&Path>,
    env: &Environment,
    defaults: &Settings,
    upper: &Settings,
) -> Option<(PathBuf, bool)> {
    if let Some(path) = flag.or_else(|| env.get(CONFIG_VARIABLE).map(Path::new)) {
        return Some((path.to_owned(), true));
    }
    let first = |name| {
        let setting: &Setting = upper.get(name).or_else(|| defaults.get(name))?;
        setting.values.first()
    };
    if first("ephemeral").is_some_and(|text| value::switch(text) == Ok(true)) {
        return None;
    }
    let path = Path::new(first("data-dir")?).join("config.toml");
    path.exists().then_some((path, false))
}

fn data_dir_in_data_dir() -> BadValue {
    BadValue::new("`data-dir` cannot stand in the config file of a data dir")
        .hint("use --data-dir or SPIRT_DATA_DIR, or name this file with --config")
}
