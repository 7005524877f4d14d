//! The nodes of an experiment and what they said so far, each round beside the others' account of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::node::{Heard, Joined, Node, Offence, Round, Said, What};
use crate::output;

/// Events that may wait to be looked at.
const QUEUE: usize = 1024;
/// How often the nodes' memory, and whatever the experiment waits for, is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Least time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(1);

/// Nodes of one run; the first one founded it. Dropping it kills them.
pub(crate) struct Swarm {
    // Dropped before the folder: the nodes write into it.
    pub(crate) nodes: Vec<Node>,
    folder: TempDir,
    heard: Receiver<Heard>,
    sender: SyncSender<Heard>,
    /// Peer ids.
    pub(crate) names: Vec<Option<String>>,
    /// By round and node.
    pub(crate) rounds: BTreeMap<u64, BTreeMap<usize, Round>>,
    /// The states that nodes took over, latest last, and when they said so.
    pub(crate) joined: BTreeMap<usize, Vec<(Instant, Joined)>>,
    /// What anybody was caught at: peer and offence, as the nodes told it.
    pub(crate) offences: Vec<String>,
    pub(crate) peak_rss_bytes: Vec<u64>,
    pub(crate) cpu_seconds: Vec<f64>,
    /// Nodes that may end: those that left, and those of which nothing is expected.
    may_end: BTreeSet<usize>,
    /// Nodes that have ended.
    ended: BTreeSet<usize>,
    /// When progress was told.
    told: Instant,
    patience: Duration,
}

impl Swarm {
    /// No node yet. Whoever waits gives up when nothing happens for `patience`.
    pub(crate) fn new(patience: Duration) -> Result<Self> {
        let (sender, heard) = sync_channel(QUEUE);
        Ok(Self {
            nodes: Vec::new(),
            folder: tempfile::tempdir().context("cannot make a temporary folder")?,
            heard,
            sender,
            names: Vec::new(),
            rounds: BTreeMap::new(),
            joined: BTreeMap::new(),
            offences: Vec::new(),
            peak_rss_bytes: Vec::new(),
            cpu_seconds: Vec::new(),
            may_end: BTreeSet::new(),
            ended: BTreeSet::new(),
            told: Instant::now(),
            patience,
        })
    }

    /// Starts a node and returns its number.
    pub(crate) fn start(&mut self, args: &[String]) -> Result<usize> {
        let number = self.nodes.len();
        let data_dir = self.folder.path().join(format!("node-{number}"));
        let node = Node::start(number, args, &data_dir, self.sender.clone())?;
        self.nodes.push(node);
        self.names.push(None);
        self.peak_rss_bytes.push(0);
        self.cpu_seconds.push(0.0);
        Ok(number)
    }

    /// Starts the founder, waits until it listens, and returns the address that others join by.
    pub(crate) fn found(&mut self, args: &[String]) -> Result<String> {
        self.start(args)?;
        self.join_address()
    }

    /// Waits until a node listens, and returns the address that others join by.
    pub(crate) fn join_address(&mut self) -> Result<String> {
        self.hear_until(|_, said| match said {
            Said::Ready { join, .. } => join.clone(),
            _ => None,
        })
    }

    /// Expects nothing of a node: it may end at any time.
    pub(crate) fn expect_nothing(&mut self, node: usize) {
        self.may_end.insert(node);
    }

    /// Kills a node, or makes it stand still.
    pub(crate) fn strike(&mut self, node: usize, signal: Signal) {
        self.expect_nothing(node);
        self.nodes[node].signal(signal);
    }

    /// Takes in what the nodes say until `done` finds what it looks for.
    pub(crate) fn hear_until<T>(
        &mut self,
        mut done: impl FnMut(&Self, &Said) -> Option<T>,
    ) -> Result<T> {
        self.wait_until(|swarm, said| Ok(said.and_then(|said| done(swarm, said))))
    }

    /// Takes in what the nodes say until `done` finds what it looks for. It is asked after each word, and now and
    /// then without one.
    pub(crate) fn wait_until<T>(
        &mut self,
        mut done: impl FnMut(&Self, Option<&Said>) -> Result<Option<T>>,
    ) -> Result<T> {
        let mut quiet_since = Instant::now();
        loop {
            self.look();
            let heard = match self.heard.recv_timeout(LOOK) {
                Ok(heard) => Some(heard),
                Err(RecvTimeoutError::Timeout) if quiet_since.elapsed() < self.patience => None,
                Err(_) => bail!("nothing happened for {:?}", self.patience),
            };
            let said = match heard {
                None => None,
                Some(Heard { node, at, what }) => {
                    quiet_since = Instant::now();
                    match what {
                        What::Ended(_) if self.may_end.contains(&node) => {
                            self.ended.insert(node);
                            if self.ended.len() == self.nodes.len() {
                                bail!("all nodes have ended, and one did not tell its last round");
                            }
                            continue;
                        }
                        What::Ended(last) => {
                            bail!("node {node} ended too early; it last said:\n{last}")
                        }
                        What::Said(said) => {
                            self.take(node, at, &said);
                            Some(said)
                        }
                    }
                }
            };
            if let Some(found) = done(self, said.as_ref())? {
                return Ok(found);
            }
        }
    }

    fn take(&mut self, node: usize, at: Instant, said: &Said) {
        match said {
            Said::Ready { peer, .. } => self.names[node] = Some(peer.clone()),
            Said::Round(round) => {
                let of_round = self.rounds.entry(round.round).or_default();
                of_round.insert(node, round.clone());
                let everybody = self.nodes.len() - self.may_end.len();
                if of_round.len() >= everybody && self.told.elapsed() >= PROGRESS {
                    let slowest = slowest(of_round.values());
                    output::progress(&format!("round {}: {slowest:.3} s", round.round));
                    self.told = Instant::now();
                }
            }
            Said::Joined(joined) => {
                let all = self.joined.entry(node).or_default();
                all.push((at, joined.clone()));
            }
            Said::Offence(Offence { peer, offence }) => {
                self.offences.push(format!("{peer}: {offence}"));
            }
            Said::Left => self.expect_nothing(node),
            Said::Other => {}
        }
    }

    /// Memory is looked at while the nodes run: saving the last state on exit is not part of an experiment.
    fn look(&mut self) {
        for (number, node) in self.nodes.iter().enumerate() {
            let peak = &mut self.peak_rss_bytes[number];
            *peak = node.peak_rss_bytes().unwrap_or(0).max(*peak);
            let cpu = &mut self.cpu_seconds[number];
            *cpu = node.cpu_seconds().unwrap_or(0.0).max(*cpu);
        }
    }

    /// The rounds from `since` on, each by node.
    pub(crate) fn rounds_since(&self, since: u64) -> impl Iterator<Item = &BTreeMap<usize, Round>> {
        self.rounds.range(since..).map(|(_, round)| round)
    }

    /// Bytes that all nodes sent from round `since` on.
    pub(crate) fn sent_since(&self, since: u64) -> u64 {
        let total = |told: Option<&BTreeMap<usize, Round>>| -> u64 {
            told.map_or(0, |told| told.values().map(|round| round.bytes_sent).sum())
        };
        let last = self.rounds.values().next_back();
        let before = since
            .checked_sub(1)
            .and_then(|round| self.rounds.get(&round));
        total(last).saturating_sub(total(before))
    }

    /// Nodes that aggregate each part from round `since` on; `None` if in any round each did all of the work.
    pub(crate) fn keepers_since(&self, since: u64) -> Option<u64> {
        let told = self.rounds_since(since).flat_map(BTreeMap::values);
        told.map(|round| round.keepers).min().flatten()
    }

    /// The last round in which these nodes only come together: they have all ended it, and from the next one on the
    /// contributions of all of them count.
    pub(crate) fn gathered(&self, nodes: &[usize]) -> Option<u64> {
        let mut rounds = self.rounds.keys().copied();
        rounds.find(|round| self.ended(*round, nodes) && self.all_count(round + 1, nodes))
    }

    /// Whether a round that these nodes ended brought an update to which all of them contributed.
    fn all_count(&self, round: u64, nodes: &[usize]) -> bool {
        let told = self.rounds.get(&round).filter(|_| self.ended(round, nodes));
        let authors = told.and_then(|told| told.get(nodes.first()?));
        let counts = |node: &usize| {
            let name = self.names[*node].as_deref();
            let mut authors = authors.into_iter().flat_map(Round::aggregated);
            authors.any(|author| Some(author) == name)
        };
        nodes.iter().all(counts)
    }

    /// Whether these nodes have ended a round.
    pub(crate) fn ended(&self, round: u64, nodes: &[usize]) -> bool {
        let of_round = self.rounds.get(&round);
        of_round.is_some_and(|told| nodes.iter().all(|node| told.contains_key(node)))
    }
}

/// What a round took at the slowest of some nodes, in seconds.
pub(crate) fn slowest<'a>(told: impl IntoIterator<Item = &'a Round>) -> f64 {
    told.into_iter()
        .map(|round| round.seconds)
        .fold(0.0, f64::max)
}

/// The middle of some figures; 0 if there are none.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

/// The options of a node that all experiments give: nothing saved, nothing that ends it early.
pub(crate) fn node_options(
    bootstrap: Option<&str>,
    patience: Duration,
    log: Option<&str>,
) -> Vec<String> {
    let mut options = vec!["run".into(), "--json".into()];
    let mut option = |name: &str, value: &str| {
        options.extend([format!("--{name}"), value.to_owned()]);
    };
    option("checkpoint-every", "0");
    option("lease", "6h");
    option("join-timeout", "120s");
    option("patience", &format!("{}s", patience.as_secs()));
    if let Some(log) = log {
        option("log", log);
    }
    if let Some(address) = bootstrap {
        option("bootstrap", address);
    }
    options
}
