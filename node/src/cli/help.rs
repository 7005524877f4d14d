//! The fixed texts of the help.

use crate::exit::Exit;

/// What the program is, in one sentence.
pub(super) const ABOUT: &str =
    "Train one model together with peers that you need not trust and may lose at any time";

/// Examples come first: most people look for a line to copy.
pub(super) const TEMPLATE: &str = "\
{about}

Examples:
  spirt-node                                      Found a run; prints the line that others type
  spirt-node --bootstrap seed.example.org:7700    Join the run of that node
  spirt-node demo                                 Watch five nodes train here, one of them lying

{usage-heading} {usage}

{all-args}{after-help}";

/// The same for `run`.
pub(super) const RUN_TEMPLATE: &str = "\
{about}

Examples:
  spirt-node run --max-byzantine 1                Found a run that withstands one liar
  spirt-node run --bootstrap seed.example.org:7700 --lease 15m
                                                  Join a run, leave after 15 minutes

{usage-heading} {usage}

{all-args}{after-help}";

/// The end of `-h`.
pub(super) const SHORT_END: &str = "More options, variables and exit codes: spirt-node --help";

/// The end of `--help`.
pub(super) fn long_end() -> String {
    format!(
        "Settings:\n  \
         A flag wins over its SPIRT_ variable, which wins over the config file, which wins over the\n  \
         default. An empty variable counts as not set. See also: spirt-node config show --origin\n\n\
         Exit codes:\n{}",
        Exit::table().trim_end()
    )
}
