//! The log: `tracing` to stderr, as people or as programs read it.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::Subscriber;

use crate::config::{ColorChoice, LogFormat, ObserveConfig};

/// The log is already set up by somebody else in this process.
#[derive(Debug, thiserror::Error)]
#[error("the log is already set up in this process")]
pub struct TelemetryError;

/// Sends the log of this process to stderr.
///
/// # Errors
/// When it was set up before.
pub fn init(config: &ObserveConfig) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder().parse_lossy(&config.log);
    let builder = Subscriber::builder()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(use_color(config.color, std::io::stderr().is_terminal()));
    let set = match config.log_format {
        LogFormat::Compact => builder.compact().try_init(),
        LogFormat::Pretty => builder.pretty().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    set.map_err(|_| TelemetryError)
}

/// Whether to colour what goes to a stream: `NO_COLOR` wins over `auto`, not over `always`.
pub fn use_color(choice: ColorChoice, is_terminal: bool) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    }
}
