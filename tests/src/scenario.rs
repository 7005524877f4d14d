//! Scenarios as data: a cluster, what befalls it when, and what must hold afterwards.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::cluster::{Cluster, PATIENT};
use crate::fault::Fault;
use crate::host::Host;

/// A scenario file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One sentence.
    pub about: String,
    /// Nodes that found and join the run, together before anything happens.
    pub nodes: usize,
    /// Options of the founder.
    pub options: String,
    /// What happens, in order.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
    /// What must hold at the end.
    pub expect: Expect,
}

/// One moment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Rounds that `of` ends first.
    pub after: usize,
    /// Whose rounds count.
    #[serde(default)]
    pub of: usize,
    /// What then happens, at once.
    #[serde(rename = "do")]
    pub faults: Vec<Fault>,
}

/// What must hold at the end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// These end rounds together, alike.
    pub together: Vec<usize>,
    /// So many rounds more.
    pub rounds: usize,
    /// Within so many seconds of the last step.
    pub within: u64,
    /// These lose, skip and take back no round from the first step on.
    #[serde(default)]
    pub lossless: Vec<usize>,
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Panics
    /// When it says what nobody understands.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Why it cannot be played on this host, if it cannot.
    pub fn impossible_on(&self, host: Host) -> Option<&'static str> {
        let mut faults = self.faults();
        faults.find_map(|fault| fault.impossible_on(host, self.nodes))
    }

    /// Whether the nodes need wall clocks of their own.
    pub fn needs_clocks(&self) -> bool {
        self.faults()
            .any(|fault| matches!(fault, Fault::StepClock(_)))
    }

    fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.steps.iter().flat_map(|step| &step.faults)
    }

    /// Plays it.
    ///
    /// # Panics
    /// When something expected does not hold.
    pub fn play(&self, host: Host) {
        let options = format!("{PATIENT} {}", self.options);
        let mut cluster = match self.needs_clocks() {
            true => Cluster::with_clocks(host, self.nodes, &options),
            false => Cluster::on(host, self.nodes, &options),
        };
        let all: Vec<usize> = (0..self.nodes).collect();
        let since = cluster.wait_together(&all).round;
        for step in &self.steps {
            if step.after > 0 {
                cluster[step.of].wait_rounds(step.after);
            }
            for fault in &step.faults {
                fault.strike(&mut cluster);
            }
        }
        let over = Instant::now();
        let together = &self.expect.together;
        let back = cluster.wait_together(together).round;
        let took = over.elapsed();
        let most = Duration::from_secs(self.expect.within);
        assert!(took <= most, "together again after {took:?}, not {most:?}");
        cluster.agree(together, back, self.expect.rounds);
        cluster.no_round_lost(&self.expect.lossless, since);
    }
}
