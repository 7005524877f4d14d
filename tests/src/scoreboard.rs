//! Attack by rule on real nodes: what the model is worth at the end, what it cost, and when the liars
//! were named.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::observe::{Event, divergent_rounds, last_round, rounds};

/// Nodes of a run.
pub const NODES: usize = 10;
/// How many of them lie.
pub const LIARS: usize = 2;
/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is played.
#[derive(Debug, Clone)]
pub struct Game {
    /// The rule.
    pub rule: String,
    /// What the liars do; without one all are honest.
    pub attack: Option<String>,
    /// Rounds of the run.
    pub rounds: u64,
    /// Further options of the founder.
    pub options: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Share of the test samples that the last model gets right; `None` if the run did not end.
    pub accuracy: Option<f64>,
    /// Rounds that an honest node ended without an update, once the liars were there.
    pub lost: u64,
    /// Rounds that honest nodes ended with different models.
    pub divergent: usize,
    /// Rounds from the first in which both liars could count until each was named: dropped by the
    /// rule, or for an offence. `None` if one never was.
    pub named: Option<u64>,
}

impl Game {
    /// Plays it to its end.
    ///
    /// # Panics
    /// When a node does not start.
    pub fn play(&self) -> Score {
        // The mean is defined for no liar.
        let f = if self.rule == "mean" { 0 } else { LIARS };
        let honest = NODES - LIARS;
        let founder = format!(
            "--rule {} --max-byzantine {f} --min-peers {honest} --rounds {} {}",
            self.rule, self.rounds, self.options
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
        self.score(&told, &liars)
    }

    fn score(&self, told: &[(String, Vec<Event>)], liars: &[String; LIARS]) -> Score {
        let events = &told[0].1;
        let end = last_round(events).filter(|round| round.round + 1 == self.rounds);
        let since = rounds(events)
            .find(|round| liars.iter().all(|liar| round.verdict(liar).is_some()))
            .map_or(0, |round| round.round);
        let lost = rounds(events).filter(|round| round.round >= since && !round.applied);
        let named = liars.iter().map(|liar| named(events, liar, since));
        let named: Option<Vec<u64>> = named.collect();
        Score {
            accuracy: end.and_then(|round| round.accuracy),
            lost: lost.count() as u64,
            divergent: divergent_rounds(told).len(),
            named: named.and_then(|rounds| rounds.into_iter().max()),
        }
    }
}

/// Rounds until a liar was named.
fn named(events: &[Event], liar: &str, since: u64) -> Option<u64> {
    let innocent: BTreeSet<&str> = ["kept", "late", "absent", "left"].into();
    let round = events.iter().find_map(|event| match event {
        Event::Offence(offence) if offence.peer == liar => Some(offence.round),
        Event::Round(round) if round.verdict(liar).is_some_and(|v| !innocent.contains(v)) => {
            Some(round.round)
        }
        Event::Ready(_)
        | Event::Joined(_)
        | Event::Round(_)
        | Event::Offence(_)
        | Event::Left(_) => None,
    })?;
    Some(round.saturating_sub(since))
}
