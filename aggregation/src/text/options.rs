//! The options after a name: `key=value,key=value`, in any order, none twice.

use std::num::NonZeroUsize;
use std::str::FromStr;

use crate::error::ParseRuleError;
use crate::rule::Score;

/// The options after a name, each to be taken once.
pub(super) struct Options<'a> {
    pub(super) name: &'static str,
    left: Vec<(&'a str, &'a str)>,
}

impl<'a> Options<'a> {
    /// Splits `text` into the known name and its options.
    pub(super) fn read(text: &'a str, names: &[&'static str]) -> Result<Self, ParseRuleError> {
        let (name, options) = match text.split_once(':') {
            Some((name, options)) => (name, Some(options)),
            None => (text, None),
        };
        let Some(&name) = names.iter().find(|known| **known == name) else {
            return Err(ParseRuleError::UnknownRule {
                name: name.to_owned(),
            });
        };
        let mut left: Vec<(&str, &str)> = Vec::new();
        for option in options.into_iter().flat_map(|options| options.split(',')) {
            match option.split_once('=') {
                Some((key, value)) if left.iter().all(|(other, _)| *other != key) => {
                    left.push((key, value));
                }
                Some(_) | None => return Err(unknown(name, option)),
            }
        }
        Ok(Self { name, left })
    }

    /// The value of an option, if it is given.
    pub(super) fn take(&mut self, key: &str) -> Option<&'a str> {
        let at = self.left.iter().position(|(other, _)| *other == key)?;
        Some(self.left.remove(at).1)
    }

    pub(super) fn number<T: FromStr>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        accept: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, ParseRuleError> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        match value.parse() {
            Ok(number) if accept(&number) => Ok(Some(number)),
            _ => Err(ParseRuleError::BadValue {
                rule: self.name,
                option: key,
                value: value.to_owned(),
                expected,
            }),
        }
    }

    pub(super) fn positive(&mut self, key: &'static str) -> Result<Option<f64>, ParseRuleError> {
        let accept = |x: &f64| *x > 0.0 && x.is_finite();
        self.number(key, "a finite number above 0", accept)
    }

    pub(super) fn count(
        &mut self,
        key: &'static str,
    ) -> Result<Option<NonZeroUsize>, ParseRuleError> {
        self.number(key, "a whole number of at least 1", |_| true)
    }

    pub(super) fn steps(&mut self) -> Result<Option<NonZeroUsize>, ParseRuleError> {
        let accept = |steps: &NonZeroUsize| steps.get() <= 10_000;
        self.number("iters", "a whole number from 1 to 10000", accept)
    }

    pub(super) fn own(&mut self) -> Result<usize, ParseRuleError> {
        let expected = "the index of a row, below 65536";
        let own = self.number("own", expected, |own: &usize| *own < 1 << 16)?;
        Ok(own.unwrap_or(0))
    }

    pub(super) fn score(&mut self) -> Result<Score, ParseRuleError> {
        match self.take("score") {
            None | Some("blanchard") => Ok(Score::Blanchard),
            Some("byzfl") => Ok(Score::Byzfl),
            Some(value) => Err(self.bad("score", value, "blanchard or byzfl")),
        }
    }

    pub(super) fn bad(
        &self,
        option: &'static str,
        value: &str,
        expected: &'static str,
    ) -> ParseRuleError {
        ParseRuleError::BadValue {
            rule: self.name,
            option,
            value: value.to_owned(),
            expected,
        }
    }

    pub(super) fn needs<T>(
        &self,
        option: &'static str,
        value: Option<T>,
    ) -> Result<T, ParseRuleError> {
        value.ok_or(ParseRuleError::MissingOption {
            rule: self.name,
            option,
        })
    }

    /// Everything was taken.
    pub(super) fn end(self) -> Result<(), ParseRuleError> {
        match self.left.first() {
            None => Ok(()),
            Some((key, value)) => Err(unknown(self.name, &format!("{key}={value}"))),
        }
    }
}

fn unknown(rule: &'static str, option: &str) -> ParseRuleError {
    ParseRuleError::UnknownOption {
        rule,
        option: option.to_owned(),
    }
}
