//! The config file: TOML, one key per setting, no sections. Unknown keys are errors.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{self, KEYS, Key, Kind};
use super::problem::{BadValue, Problem};
use super::setting::{Origin, Setting, Settings, split_list};

/// Reads a config file into settings; collects every problem instead of stopping at the first.
pub(super) fn read(path: &Path) -> (Settings, Vec<Problem>) {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(path, &text),
        Err(error) => {
            let problem = BadValue::new(format!("cannot read the config file: {error}"))
                .hint("check the path and its permissions")
                .at(Origin::File {
                    path: path.into(),
                    line: None,
                });
            (Settings::new(), vec![problem])
        }
    }
}

fn parse(path: &Path, text: &str) -> (Settings, Vec<Problem>) {
    let (mut settings, mut problems) = (Settings::new(), Vec::new());
    let path: Arc<Path> = path.into();
    let origin = |span: Range<usize>| Origin::File {
        path: Arc::clone(&path),
        line: Some(line_of(text, span.start)),
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = origin(error.span().unwrap_or_default());
        problems.push(BadValue::new(error.message().replace('\n', ", ")).at(at));
    }
    if !errors.is_empty() {
        // One mistake often breaks the rest of its line.
        problems.dedup_by(|next, first| next.origin == first.origin);
        return (settings, problems);
    }
    for (name, value) in table.get_ref() {
        let at = origin(name.span());
        let parsed = known(name.get_ref(), value.get_ref())
            .and_then(|key| Ok((key, values(key, value).map_err(|bad| prefixed(key, bad))?)));
        match parsed {
            Ok((key, values)) => {
                settings.insert(key.name, Setting { values, origin: at });
            }
            Err(bad) => problems.push(bad.at(at)),
        }
    }
    (settings, problems)
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}

fn known(name: &str, value: &DeValue<'_>) -> Result<&'static Key, BadValue> {
    if let Some(key) = keys::find(name) {
        return Ok(key);
    }
    if value.is_table() {
        return Err(BadValue::new(format!("there is no section `{name}`"))
            .hint("the file has no sections: all keys stand at the top level"));
    }
    let bad = BadValue::new(format!("unknown key `{name}`"));
    Err(
        match keys::did_you_mean(name, KEYS.iter().map(|key| key.name)) {
            Some(meant) => bad.hint(format!("did you mean `{meant}`?")),
            None => bad.hint("all keys: spirt-node config default"),
        },
    )
}

fn prefixed(key: &Key, bad: BadValue) -> BadValue {
    BadValue {
        message: format!("`{}`: {}", key.name, bad.message),
        hint: bad.hint,
    }
}

fn values(key: &Key, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, BadValue> {
    match (key.kind, value.get_ref()) {
        (Kind::List, DeValue::Array(items)) => {
            items.iter().map(|item| scalar(item.get_ref())).collect()
        }
        (_, value) => Ok(split_list(key, &scalar(value)?)),
    }
}

fn scalar(value: &DeValue<'_>) -> Result<String, BadValue> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(i128::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| number.as_str().to_owned(), |number| number.to_string())),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(on) => Ok(on.to_string()),
        other => Err(BadValue::new(format!(
            "expected a single value, found {}",
            article(other)
        ))),
    }
}

fn article(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {kind}")
}
