//! Attack by rule on real nodes: what the model is worth at the end, what it cost, and when the liars
//! were named.

pub mod ledger;
pub mod results;
pub mod table;

use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use self::ledger::Naming;
use crate::cluster::Cluster;
use crate::observe::{Event, divergent_rounds, last_round, rounds};

/// Nodes of a run.
pub const NODES: usize = 10;
/// How many of them lie.
pub const LIARS: usize = 2;
/// Slow enough that ten processes keep up on two cores, and who comes last misses a few rounds only.
const PACE: &str = "--pace 250ms --collect-min 1s";
/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(240);

/// What is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Data {
    /// The default job: an MLP on the digits.
    Digits,
    /// Softmax regression on Fashion-MNIST, from Debian's package `dataset-fashion-mnist`: its vectors
    /// travel inline, so that liars can see those of the others.
    FashionMnist,
}

impl Data {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Digits, Self::FashionMnist];

    /// Options of the founder.
    const fn options(self) -> &'static str {
        match self {
            Self::Digits => "",
            Self::FashionMnist => {
                "--data idx:/usr/share/datasets/fashion-mnist --model softmax --learning-rate 0.1"
            }
        }
    }

    /// What it is called in options and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::FashionMnist => "fashion-mnist",
        }
    }
}

/// What is played.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Game {
    /// What is trained.
    pub data: Data,
    /// The rule.
    pub rule: String,
    /// What the liars do; without one all are honest.
    pub attack: Option<String>,
    /// Rounds of the run.
    pub rounds: u64,
    /// Seed of all that is random in the run.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Share of the test samples that the last model gets right; `None` if the run did not end.
    pub accuracy: Option<f64>,
    /// Rounds that an honest node ended without an update, once the liars were there.
    pub lost: u64,
    /// Rounds that honest nodes ended with different models.
    pub divergent: usize,
    /// When the ledger names the liars.
    pub named: Naming,
    /// How long it took.
    pub seconds: f64,
}

impl Game {
    /// Plays it to its end.
    ///
    /// # Panics
    /// When a node does not start.
    pub fn play(&self) -> Score {
        let began = Instant::now();
        // The mean is defined for no liar.
        let f = if self.rule == "mean" { 0 } else { LIARS };
        let honest = NODES - LIARS;
        let founder = format!(
            "--rule {} --max-byzantine {f} --min-peers {honest} --rounds {} --seed {} {PACE} {}",
            self.rule,
            self.rounds,
            self.seed,
            self.data.options()
        );
        let mut cluster = Cluster::found(&founder);
        let role = |node: usize| match &self.attack {
            Some(attack) if node > honest => format!("--attack {attack}"),
            _ => String::new(),
        };
        // The liars come before the last honest one: no update is made without them.
        for node in (1..honest - 1).chain([honest + 1, honest + 2, honest - 1]) {
            cluster.join(0, &role(node));
        }
        let liars = [honest - 1, honest].map(|number| cluster[number].peer().to_owned());
        let last = self.rounds - 1;
        let deadline = Instant::now() + PATIENCE;
        while cluster[0].last_round() < Some(last) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(100));
        }
        let told: Vec<(String, Vec<Event>)> = (0..NODES)
            .filter(|number| !liars.contains(&cluster[*number].peer().to_owned()))
            .map(|number| (number.to_string(), cluster[number].events()))
            .collect();
        self.score(&told, &liars, began.elapsed())
    }

    fn score(
        &self,
        told: &[(String, Vec<Event>)],
        liars: &[String; LIARS],
        took: Duration,
    ) -> Score {
        let events = &told[0].1;
        let end = last_round(events).filter(|round| round.round + 1 == self.rounds);
        let counts = |verdict: &str| verdict != "absent" && verdict != "late";
        let first_of = |liar: &String| {
            let mut rounds = rounds(events);
            let first = rounds.find(|round| round.verdict(liar).is_some_and(counts))?;
            Some(first.round)
        };
        let since = liars.iter().filter_map(first_of).max().unwrap_or(0);
        let lost = rounds(events).filter(|round| round.round >= since && !round.applied);
        Score {
            accuracy: end.and_then(|round| round.accuracy),
            lost: lost.count() as u64,
            divergent: divergent_rounds(told).len(),
            named: Naming::read(events, liars, since),
            seconds: took.as_secs_f64(),
        }
    }
}
