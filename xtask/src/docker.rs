//! Finding a Docker client that reaches an engine.

use std::process::Command;

use crate::shell::{program, succeeds};

/// The client on the path, then the distribution's own: a newer client without its build plugin
/// may stand first on the path.
const CLIENTS: &[&str] = &["docker", "/usr/bin/docker"];

/// A Docker client.
pub(crate) struct Docker {
    client: &'static str,
}

impl Docker {
    /// The first client whose engine answers.
    pub(crate) fn find() -> Option<Self> {
        let answers = |client: &&&str| {
            succeeds(program(client).args(["version", "--format", "{{.Server.Version}}"]))
        };
        CLIENTS.iter().find(answers).map(|client| Self { client })
    }

    /// The first client that can build with BuildKit: it has the plugin, or needs none.
    pub(crate) fn find_builder() -> Option<Self> {
        let builds = |client: &&&str| {
            // Without its plugin a client since 23.0 refuses BuildKit, so ask for the plugin first.
            succeeds(program(client).args(["buildx", "version"])) || is_older_than_23(client)
        };
        CLIENTS.iter().find(builds).map(|client| Self { client })
    }

    /// A command of this client, with BuildKit on.
    pub(crate) fn command(&self) -> Command {
        let mut command = program(self.client);
        command.env("DOCKER_BUILDKIT", "1");
        command
    }
}

fn is_older_than_23(client: &str) -> bool {
    let asked = program(client)
        .args(["version", "--format", "{{.Client.Version}}"])
        .output();
    asked.is_ok_and(|output| has_own_buildkit(&String::from_utf8_lossy(&output.stdout)))
}

/// Docker 18.09 to 20.10 drive the engine's BuildKit without a plugin.
fn has_own_buildkit(version: &str) -> bool {
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| (18..23).contains(&major))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_since_23_need_the_build_plugin() {
        assert!(has_own_buildkit("20.10.24+dfsg1\n"));
        assert!(!has_own_buildkit("28.2.2"));
        assert!(!has_own_buildkit(""));
    }
}
