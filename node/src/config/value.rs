//! From text to typed values: switches, counts, durations, choices, names.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use spirt_aggregation::Pipeline;
use spirt_protocol::{Encoding, RunId};
use spirt_training::{DataSpec, ModelSpec, OptimizerSpec, SpecError};
use tracing_subscriber::EnvFilter;

use super::Division;
use super::problem::BadValue;
use crate::encoding;

/// How to write the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One line per event.
    #[default]
    Compact,
    /// Several lines per event, for reading along.
    Pretty,
    /// One JSON object per event.
    Json,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How often `-v` or `-q` was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verbosity {
    /// Neither.
    #[default]
    Normal,
    /// `-v` once.
    Verbose,
    /// `-v` twice or more.
    Trace,
    /// `-q`.
    Quiet,
}

impl Verbosity {
    /// The log filter it stands for; `None` leaves the decision to the other settings.
    pub fn filter(self) -> Option<&'static str> {
        match self {
            Self::Normal => None,
            Self::Verbose => Some(
                "info,spirt_node=debug,spirt_protocol=debug,spirt_training=debug,\
                 spirt_aggregation=debug",
            ),
            Self::Trace => Some(
                "debug,spirt_node=trace,spirt_protocol=trace,spirt_training=trace,\
                 spirt_aggregation=trace",
            ),
            Self::Quiet => Some("error"),
        }
    }
}

const HOUR: (Duration, &str) = (Duration::from_secs(3600), "one hour");

type Parsed<T> = Result<T, BadValue>;

/// The words that an environment variable may use for a switch.
pub(super) fn switch(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(BadValue::new(format!("`{text}` is neither true nor false"))),
    }
}

/// A path.
pub(super) fn path(text: &str) -> Parsed<PathBuf> {
    if text.is_empty() {
        return Err(BadValue::new("the path is empty"));
    }
    Ok(text.into())
}

/// A model, in canonical form.
pub(super) fn model(text: &str) -> Parsed<String> {
    Ok(training(text.parse::<ModelSpec>())?.to_string())
}

/// A data source, in canonical form.
pub(super) fn data(text: &str) -> Parsed<String> {
    Ok(training(text.parse::<DataSpec>())?.to_string())
}

/// An optimizer, in canonical form.
pub(super) fn optimizer(text: &str) -> Parsed<String> {
    Ok(training(text.parse::<OptimizerSpec>())?.to_string())
}

fn training<T>(parsed: Result<T, SpecError>) -> Parsed<T> {
    parsed.map_err(|error| BadValue::new(error.to_string()).hint(error.hint()))
}

/// An encoding.
pub(super) fn encoding(text: &str) -> Parsed<Encoding> {
    let hint = || format!("write one of: {}", encoding::ENCODINGS);
    encoding::parse(text)
        .ok_or_else(|| BadValue::new(format!("there is no encoding `{text}`")).hint(hint()))
}

/// An aggregation rule.
pub(super) fn rule(text: &str) -> Parsed<Pipeline> {
    text.parse()
        .map_err(|error| BadValue::new(format!("{error}")))
}

/// An attack, in canonical form.
#[cfg(feature = "attacks")]
pub(super) fn attack(text: &str) -> Parsed<String> {
    let parsed = text.parse::<crate::attack::Attack>();
    Ok(parsed.map_err(BadValue::new)?.to_string())
}

/// A whole number from 0.
pub(super) fn count<T: FromStr>(text: &str) -> Parsed<T> {
    text.replace('_', "").parse().map_err(|_| {
        let bits = 8 * size_of::<T>();
        let most = if bits >= 64 {
            "2^64 - 1".to_owned()
        } else {
            format!("{}", (1_u64 << bits) - 1)
        };
        BadValue::new(format!("`{text}` is not a whole number from 0 to {most}"))
    })
}

/// A whole number from 1.
pub(super) fn positive<T: FromStr>(text: &str) -> Parsed<T> {
    text.replace('_', "")
        .parse()
        .map_err(|_| BadValue::new(format!("`{text}` is not a whole number of at least 1")))
}

/// The weight of the past in a moving average: from 0 to below 1.
pub(super) fn beta(text: &str) -> Parsed<f32> {
    match text.parse::<f32>() {
        Ok(beta) if (0.0..1.0).contains(&beta) => Ok(beta),
        _ => Err(BadValue::new(format!(
            "`{text}` is not a number from 0 to below 1"
        ))),
    }
}

/// A rate: finite and above zero.
pub(super) fn rate(text: &str) -> Parsed<f32> {
    match text.parse::<f32>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err(BadValue::new(format!(
            "`{text}` is not a finite number above 0"
        ))),
    }
}

/// A span of time with a unit, zero included.
pub(super) fn duration(text: &str) -> Parsed<Duration> {
    const HINT: &str = "write it with a unit, such as 500ms, 30s, 5m or 2h";
    let bare = text.trim();
    if !bare.is_empty()
        && bare
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return Err(BadValue::new(format!("`{bare}` has no unit")).hint(HINT));
    }
    humantime::parse_duration(bare)
        .map_err(|_| BadValue::new(format!("`{text}` is not a duration")).hint(HINT))
}

/// A span of time above zero.
pub(super) fn some_time(text: &str) -> Parsed<Duration> {
    match duration(text)? {
        Duration::ZERO => Err(BadValue::new("the duration must be above zero")),
        span => Ok(span),
    }
}

/// A span of time from `least` to `most`, which are given with their names.
fn within(text: &str, least: (Duration, &str), most: (Duration, &str)) -> Parsed<Duration> {
    let span = duration(text)?;
    if span < least.0 {
        return Err(BadValue::new(format!("`{text}` is below {}", least.1)));
    }
    if span > most.0 {
        return Err(BadValue::new(format!("`{text}` is above {}", most.1)));
    }
    Ok(span)
}

/// The pace: at most an hour.
pub(super) fn pace(text: &str) -> Parsed<Duration> {
    within(text, (Duration::ZERO, "0s"), HOUR)
}

/// A limit to collecting: at most a day.
pub(super) fn collect(text: &str) -> Parsed<Duration> {
    within(text, (Duration::ZERO, "0s"), (24 * HOUR.0, "one day"))
}

/// The length of an attempt: 1 ms to an hour.
pub(super) fn attempt(text: &str) -> Parsed<Duration> {
    within(text, (Duration::from_millis(1), "1ms"), HOUR)
}

/// A run's id: 64 hexadecimal digits.
pub(super) fn run_id(text: &str) -> Parsed<RunId> {
    text.trim().parse().map_err(|_| {
        BadValue::new(format!(
            "`{text}` is not a run id, which has 64 hexadecimal digits"
        ))
        .hint("any node of the run shows it: spirt-node status")
    })
}

/// A log filter.
pub(super) fn log_filter(text: &str) -> Parsed<String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(
            BadValue::new(format!("`{text}` is not a log filter: {error}"))
                .hint("write it like RUST_LOG, such as warn,spirt_node=debug"),
        ),
    }
}

/// One of a closed list.
fn choice<T: Copy>(text: &str, all: &[(&str, T)]) -> Parsed<T> {
    all.iter()
        .find(|(name, _)| *name == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
            BadValue::new(format!("`{text}` is none of {}", names.join(", ")))
        })
}

pub(super) fn division(text: &str) -> Parsed<Division> {
    choice(
        text,
        &[("auto", Division::Auto), ("whole", Division::Whole)],
    )
}

pub(super) fn log_format(text: &str) -> Parsed<LogFormat> {
    let all = [
        ("compact", LogFormat::Compact),
        ("pretty", LogFormat::Pretty),
        ("json", LogFormat::Json),
    ];
    choice(text, &all)
}

pub(super) fn color(text: &str) -> Parsed<ColorChoice> {
    let all = [
        ("auto", ColorChoice::Auto),
        ("always", ColorChoice::Always),
        ("never", ColorChoice::Never),
    ];
    choice(text, &all)
}
