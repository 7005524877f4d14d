//! A swarm of nodes on this machine, in folders that go away with it.

use std::collections::BTreeSet;
use std::ops::{Index, IndexMut};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::fault::{Cut, FullDisk};
use crate::host::DEADLINE;
use crate::host::network::{Network, Place};
use crate::host::process::Node;
use crate::observe::{Event, Round, agreement, rounds};

/// Nodes of one run; the first one founded it.
pub struct Cluster {
    // Dropped before the folder: the nodes write into it.
    nodes: Vec<Node>,
    disks: Vec<FullDisk>,
    network: Option<Network>,
    folder: TempDir,
}

impl Cluster {
    /// Starts a node that founds a run, with these options.
    ///
    /// # Panics
    /// When it does not come up; all methods panic when the nodes do not do what they wait for.
    pub fn found(options: &str) -> Self {
        Self::found_in(None, options)
    }

    fn found_in(network: Option<Network>, options: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("spirt-test-").tempdir();
        let mut cluster = Self {
            nodes: Vec::new(),
            disks: Vec::new(),
            network,
            folder: folder.expect("a temporary folder"),
        };
        cluster.start(words(options));
        cluster
    }

    /// Founds a run and starts nodes that join it through the founder, `n` in all, and waits until
    /// all of them are in a round together.
    pub fn of(n: usize, options: &str) -> Self {
        Self::found(options).grown_to(n)
    }

    /// Like [`Cluster::of`], each node in a namespace of its own.
    pub fn in_network(n: usize, options: &str) -> Self {
        Self::found_in(Some(Network::new()), options).grown_to(n)
    }

    fn grown_to(self, n: usize) -> Self {
        let mut cluster = self;
        for _ in 1..n {
            cluster.join(0, "");
        }
        cluster.wait_together(&Vec::from_iter(0..n));
        cluster
    }

    /// Starts one more node, which joins through the node `via`, and returns its number.
    pub fn join(&mut self, via: usize, options: &str) -> usize {
        let bootstrap = ["--bootstrap".to_owned(), self[via].join().to_owned()];
        self.start(bootstrap.into_iter().chain(words(options)).collect())
    }

    fn start(&mut self, args: Vec<String>) -> usize {
        let number = self.nodes.len();
        let place = self.place(number);
        let node = Node::start(&number.to_string(), &place, &self.data_dir(number), &args);
        self.nodes.push(node);
        number
    }

    /// Starts a node that is gone again, with its data dir. It joins through `via`, or goes on with
    /// what it has.
    pub fn restart(&mut self, number: usize, via: Option<usize>) {
        let bootstrap = via.map(|via| ["--bootstrap".to_owned(), self[via].join().to_owned()]);
        let args: Vec<String> = bootstrap.into_iter().flatten().collect();
        self[number].wait_exit();
        let (name, place) = (format!("{number}'"), self.place(number));
        self.nodes[number] = Node::start(&name, &place, &self.data_dir(number), &args);
    }

    fn place(&mut self, number: usize) -> Place {
        let network = self.network.as_mut();
        network.map_or_else(Place::here, |network| network.place(number))
    }

    /// The network of its own.
    ///
    /// # Panics
    /// When it has none.
    pub fn network(&self) -> &Network {
        let network = self.network.as_ref();
        network.expect("cut, heal and slow need a network of namespaces")
    }

    /// Cuts all links between two sides.
    pub fn cut(&self, cut: &Cut) {
        for (one, other) in cut
            .from
            .iter()
            .flat_map(|a| cut.to.iter().map(move |b| (*a, *b)))
        {
            self.network().cut(one, other);
            if !cut.one_way {
                self.network().cut(other, one);
            }
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

    /// Waits until the nodes with these numbers have ended a round to which each of them
    /// contributed, and returns it. Rounds before those that they are at now do not count.
    pub fn wait_together(&self, numbers: &[usize]) -> Round {
        let since = numbers
            .iter()
            .filter_map(|number| self[*number].last_round())
            .max();
        let peers: Vec<&str> = numbers.iter().map(|number| self[*number].peer()).collect();
        let all_in = |round: &Round| peers.iter().all(|peer| round.kept(peer));
        let what = format!("the nodes {numbers:?} are in");
        let ended = numbers.iter().map(|number| {
            self[*number].wait_round(since.map_or(0, |since| since + 1), &what, all_in)
        });
        ended
            .max_by_key(|round| round.round)
            .expect("there are nodes")
    }

    /// Waits until these nodes have ended at least `n` more rounds and agree: each ended the rounds
    /// from `since` on with the same model as the others, or said that it took over theirs. Returns
    /// the rounds that all of them ended alike.
    pub fn agree(&self, numbers: &[usize], since: u64, n: usize) -> BTreeSet<u64> {
        let deadline = Instant::now() + DEADLINE;
        for number in numbers {
            self[*number].wait_rounds(n);
        }
        loop {
            let told: Vec<(String, Vec<Event>)> = numbers
                .iter()
                .map(|number| (self[*number].name().to_owned(), self[*number].events()))
                .collect();
            match agreement(&told, since) {
                Ok(together) if !together.is_empty() => return together,
                Err(error) if Instant::now() > deadline => panic!("{error}"),
                Ok(_) if Instant::now() > deadline => {
                    panic!("{numbers:?} ended no common round since {since}")
                }
                // One that is wrong finds out within a few rounds.
                Ok(_) | Err(_) => drop(self[numbers[0]].wait_rounds(1)),
            }
        }
    }

    /// Checks that none of these nodes lost, skipped or took back a round from round `since` on.
    pub fn no_round_lost(&self, numbers: &[usize], since: u64) {
        for number in numbers {
            let events = self[*number].events();
            let apart =
                |event: &&Event| matches!(event, Event::Joined(joined) if joined.round > since);
            assert_eq!(events.iter().find(apart), None, "node {number} went apart");
            let ended = rounds(&events).filter(|round| round.round >= since);
            for (due, round) in (since..).zip(ended) {
                assert_eq!(round.round, due, "node {number} skipped a round");
                assert!(round.applied, "node {number} lost round {due}: {round:?}");
            }
        }
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
