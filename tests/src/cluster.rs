//! A swarm of nodes, which goes away with all that belongs to it.

mod together;

use std::ops::{Index, IndexMut};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::fault::{Cut, FullDisk};
use crate::host::compose::Compose;
use crate::host::network::{Network, Place};
use crate::host::{Host, clock, distance};
use crate::node::Node;

/// Nodes of one run; the first one founded it.
pub struct Cluster {
    // Dropped before the folder: the nodes write into it.
    nodes: Vec<Node>,
    disks: Vec<FullDisk>,
    ground: Ground,
    folder: TempDir,
    /// Whether each process has a wall clock of its own.
    own_clocks: bool,
}

/// What the nodes stand on.
enum Ground {
    Machine,
    Network(Network),
    Compose(Compose),
}

impl Cluster {
    /// Starts a process that founds a run, with these options.
    ///
    /// # Panics
    /// When it does not come up; all methods panic when the nodes do not do what they wait for.
    pub fn found(options: &str) -> Self {
        Self::found_on(Ground::Machine, false, options)
    }

    fn found_on(ground: Ground, own_clocks: bool, options: &str) -> Self {
        let mut cluster = Self::empty(ground, own_clocks);
        cluster.start(words(options));
        cluster
    }

    fn empty(ground: Ground, own_clocks: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("spirt-test-").tempdir();
        Self {
            nodes: Vec::new(),
            disks: Vec::new(),
            ground,
            folder: folder.expect("a temporary folder"),
            own_clocks,
        }
    }

    /// Founds a run and starts processes that join it through the founder, `n` in all, and waits until
    /// all of them are in a round together.
    pub fn of(n: usize, options: &str) -> Self {
        Self::on(Host::Processes, n, options)
    }

    /// The same on any host.
    pub fn on(host: Host, n: usize, options: &str) -> Self {
        Self::grown(host, n, false, options)
    }

    /// The same, each process with a wall clock of its own.
    ///
    /// # Panics
    /// When it is to be containers: nothing can be loaded into their static program.
    pub fn with_clocks(host: Host, n: usize, options: &str) -> Self {
        Self::grown(host, n, true, options)
    }

    fn grown(host: Host, n: usize, own_clocks: bool, options: &str) -> Self {
        let mut cluster = match host {
            Host::Processes => Self::found_on(Ground::Machine, own_clocks, options),
            Host::Namespaces => {
                Self::found_on(Ground::Network(Network::new()), own_clocks, options)
            }
            Host::Compose => {
                assert!(!own_clocks, "nothing can be loaded into a static program");
                Self::in_containers(n, options)
            }
        };
        for _ in cluster.len()..n {
            cluster.join(0, "");
        }
        cluster.wait_together(&Vec::from_iter(0..n));
        cluster
    }

    fn in_containers(n: usize, options: &str) -> Self {
        let (compose, ids) = Compose::up(n - 1, &words(options));
        let nodes = ids.iter().enumerate();
        let nodes = nodes.map(|(number, id)| Node::contained(&number.to_string(), &compose, id));
        let nodes = nodes.collect();
        Self {
            nodes,
            ..Self::empty(Ground::Compose(compose), false)
        }
    }

    /// Starts one more node, which joins through the node `via`, and returns its number.
    pub fn join(&mut self, via: usize, options: &str) -> usize {
        let number = self.nodes.len();
        if let Ground::Compose(compose) = &self.ground {
            let id = compose.join(&self[via].lasting_address(), &words(options));
            self.nodes
                .push(Node::contained(&number.to_string(), compose, &id));
            return number;
        }
        let bootstrap = ["--bootstrap".to_owned(), self[via].join().to_owned()];
        self.start(bootstrap.into_iter().chain(words(options)).collect())
    }

    /// Starts one more process, which joins through the node `via`. What these two send each other takes `delay`.
    pub fn join_from_afar(&mut self, via: usize, delay: Duration, options: &str) -> usize {
        let relay = distance::relay(self[via].tcp_addr(), delay);
        let bootstrap = ["--bootstrap".to_owned(), relay.to_string()];
        self.start(bootstrap.into_iter().chain(words(options)).collect())
    }

    fn start(&mut self, args: Vec<String>) -> usize {
        let number = self.nodes.len();
        let place = self.place(number);
        let node = Node::start(&number.to_string(), &place, &self.data_dir(number), &args);
        self.nodes.push(node);
        number
    }

    /// Starts a node that is gone again, with the state that it had. A process joins through `via`, or
    /// goes on with what it has; a container joins as it did at first.
    pub fn restart(&mut self, number: usize, via: Option<usize>) {
        let name = format!("{number}'");
        if let Ground::Compose(compose) = &self.ground {
            self.nodes[number].start_again(&name, compose);
            return;
        }
        let bootstrap = via.map(|via| ["--bootstrap".to_owned(), self[via].join().to_owned()]);
        let args: Vec<String> = bootstrap.into_iter().flatten().collect();
        self[number].wait_exit();
        let place = self.place(number);
        self.nodes[number] = Node::start(&name, &place, &self.data_dir(number), &args);
    }

    fn place(&mut self, number: usize) -> Place {
        let mut place = match &mut self.ground {
            Ground::Network(network) => network.place(number),
            Ground::Machine | Ground::Compose(_) => Place::here(),
        };
        if self.own_clocks {
            place.prefix.extend(clock::words(&self.clock(number)));
        }
        place
    }

    fn clock(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("clock-{number}"))
    }

    /// Sets the wall clock of a node so many seconds off, and waits until its log shows it.
    ///
    /// # Panics
    /// When it has no clock of its own.
    pub fn step_clock(&self, number: usize, seconds: i64) {
        assert!(self.own_clocks, "the nodes have the clock of this machine");
        clock::step(&self.clock(number), seconds);
        let is_off = |line: &str| clock::is_off(line, seconds).then_some(());
        self[number].wait_log("a line of its new time", is_off);
    }

    /// The project of compose that it is.
    ///
    /// # Panics
    /// When it is none.
    pub fn compose(&self) -> &Compose {
        match &self.ground {
            Ground::Compose(compose) => compose,
            Ground::Machine | Ground::Network(_) => panic!("the nodes are no containers"),
        }
    }

    /// Holds what leaves a node to so many kilobits per second.
    ///
    /// # Panics
    /// When it has no network of namespaces.
    pub fn slow(&self, number: usize, kbit: u32) {
        match &self.ground {
            Ground::Network(network) => network.slow(number, kbit),
            Ground::Machine | Ground::Compose(_) => panic!("slow takes a network of namespaces"),
        }
    }

    /// Cuts all links between two sides. A container can only lose all of its links.
    ///
    /// # Panics
    /// When the nodes share this machine's network.
    pub fn cut(&self, cut: &Cut) {
        match &self.ground {
            Ground::Network(network) => {
                let pairs = cut
                    .from
                    .iter()
                    .flat_map(|a| cut.to.iter().map(move |b| (*a, *b)));
                for (one, other) in pairs {
                    network.cut(one, other);
                    if !cut.one_way {
                        network.cut(other, one);
                    }
                }
            }
            Ground::Compose(compose) => {
                let alone = cut
                    .alone(self.len())
                    .expect("all links of one container are cut");
                compose.disconnect(self[alone].container());
            }
            Ground::Machine => panic!("cut takes a network of namespaces, or containers"),
        }
    }

    /// Brings back what was cut or slowed down.
    ///
    /// # Panics
    /// When the nodes share this machine's network.
    pub fn heal(&self) {
        match &self.ground {
            Ground::Network(network) => network.heal(),
            Ground::Compose(compose) => {
                for node in &self.nodes {
                    compose.reconnect(node.container());
                }
            }
            Ground::Machine => panic!("heal takes a network of namespaces, or containers"),
        }
    }

    /// Keeps a full disk full as long as the cluster lives.
    pub fn keep(&mut self, disk: FullDisk) {
        self.disks.push(disk);
    }

    /// Where a node keeps its state.
    pub fn data_dir(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("node-{number}"))
    }

    /// The folder of the whole cluster, for further files.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// How many nodes were started.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node, which is never so.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

impl Index<usize> for Cluster {
    type Output = Node;

    fn index(&self, number: usize) -> &Node {
        &self.nodes[number]
    }
}

impl IndexMut<usize> for Cluster {
    fn index_mut(&mut self, number: usize) -> &mut Node {
        &mut self.nodes[number]
    }
}

/// Options for tests that want the nodes never to go apart, on a machine that is busy with other
/// things too: contributions have a second to arrive, and rounds are slow enough to be caught up with.
pub const PATIENT: &str = "--collect-min 1s --attempt 1s --pace 250ms";

/// Options as one would type them.
pub fn words(options: &str) -> Vec<String> {
    options.split_whitespace().map(str::to_owned).collect()
}

/// How long something takes.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}
