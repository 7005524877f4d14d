//! Nodes in containers, started by the compose file of this repository.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::command::Finished;
use super::follow::Follow;
use crate::observe::{Event, Round, Status, rounds};

/// How long a test waits for anything in containers; many start at once.
pub const DEADLINE: Duration = Duration::from_secs(120);
/// What compose calls its projects in the labels of containers.
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";

/// A running project of compose, torn down when it is dropped.
pub struct Compose {
    project: String,
    image: String,
    env: Vec<(String, String)>,
}

impl Compose {
    /// Starts the services of the repository's compose file, `peers` times `peer`.
    ///
    /// # Panics
    /// When that fails; all methods panic when the engine does not do what they ask for.
    pub fn up(peers: usize, env: &[(&str, &str)]) -> Self {
        let image = std::env::var("SPIRT_DOCKER_IMAGE").unwrap_or_else(|_| {
            panic!(
                "SPIRT_DOCKER_IMAGE is not set, so there is no image to test: run `cargo xtask \
                 test`, which builds one and sets it"
            )
        });
        let project = format!("spirt-test-{}", std::process::id());
        let env = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let compose = Self {
            project,
            image,
            env: env.collect(),
        };
        let scale = format!("peer={peers}");
        compose.compose(&["up", "--detach", "--no-build", "--scale", &scale]);
        compose
    }

    fn compose(&self, args: &[&str]) -> Finished {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut command = compose_client();
        command.current_dir(root).env("SPIRT_IMAGE", &self.image);
        command
            .envs(self.env.iter().cloned())
            .args(["--project-name", &self.project]);
        done(command.args(args))
    }

    /// The containers of a service.
    pub fn containers(&self, service: &str) -> Vec<Container> {
        let project = format!("label={PROJECT}={}", self.project);
        let service = format!("label={SERVICE}={service}");
        let listed = docker(&[
            "ps",
            "--quiet",
            "--no-trunc",
            "--filter",
            &project,
            "--filter",
            &service,
        ]);
        listed.stdout.lines().map(Container::follow).collect()
    }

    /// Waits until the engine calls all these containers healthy.
    pub fn wait_healthy(&self, containers: &[&Container]) {
        let project = format!("label={PROJECT}={}", self.project);
        let mut events = Command::new("docker");
        // All that happened since the start, and what happens from now on.
        events.args(["events", "--since", "1h", "--filter", "event=health_status"]);
        events.args([
            "--filter",
            &project,
            "--format",
            "{{.Actor.ID}} {{.Action}}",
        ]);
        let mut events = events
            .stdout(Stdio::piped())
            .spawn()
            .expect("docker starts");
        let lines = Follow::new(events.stdout.take().expect("stdout is a pipe"), |line| {
            Ok::<_, String>(line.to_owned())
        });
        let is_healthy = |lines: &[String], container: &Container| {
            let of = lines
                .iter()
                .rev()
                .find(|line| line.starts_with(&container.id));
            of.is_some_and(|line| line.ends_with(" healthy"))
        };
        let all_healthy = |lines: &[String]| {
            containers
                .iter()
                .all(|container| is_healthy(lines, container))
                .then_some(())
        };
        let found = lines.wait_until(DEADLINE, all_healthy);
        end(&mut events);
        found.unwrap_or_else(|why| panic!("not all healthy, and {why}: {:#?}", lines.items()));
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        // A failure of the clean-up must not hide that of the test, so nothing here panics.
        let project = format!("label={PROJECT}={}", self.project);
        let listed = Command::new("docker")
            .args(["ps", "-aq", "--filter", &project])
            .output();
        let listed = listed.map(|output| output.stdout).unwrap_or_default();
        for id in String::from_utf8_lossy(&listed).lines() {
            if thread::panicking() {
                show(id);
            }
        }
        let mut down = compose_client();
        down.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
        down.args([
            "--project-name",
            &self.project,
            "down",
            "--volumes",
            "--timeout",
            "2",
        ]);
        let _ = down.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// The last lines of a container's log, for a test that fails.
fn show(id: &str) {
    let state = "--- {{.Name}} {{.State.Status}}, exit {{.State.ExitCode}}";
    for args in [
        ["inspect", "--format", state, id],
        ["logs", "--tail", "40", id],
    ] {
        if let Ok(output) = Command::new("docker").args(args).output() {
            let mut stderr = std::io::stderr();
            let written = stderr.write_all(&output.stdout);
            let _ = written.and_then(|()| stderr.write_all(&output.stderr));
        }
    }
}

/// A node in a container.
pub struct Container {
    id: String,
    logs: Child,
    events: Follow<Event>,
}

impl Container {
    fn follow(id: &str) -> Self {
        let mut logs = Command::new("docker");
        logs.args(["logs", "--follow", id])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut logs = logs.spawn().expect("docker starts");
        let stdout = logs.stdout.take().expect("stdout is a pipe");
        let events = Follow::new(stdout, |line| serde_json::from_str(line));
        Self {
            id: id.to_owned(),
            logs,
            events,
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// All events so far.
    pub fn events(&self) -> Vec<Event> {
        self.events.items()
    }

    /// Waits for a round, numbered `since` or later, that is as wished.
    pub fn wait_round(&self, since: u64, what: &str, wish: impl Fn(&Round) -> bool) -> Round {
        let look = |events: &[Event]| {
            rounds(events)
                .find(|round| round.round >= since && wish(round))
                .cloned()
        };
        self.events
            .wait_until(DEADLINE, look)
            .unwrap_or_else(|why| {
                let events = self.events();
                let last = events.last();
                panic!(
                    "{}: waited from round {since} on until {what}, but {why}: {last:?}",
                    self.id
                )
            })
    }

    /// Asks the node how it is, inside its container.
    pub fn status(&self) -> Status {
        let asked = docker(&["exec", &self.id, "/spirt-node", "status", "--json"]);
        serde_json::from_str(&asked.stdout).unwrap_or_else(|error| panic!("{error}\n{asked}"))
    }

    /// Kills it, as by `kill -9`.
    pub fn kill(&self) {
        docker(&["kill", &self.id]);
    }

    /// Asks it to leave, and returns its exit code.
    pub fn stop(&self) -> i32 {
        docker(&["stop", "--time", "20", &self.id]);
        let code = docker(&["inspect", "--format", "{{.State.ExitCode}}", &self.id]);
        code.stdout
            .trim()
            .parse()
            .unwrap_or_else(|error| panic!("{error}\n{code}"))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        end(&mut self.logs);
    }
}

fn end(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

/// Runs a command of the Docker client, which has to succeed.
fn docker(args: &[&str]) -> Finished {
    done(Command::new("docker").args(args))
}

fn done(command: &mut Command) -> Finished {
    let finished = Finished::within(DEADLINE, command);
    assert_eq!(finished.code, Some(0), "{command:?}: {finished}");
    finished
}

/// The plugin of a newer client, or the older program of its own.
fn compose_client() -> Command {
    let asked = Command::new("docker").args(["compose", "version"]).output();
    if asked.is_ok_and(|output| output.status.success()) {
        let mut command = Command::new("docker");
        command.arg("compose");
        return command;
    }
    Command::new("docker-compose")
}
