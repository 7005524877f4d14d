//! The settings as text: the commented example file, and what is in force now.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::keys::{Group, KEYS, Key, Kind, Show};
use super::layers::Loaded;
use super::setting::Origin;

const WIDTH: usize = 96;

const HEAD: &str = "\
# spirt-node: every setting with its default.
#
# A setting has one name everywhere: `join-timeout` here, --join-timeout on the command line,
# SPIRT_JOIN_TIMEOUT in the environment. Flags win over the environment, which wins over this
# file. A node reads <data dir>/config.toml, or the file that --config or SPIRT_CONFIG names.
# Lists are arrays, durations are texts with a unit: \"500ms\", \"30s\", \"5m\", \"2h\".
";

/// The commented example file: what `spirt-node config default` prints, and `spirt.example.toml`.
pub fn example() -> String {
    let mut text = HEAD.to_owned();
    for group in Group::ALL {
        let keys = || {
            KEYS.iter()
                .filter(|key| key.group == group && key.show != Show::Hidden)
        };
        if keys().next().is_none() {
            continue;
        }
        _ = write!(text, "\n# ---- {} ----\n", group.heading());
        for key in keys() {
            text.push('\n');
            comment(&mut text, &format!("{}.", key.help));
            comment(&mut text, key.more);
            if let Some(otherwise) = key.otherwise {
                comment(&mut text, &format!("Without it: {otherwise}."));
            }
            let value = match key.default {
                Some(default) => literal(key, &[default.to_owned()]),
                None => key.example.to_owned(),
            };
            _ = writeln!(text, "#{} = {value}", key.name);
        }
    }
    text
}

fn comment(text: &mut String, paragraph: &str) {
    let mut line = String::new();
    for word in paragraph.split_whitespace() {
        if !line.is_empty() && line.len() + word.len() + 3 > WIDTH {
            _ = writeln!(text, "# {line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        _ = writeln!(text, "# {line}");
    }
}

/// A value as TOML writes it.
fn literal(key: &Key, values: &[String]) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let first = values.first().map_or("", String::as_str);
    match key.kind {
        Kind::List => {
            let items: Vec<String> = values.iter().map(|text| quoted(text)).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Number if first.parse::<f64>().is_ok() => first.to_owned(),
        Kind::Switch if matches!(first, "true" | "false") => first.to_owned(),
        _ => quoted(first),
    }
}

/// The settings in force as TOML; with `origin`, each with where it comes from.
pub fn show(loaded: &Loaded, origin: bool) -> String {
    let mut text = String::new();
    for key in KEYS {
        let Some(setting) = loaded.settings.get(key.name) else {
            if key.show != Show::Hidden {
                let otherwise = key
                    .otherwise
                    .map(|text| format!(": {text}"))
                    .unwrap_or_default();
                _ = writeln!(text, "# {} is not set{otherwise}", key.name);
            }
            continue;
        };
        _ = write!(text, "{} = {}", key.name, literal(key, &setting.values));
        if origin {
            _ = write!(text, "  # {}", setting.origin);
        }
        text.push('\n');
    }
    text
}

/// The settings in force as one JSON object, each with its origin.
pub fn show_json(loaded: &Loaded) -> Value {
    let settings = KEYS.iter().filter_map(|key| {
        let setting = loaded.settings.get(key.name)?;
        let value = match key.kind {
            Kind::List => json!(setting.values),
            _ => json!(setting.values.first()),
        };
        let (kind, place) = match &setting.origin {
            Origin::Default => ("default", None),
            Origin::File { .. } => ("file", Some(setting.origin.to_string())),
            Origin::Env(name) => ("env", Some(name.clone())),
            Origin::Flag(name) => ("flag", Some(name.clone())),
        };
        let entry = json!({ "value": value, "origin": kind, "place": place });
        Some((key.name.to_owned(), entry))
    });
    json!({ "schema_version": 1, "settings": Value::Object(settings.collect()) })
}
