//! The one place where errors get their exit codes, and those their hints that do not bring one.

use crate::config::ConfigError;
use crate::control::ControlError;
use crate::daemon::DaemonError;
use crate::datadir::DataDirError;
use crate::exit::{Exit, Failure};
use crate::identity::IdentityError;
use crate::telemetry::TelemetryError;

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let exit = if error.is_usage() {
            Exit::Usage
        } else {
            Exit::Setup
        };
        Self {
            hint: error.hint(),
            ..Self::of(exit, &error)
        }
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        Self::of(Exit::Setup, &error).hint(error.hint())
    }
}

impl From<DataDirError> for Failure {
    fn from(error: DataDirError) -> Self {
        Self::of(Exit::Setup, &error).hint(error.hint())
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        let exit = match error {
            ControlError::NotRunning { .. } | ControlError::NoAnswer { .. } => Exit::NotReady,
            ControlError::Refused { .. } => Exit::NotReady,
            ControlError::Io { .. } => Exit::Setup,
            ControlError::BadAnswer { .. } => Exit::Unexpected,
        };
        Self {
            hint: error.hint(),
            ..Self::of(exit, &error)
        }
    }
}

impl From<TelemetryError> for Failure {
    fn from(error: TelemetryError) -> Self {
        Self::of(Exit::Unexpected, &error)
    }
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Self {
        use DaemonError as E;
        let (exit, hint): (Exit, String) = match error {
            E::DataDir(error) => return error.into(),
            E::Identity(error) => return error.into(),
            E::Control(error) => return error.into(),
            E::Checkpoint(ref inner) => (Exit::Setup, inner.hint()),
            E::Job(ref inner) => (Exit::Setup, inner.hint()),
            E::ForeignKey => (
                Exit::Setup,
                "use an ed25519 key, or another --data-dir".into(),
            ),
            E::Attack(_) => (
                Exit::Usage,
                "docs/robustness.md says what each attack does".into(),
            ),
            E::Model { .. } => (
                Exit::Setup,
                "move the checkpoint away: the state comes from the peers".into(),
            ),
            E::OtherRun { .. } | E::Spec { .. } => {
                (Exit::Setup, "use another --data-dir for another run".into())
            }
            E::NoSuchRun { .. } => (
                Exit::NotJoined,
                "leave --run and the old data dir out to join their run".into(),
            ),
            E::OtherVersion { version, ours, .. } => (
                Exit::NotJoined,
                if version < ours {
                    "update the peers of that run, or join it with the release that they run".into()
                } else {
                    "update this node: the peers run a newer release".into()
                },
            ),
            E::NotJoined { .. } => (
                Exit::NotJoined,
                "check that a node runs there and that its port can be reached; a founder prints \
                 the address to join"
                    .into(),
            ),
            E::Network(_) | E::NotListening => (
                Exit::Setup,
                "choose another address with --listen, such as /ip4/0.0.0.0/tcp/0".into(),
            ),
            E::RunLost => (
                Exit::RunLost,
                "start it again: it goes on from its checkpoint".into(),
            ),
            E::Join(_) | E::Runtime(_) | E::NoState => (
                Exit::Unexpected,
                "run it with -v, and report what it says".into(),
            ),
        };
        Self::of(exit, &error).hint(hint)
    }
}
