//! A network of its own for a cluster: one namespace per node, all on one bridge, so that single
//! links can be cut and single nodes slowed down. Needs root and iproute2.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where a node runs.
#[derive(Debug, Clone)]
pub struct Place {
    /// Words before the program.
    pub prefix: Vec<String>,
    /// The address that it listens on.
    pub listen: String,
}

impl Place {
    /// This machine's own network.
    pub fn here() -> Self {
        Self {
            prefix: Vec::new(),
            listen: "/ip4/127.0.0.1/tcp/0".into(),
        }
    }
}

/// Namespaces that go away with it.
#[derive(Debug)]
pub struct Network {
    name: String,
    nodes: Vec<usize>,
}

impl Network {
    /// An empty network.
    ///
    /// # Panics
    /// When this machine has none to give: see [`Network::is_possible`].
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let network = Self {
            name: format!("spirt-{}-{next}", std::process::id()),
            nodes: Vec::new(),
        };
        let hub = &network.hub();
        must(&["netns", "add", hub]);
        must(&["-n", hub, "link", "add", "hub", "type", "bridge"]);
        must(&["-n", hub, "link", "set", "hub", "up"]);
        network
    }

    /// Whether this process may make namespaces.
    pub fn is_possible() -> bool {
        let name = format!("spirt-try-{}", std::process::id());
        let possible = ip(&["netns", "add", &name]);
        possible && ip(&["netns", "del", &name])
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.name)
    }

    fn space(&self, node: usize) -> String {
        format!("{}-{node}", self.name)
    }

    /// A place for a node, the same one each time.
    pub fn place(&mut self, node: usize) -> Place {
        if !self.nodes.contains(&node) {
            self.nodes.push(node);
            let (hub, space) = (&self.hub(), &self.space(node));
            let (port, addr) = (format!("to-{node}"), format!("{}/24", addr(node)));
            must(&["netns", "add", space]);
            must(&["-n", space, "link", "set", "lo", "up"]);
            must(&[
                "-n", hub, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns",
                space,
            ]);
            must(&["-n", hub, "link", "set", &port, "master", "hub", "up"]);
            must(&["-n", space, "addr", "add", &addr, "dev", "eth0"]);
            must(&["-n", space, "link", "set", "eth0", "up"]);
        }
        let prefix = ["ip", "netns", "exec", &self.space(node)];
        Place {
            prefix: prefix.map(str::to_owned).to_vec(),
            listen: format!("/ip4/{}/tcp/4001", addr(node)),
        }
    }

    /// From now on nothing gets from one node to another, though it may the other way.
    pub fn cut(&self, from: usize, to: usize) {
        let (space, addr) = (self.space(from), format!("{}/32", addr(to)));
        must(&["-n", &space, "route", "replace", "blackhole", &addr]);
    }

    /// Everything gets through again, at full speed.
    pub fn heal(&self) {
        for node in &self.nodes {
            let space = self.space(*node);
            must(&["-n", &space, "route", "flush", "type", "blackhole"]);
            // It fails for those that were not slow.
            run("tc", &["-n", &space, "qdisc", "del", "dev", "eth0", "root"]);
        }
    }

    /// From now on so many kilobits per second leave a node, and wait for up to half a second.
    pub fn slow(&self, node: usize, kbit: u32) {
        let (space, rate) = (self.space(node), format!("{kbit}kbit"));
        let words = [
            "-n", &space, "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", &rate, "burst",
            "32kb", "latency", "500ms",
        ];
        assert!(run("tc", &words), "tc {words:?}");
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for node in &self.nodes {
            ip(&["netns", "del", &self.space(*node)]);
        }
        ip(&["netns", "del", &self.hub()]);
    }
}

/// Nodes 0 to 250.
fn addr(node: usize) -> String {
    format!("10.77.0.{}", node + 2)
}

fn must(words: &[&str]) {
    assert!(
        ip(words),
        "ip {words:?} failed: namespaces need root and iproute2"
    );
}

fn ip(words: &[&str]) -> bool {
    run("ip", words)
}

fn run(program: &str, words: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(words)
        .stderr(Stdio::null())
        .stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
