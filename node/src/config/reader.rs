//! Takes values out of merged settings: typed ones, or problems that say where they stand.

use super::problem::{BadValue, Problem};
use super::setting::{Origin, Setting, Settings};

/// Merged settings, and the problems found in them so far.
pub(super) struct Reader<'a> {
    pub(super) settings: &'a Settings,
    pub(super) problems: &'a mut Vec<Problem>,
}

/// Reads one text.
type Parse<T> = fn(&str) -> Result<T, BadValue>;

impl Reader<'_> {
    pub(super) fn fail(&mut self, name: &str, origin: &Origin, bad: BadValue) {
        let message = match origin {
            Origin::File { .. } => format!("`{name}`: {}", bad.message),
            _ => bad.message,
        };
        let origin = origin.clone();
        self.problems.push(Problem {
            origin,
            message,
            hint: bad.hint,
        });
    }

    /// All values of a list, none when it is not set; `None` when one is bad.
    pub(super) fn list<T>(&mut self, name: &str, parse: Parse<T>) -> Option<Vec<T>> {
        let Some(setting) = self.settings.get(name) else {
            return Some(Vec::new());
        };
        let before = self.problems.len();
        let mut values = Vec::new();
        for text in &setting.values {
            match parse(text) {
                Ok(value) => values.push(value),
                Err(bad) => self.fail(name, &setting.origin, bad),
            }
        }
        if setting.values.is_empty() {
            self.fail(name, &setting.origin, BadValue::new("the list is empty"));
        }
        (self.problems.len() == before).then_some(values)
    }

    /// The value of a setting that has a default; `None` when it is bad.
    pub(super) fn one<T>(&mut self, name: &str, parse: Parse<T>) -> Option<T> {
        self.optional(name, parse)?
    }

    /// The value of a setting, if it is set; the outer `None` when it is bad.
    #[expect(
        clippy::option_option,
        reason = "bad, not set, and set are three answers"
    )]
    pub(super) fn optional<T>(&mut self, name: &str, parse: Parse<T>) -> Option<Option<T>> {
        let Some(setting) = self.settings.get(name) else {
            return Some(None);
        };
        let text = setting.values.first().map_or("", String::as_str);
        match parse(text) {
            Ok(value) => Some(Some(value)),
            Err(bad) => {
                self.fail(name, &setting.origin, bad);
                None
            }
        }
    }

    /// A complaint about two settings that do not go together: at the one that somebody gave.
    pub(super) fn fail_either(&mut self, names: [&str; 2], bad: BadValue) {
        let given = names
            .into_iter()
            .find_map(|name| Some((name, self.given(name)?.clone())));
        let (name, origin) = given.unwrap_or((names[0], Origin::Default));
        self.fail(name, &origin, bad);
    }

    /// Whether a setting was given, and where.
    pub(super) fn given(&self, name: &str) -> Option<&Origin> {
        let Setting { origin, .. } = self.settings.get(name)?;
        (*origin != Origin::Default).then_some(origin)
    }
}
