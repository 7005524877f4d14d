//! Exit codes, and failures that carry one. Knows no error by name: `cli/failure.rs` does.

use std::error::Error;
use std::process::ExitCode;

/// What the process tells its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or stopped on request.
    Ok,
    /// Something that should not happen.
    Unexpected,
    /// A mistake on the command line or in the environment.
    Usage,
    /// Something on this machine has to be put right first.
    Setup,
    /// The run could not be joined.
    NotJoined,
    /// The run went away.
    RunLost,
    /// `status` and its like: no node runs, or it is not ready.
    NotReady,
    /// Stopped at once by a second signal.
    Interrupted,
}

impl Exit {
    /// All of them, ascending.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::Unexpected,
        Self::Usage,
        Self::Setup,
        Self::NotJoined,
        Self::RunLost,
        Self::NotReady,
        Self::Interrupted,
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Setup => 3,
            Self::NotJoined => 4,
            Self::RunLost => 5,
            Self::NotReady => 6,
            Self::Interrupted => 130,
        }
    }

    /// The name in JSON errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unexpected => "unexpected",
            Self::Usage => "usage",
            Self::Setup => "setup",
            Self::NotJoined => "not-joined",
            Self::RunLost => "run-lost",
            Self::NotReady => "not-ready",
            Self::Interrupted => "interrupted",
        }
    }

    /// The line in the help.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done, or stopped on request",
            Self::Unexpected => "unexpected failure",
            Self::Usage => "bad option, argument or SPIRT_ variable",
            Self::Setup => "bad config file, identity, data dir, data set or checkpoint",
            Self::NotJoined => "no run joined within --join-timeout",
            Self::RunLost => "run lost: no round ended within --patience",
            Self::NotReady => "status, stop, id --addrs: no node runs, or it is not ready",
            Self::Interrupted => "stopped at once by a second signal",
        }
    }

    /// The table for the help and the docs.
    pub fn table() -> String {
        let line = |exit: Self| format!("  {:>3}  {}\n", exit.code(), exit.meaning());
        Self::ALL.into_iter().map(line).collect()
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command did not do what it was asked for, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong: lower case, no full stop.
    pub message: String,
    /// Why, from the outside in.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without causes and hint.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
        }
    }

    /// An error with its chain of causes.
    pub fn of(exit: Exit, error: &dyn Error) -> Self {
        let mut causes = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        Self {
            causes,
            ..Self::new(exit, error.to_string())
        }
    }

    /// Adds what to do about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}
