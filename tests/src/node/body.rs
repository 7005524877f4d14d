//! What a node is to the operating system, and what can be done to it.

use crate::host::command::Finished;
use crate::host::container::Container;
use crate::host::process::Process;

/// A process of this machine, or a container.
pub(super) enum Body {
    Process(Process),
    Container(Container),
}

impl Body {
    pub(super) fn kill(&self) {
        match self {
            Self::Process(process) => process.kill(),
            Self::Container(container) => container.kill(),
        }
    }

    pub(super) fn stop(&self) {
        match self {
            Self::Process(process) => process.stop(),
            Self::Container(container) => container.freeze(),
        }
    }

    pub(super) fn cont(&self) {
        match self {
            Self::Process(process) => process.cont(),
            Self::Container(container) => container.thaw(),
        }
    }

    pub(super) fn leave(&self) {
        match self {
            Self::Process(process) => process.terminate(),
            Self::Container(container) => container.stop(),
        }
    }

    /// Of a node that is gone, if no signal ended it.
    pub(super) fn exit_code(&mut self) -> Option<i32> {
        match self {
            Self::Process(process) => process.exit_code(),
            Self::Container(container) => Some(container.exit_code()),
        }
    }

    /// Runs a client of the node.
    pub(super) fn ask(&self, args: &[&str]) -> Finished {
        match self {
            Self::Process(process) => process.ask(args),
            Self::Container(container) => container.ask(args),
        }
    }
}
