//! The command line as typed. The options of `run` come from the table of settings; the other
//! commands have few, and spell them out.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueHint, value_parser};

use crate::config::keys::{KEYS, Key, Kind, Show};
use crate::config::{Environment, Flags, Sources, Verbosity};

/// The options of `run`.
#[derive(Debug, Clone, Default)]
pub struct RunArgs {
    flags: Flags,
    config_file: Option<PathBuf>,
    verbosity: Verbosity,
}

impl RunArgs {
    /// With the environment, all that settings are read from besides the file.
    pub fn into_sources(self, env: Environment) -> Sources {
        Sources {
            flags: self.flags,
            verbosity: self.verbosity,
            config_file: self.config_file,
            env,
        }
    }
}

impl FromArgMatches for RunArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = Self::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for key in KEYS {
            if matches.value_source(key.name) != Some(ValueSource::CommandLine) {
                continue;
            }
            let values = match key.kind {
                Kind::Switch => vec![matches.get_flag(key.name).to_string()],
                _ => matches
                    .get_many(key.name)
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect(),
            };
            self.flags.insert(key.name, values);
        }
        self.config_file = matches.get_one("config").cloned();
        self.verbosity = match (matches.get_count("verbose"), matches.get_flag("quiet")) {
            (_, true) => Verbosity::Quiet,
            (0, false) => Verbosity::Normal,
            (1, false) => Verbosity::Verbose,
            (_, false) => Verbosity::Trace,
        };
        Ok(())
    }
}

impl Args for RunArgs {
    fn augment_args(command: Command) -> Command {
        let extra = [config_arg(), verbose_arg(), quiet_arg()];
        command.args(KEYS.iter().map(arg)).args(extra)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The options of `run` for a command that is not about them: taken, not shown.
#[derive(Debug, Clone, Default)]
pub struct HiddenRunArgs(pub RunArgs);

impl FromArgMatches for HiddenRunArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        RunArgs::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl Args for HiddenRunArgs {
    fn augment_args(command: Command) -> Command {
        let own: Vec<String> = command
            .get_arguments()
            .map(|arg| arg.get_id().to_string())
            .collect();
        RunArgs::augment_args(command).mut_args(|arg| {
            let hide = !own.iter().any(|name| name == arg.get_id().as_str());
            arg.hide(hide)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn arg(key: &'static Key) -> Arg {
    let arg = Arg::new(key.name)
        .long(key.name)
        .help(short_help(key))
        .long_help(long_help(key))
        .help_heading(key.group.heading())
        .hide(key.show == Show::Hidden)
        .hide_short_help(key.show != Show::Common);
    match key.kind {
        Kind::Switch => arg.action(ArgAction::SetTrue),
        Kind::List => arg
            .value_name(key.value)
            .action(ArgAction::Append)
            .value_delimiter(','),
        Kind::Choice(choices) => arg
            .value_name(key.value)
            .value_parser(PossibleValuesParser::new(choices)),
        Kind::Path => arg.value_name(key.value).value_hint(ValueHint::DirPath),
        // A negative number is a bad value, to be named as such, and not an unknown flag.
        Kind::Number => arg.value_name(key.value).allow_negative_numbers(true),
        Kind::Text => arg.value_name(key.value),
    }
}

fn short_help(key: &Key) -> String {
    match key.default {
        Some(default) if key.kind != Kind::Switch => format!("{} [default: {default}]", key.help),
        _ => key.help.to_owned(),
    }
}

fn long_help(key: &Key) -> String {
    let mut text = key.help.to_owned();
    if !key.more.is_empty() {
        text.push_str(".\n");
        text.push_str(key.more);
    }
    text.push('\n');
    if let Some(default) = key.shown_default().filter(|_| key.kind != Kind::Switch) {
        text.push_str(&format!("[default: {default}] "));
    }
    text.push_str(&format!("[env: {}]", key.env()));
    text
}

fn config_arg() -> Arg {
    Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath)
        .help_heading("Run")
        .help("Config file [default: <data dir>/config.toml, if it is there]")
        .long_help(
            "Config file, in TOML; `spirt-node config default` prints one to start from\n\
             [default: <data dir>/config.toml, if it is there] [env: SPIRT_CONFIG]",
        )
}

fn verbose_arg() -> Arg {
    Arg::new("verbose")
        .short('v')
        .long("verbose")
        .action(ArgAction::Count)
        .conflicts_with("log")
        .help_heading("Observability")
        .help("Log more; twice for everything")
}

fn quiet_arg() -> Arg {
    Arg::new("quiet")
        .short('q')
        .long("quiet")
        .action(ArgAction::SetTrue)
        .conflicts_with_all(["verbose", "log"])
        .help_heading("Observability")
        .help("Log errors only")
}

/// How a command finds the running node, and how it answers.
#[derive(Debug, Clone, Args)]
pub struct ClientArgs {
    /// The data dir of the node [env: SPIRT_DATA_DIR] [default: $XDG_DATA_HOME/spirt]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// The options of `id`.
#[derive(Debug, Clone, Args)]
pub struct IdArgs {
    /// Print the addresses at which the running node can be dialled instead
    #[arg(long)]
    pub addrs: bool,
    /// The node.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// The options of `status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Print nothing; the exit code tells: 0 ready, 6 not
    #[arg(long, short)]
    pub quiet: bool,
    /// The node.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// The options of `stop`.
#[derive(Debug, Clone, Args)]
pub struct StopArgs {
    /// Do not wait for the end of the round
    #[arg(long)]
    pub now: bool,
    /// The node.
    #[command(flatten)]
    pub client: ClientArgs,
}
