//! A node in a container.

use std::process::{Child, Command, Stdio};

use super::command::Finished;
use super::follow::Pipes;

/// A container whose log is followed.
pub struct Container {
    id: String,
    service: String,
    logs: Child,
    said_before: usize,
}

impl Container {
    /// Follows the log of a container; the first `said_before` lines are those of earlier starts.
    pub(super) fn follow(id: &str, said_before: usize) -> (Self, Pipes) {
        let mut logs = Command::new("docker");
        logs.args(["logs", "--follow", id]);
        logs.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut logs = logs.spawn().expect("docker starts");
        let pipes = Pipes {
            known: said_before,
            ..Pipes::of(&mut logs)
        };
        let container = Self {
            id: id.to_owned(),
            service: inspect(
                id,
                "{{index .Config.Labels \"com.docker.compose.service\"}}",
            ),
            logs,
            said_before,
        };
        (container, pipes)
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is called in its network: the engine takes the first twelve characters of its id.
    pub(crate) fn host_name(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }

    /// The service of the compose file that it is of.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Lines on stdout of its earlier starts.
    pub(crate) const fn said_before(&self) -> usize {
        self.said_before
    }

    pub(crate) fn kill(&self) {
        docker(&["kill", &self.id]);
    }

    /// Not `docker pause`: engines with cgroups of version 1 fail to freeze a busy container now and then.
    pub(crate) fn freeze(&self) {
        docker(&["kill", "--signal", "STOP", &self.id]);
    }

    pub(crate) fn thaw(&self) {
        docker(&["kill", "--signal", "CONT", &self.id]);
    }

    /// `docker stop`, which waits until it is gone.
    pub(crate) fn stop(&self) {
        docker(&["stop", "--time", "20", &self.id]);
    }

    pub(crate) fn exit_code(&self) -> i32 {
        let code = inspect(&self.id, "{{.State.ExitCode}}");
        code.parse()
            .unwrap_or_else(|error| panic!("{error}: {code}"))
    }

    /// Runs a client of the node, inside its container.
    pub(crate) fn ask(&self, args: &[&str]) -> Finished {
        let mut exec = Command::new("docker");
        exec.args(["exec", &self.id, "/spirt-node"]).args(args);
        // Its exit code is part of the answer.
        Finished::within(super::compose::DEADLINE, &mut exec)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.logs.kill();
        let _ = self.logs.wait();
    }
}

/// One property of a container.
pub(super) fn inspect(id: &str, format: &str) -> String {
    let told = docker(&["inspect", "--format", format, id]);
    told.stdout.trim().to_owned()
}

/// Runs a command of the Docker client, which has to succeed.
pub(super) fn docker(args: &[&str]) -> Finished {
    done(Command::new("docker").args(args))
}

/// Runs a command, which has to succeed.
pub(super) fn done(command: &mut Command) -> Finished {
    let finished = Finished::within(super::compose::DEADLINE, command);
    assert_eq!(finished.code, Some(0), "{command:?}: {finished}");
    finished
}
