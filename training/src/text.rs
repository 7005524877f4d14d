//! The text form that models and optimizers share: `name:key=value,key=value`.
//! Owns splitting and its error texts; it knows no names and no keys.

use std::str::FromStr;

use crate::error::SpecError;

/// A split text form whose pairs are taken out one by one.
pub(crate) struct Form<'a> {
    what: &'static str,
    accepted: &'static str,
    text: &'a str,
    /// What stands before the colon.
    pub(crate) name: &'a str,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Form<'a> {
    pub(crate) fn split(
        what: &'static str,
        accepted: &'static str,
        text: &'a str,
    ) -> Result<Self, SpecError> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let mut form = Self {
            what,
            accepted,
            text,
            name,
            pairs: Vec::new(),
        };
        if rest.is_empty() {
            return Ok(form);
        }
        for item in rest.split(',') {
            let Some((key, value)) = item.split_once('=') else {
                return Err(form.error(format!("`{item}` is not of the form key=value")));
            };
            if form.pairs.iter().any(|(other, _)| *other == key) {
                return Err(form.error(format!("`{key}` is given twice")));
            }
            form.pairs.push((key, value));
        }
        Ok(form)
    }

    pub(crate) fn error(&self, problem: String) -> SpecError {
        SpecError {
            what: self.what,
            text: self.text.to_owned(),
            problem,
            accepted: self.accepted,
        }
    }

    /// The error for a name that nobody knows.
    pub(crate) fn unknown(&self) -> SpecError {
        self.error(format!("there is no `{}`", self.name))
    }

    /// Takes a value out, or the default if it is not there; `good` must hold for it.
    pub(crate) fn take<T: FromStr + Copy>(
        &mut self,
        key: &str,
        default: T,
        range: &str,
        good: impl Fn(T) -> bool,
    ) -> Result<T, SpecError> {
        let Some(at) = self.pairs.iter().position(|(other, _)| *other == key) else {
            return Ok(default);
        };
        let (_, value) = self.pairs.remove(at);
        match value.parse::<T>() {
            Ok(number) if good(number) => Ok(number),
            _ => Err(self.error(format!("`{key}` must be {range}, not `{value}`"))),
        }
    }

    /// Refuses pairs that nobody took.
    pub(crate) fn finish(self) -> Result<(), SpecError> {
        match self.pairs.first() {
            None => Ok(()),
            Some((key, _)) => Err(self.error(format!("`{}` has no `{key}`", self.name))),
        }
    }
}
