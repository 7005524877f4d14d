//! The environment, captured once: the `SPIRT_*` settings and the few other variables in use.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::keys::{self, KEYS};
use super::problem::{BadValue, Problem};
use super::setting::{Origin, Setting, Settings, split_list};

/// The config file to read instead of the one in the data dir.
pub(super) const CONFIG_VARIABLE: &str = "SPIRT_CONFIG";
const PREFIX: &str = "SPIRT_";
const OTHERS: [&str; 4] = ["HOME", "NO_COLOR", "RUST_LOG", "XDG_DATA_HOME"];

/// The variables that a node reads. An empty variable counts as one that is not set, because
/// container files cannot unset one.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Those of this process.
    pub fn capture() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect()
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(name).map(OsString::as_os_str)
    }

    /// The settings that stand in the environment, and what is wrong with them.
    pub(super) fn settings(&self) -> (Settings, Vec<Problem>) {
        let (mut settings, mut problems) = (Settings::new(), Vec::new());
        for (name, value) in self.0.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
            let origin = Origin::Env(name.clone());
            let Some(key) = KEYS.iter().find(|key| key.env() == *name) else {
                problems.extend(misspelt(name).map(|bad| bad.at(origin)));
                continue;
            };
            match value.to_str() {
                Some(text) => {
                    let values = split_list(key, text);
                    settings.insert(key.name, Setting { values, origin });
                }
                None => problems.push(BadValue::new("the value is not UTF-8").at(origin)),
            }
        }
        (settings, problems)
    }
}

impl FromIterator<(String, OsString)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, OsString)>>(variables: I) -> Self {
        let used = |name: &str| name.starts_with(PREFIX) || OTHERS.contains(&name);
        Self(
            variables
                .into_iter()
                .filter(|(name, value)| used(name) && !value.is_empty())
                .collect(),
        )
    }
}

/// A complaint about a variable that looks like a misspelt setting. Other variables that start
/// with `SPIRT_` are none of our business: Kubernetes makes some for a service named `spirt`.
fn misspelt(name: &str) -> Option<BadValue> {
    if name == CONFIG_VARIABLE {
        return None;
    }
    let typed = name.trim_start_matches(PREFIX);
    let meant = keys::did_you_mean(typed, KEYS.iter().map(|key| key.name))?;
    let meant = keys::find(meant)?.env();
    Some(BadValue::new("there is no such setting").hint(format!("did you mean {meant}?")))
}
