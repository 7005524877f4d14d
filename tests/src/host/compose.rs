//! A project of the compose file of this repository, as delivered: its containers and its network.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::container::{Container, docker, done, inspect};
use super::follow::{Follow, Pipes};

/// How long a test waits for anything in containers; many start at once.
pub const DEADLINE: Duration = Duration::from_secs(120);
/// What compose calls its projects in the labels of containers.
const PROJECT: &str = "com.docker.compose.project";
/// The service that founds the run.
pub(crate) const FOUNDER: &str = "bootstrap";
/// The service of all others.
const PEER: &str = "peer";
/// What the founder listens on, as in the compose file.
const LISTEN: [&str; 2] = ["--listen", "/ip4/0.0.0.0/tcp/7700"];

/// A running project of compose, torn down when it is dropped.
pub struct Compose {
    project: String,
    image: String,
    /// Holds the founder's options, which a scenario chooses.
    options: TempDir,
}

impl Compose {
    /// Starts the services of the repository's compose file, `peers` times `peer`; `options` are the
    /// founder's. Returns the ids of the containers, too, the founder first.
    ///
    /// # Panics
    /// When that fails; all methods panic when the engine does not do what they ask for.
    pub fn up(peers: usize, options: &[String]) -> (Self, Vec<String>) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let image = std::env::var("SPIRT_DOCKER_IMAGE").unwrap_or_else(|_| {
            panic!(
                "SPIRT_DOCKER_IMAGE is not set, so there is no image to test: run `cargo xtask \
                 test`, which builds one and sets it"
            )
        });
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let compose = Self {
            project: format!("spirt-test-{}-{next}", std::process::id()),
            image,
            options: tempfile::tempdir().expect("a temporary folder"),
        };
        let command: Vec<&str> = LISTEN
            .into_iter()
            .chain(options.iter().map(String::as_str))
            .collect();
        // JSON is YAML. The version is asked for by clients before 1.27 only, which cannot read our file.
        let founder = json!({ "services": { FOUNDER: { "command": command } } });
        fs::write(compose.override_file(), founder.to_string()).expect("a file can be written");
        let scale = format!("{PEER}={peers}");
        compose.run(&["up", "--detach", "--no-build", "--scale", &scale]);
        let ids = [FOUNDER, PEER]
            .map(|service| compose.containers(service))
            .concat();
        assert_eq!(ids.len(), 1 + peers, "containers run");
        (compose, ids)
    }

    fn override_file(&self) -> PathBuf {
        self.options.path().join("founder.yml")
    }

    /// The client of compose, for this project.
    fn client(&self) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut command = compose_client();
        command
            .current_dir(root)
            .env("SPIRT_IMAGE", &self.image)
            .env("SPIRT_JSON", "true");
        command.args(["--project-name", &self.project]);
        command.args(["--file", "docker-compose.yml", "--file"]);
        command.arg(self.override_file());
        command
    }

    fn run(&self, args: &[&str]) -> String {
        done(self.client().args(args)).stdout
    }

    /// The ids of the containers of a service that run, in the order of their numbers.
    fn containers(&self, service: &str) -> Vec<String> {
        let project = format!("label={PROJECT}={}", self.project);
        let service = format!("label=com.docker.compose.service={service}");
        let number = "{{.Label \"com.docker.compose.container-number\"}} {{.ID}}";
        let args = ["ps", "--no-trunc", "--format", number, "--filter"];
        let listed = docker(&[&args[..], &[&project, "--filter", &service]].concat()).stdout;
        let number_and_id = |line: &str| {
            let (number, id) = line.split_once(' ')?;
            Some((number.parse::<u32>().ok()?, id.to_owned()))
        };
        let mut containers: Vec<(u32, String)> = listed.lines().filter_map(number_and_id).collect();
        containers.sort_unstable();
        containers.into_iter().map(|(_, id)| id).collect()
    }

    /// Follows the log of a container from its start on.
    pub(crate) fn follow(&self, id: &str) -> (Container, Pipes) {
        Container::follow(id, 0)
    }

    /// Starts one more peer, which joins through this address. Returns the container's id.
    pub(crate) fn join(&self, bootstrap: &str, options: &[String]) -> String {
        let bootstrap = format!("SPIRT_BOOTSTRAP={bootstrap}");
        let mut run = self.client();
        run.args(["run", "--detach", "--no-deps", "-e", &bootstrap, PEER]);
        let name = done(run.args(options)).stdout;
        inspect(name.trim(), "{{.Id}}")
    }

    /// Starts a container again that is gone: with the state, and the environment, that it had. So it
    /// joins through whom it joined at first, and through those that it remembers. Before, it wrote so
    /// many lines to stdout.
    pub(crate) fn start_again(&self, id: &str, said_before: usize) -> (Container, Pipes) {
        docker(&["start", id]);
        Container::follow(id, said_before)
    }

    /// Pulls the cable out of a container.
    pub(crate) fn disconnect(&self, container: &Container) {
        docker(&["network", "disconnect", &self.network(), container.id()]);
    }

    /// Puts it back, if it is out.
    pub(crate) fn reconnect(&self, container: &Container) {
        let network = self.network();
        let attached = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}";
        if inspect(container.id(), attached)
            .split(' ')
            .any(|name| name == network)
        {
            return;
        }
        let alias = container.service();
        docker(&[
            "network",
            "connect",
            "--alias",
            alias,
            &network,
            container.id(),
        ]);
    }

    /// The network that compose makes for a file that names none.
    fn network(&self) -> String {
        format!("{}_default", self.project)
    }

    /// Waits until the engine calls all these containers healthy.
    pub fn wait_healthy(&self, containers: &[&Container]) {
        let project = format!("label={PROJECT}={}", self.project);
        let mut events = Command::new("docker");
        // All that happened since the start, and what happens from now on.
        events.args(["events", "--since", "1h", "--filter", "event=health_status"]);
        let line = "{{.Actor.ID}} {{.Action}}";
        events.args(["--filter", &project, "--format", line]);
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
                .find(|line| line.starts_with(container.id()));
            of.is_some_and(|line| line.ends_with(" healthy"))
        };
        let all_healthy = |lines: &[String]| {
            containers
                .iter()
                .all(|container| is_healthy(lines, container))
                .then_some(())
        };
        let found = lines.wait_until(DEADLINE, all_healthy);
        // It may have ended by itself.
        let _ = events.kill();
        let _ = events.wait();
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
        let listed = String::from_utf8_lossy(&listed).into_owned();
        for id in listed.lines().filter(|_| thread::panicking()) {
            show_state(id);
        }
        // Containers of `run` are not those of `up`, and one that stands still takes no signal but this.
        let mut remove = Command::new("docker");
        remove
            .args(["rm", "--force", "--volumes"])
            .args(listed.lines());
        let mut down = self.client();
        down.args(["down", "--volumes", "--timeout", "2"]);
        for command in [&mut remove, &mut down] {
            let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
    }
}

/// How a container is, for a test that fails.
fn show_state(id: &str) {
    let state = "--- {{.Name}} {{.State.Status}}, exit {{.State.ExitCode}}";
    let told = Command::new("docker")
        .args(["inspect", "--format", state, id])
        .output();
    if let Ok(told) = told {
        // Nobody is left to be told when that fails.
        let _ = std::io::stderr().write_all(&told.stdout);
    }
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
