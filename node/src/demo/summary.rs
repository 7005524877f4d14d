//! What the demo showed: for people, and as one object for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::board::{Board, Row, State};
use super::plan::{Plan, Role};
use super::table::percent;
use crate::exit::{Exit, Failure};
use crate::output::{bytes, count};

/// A loss of accuracy that is not chance.
const CLEARLY_WORSE: f64 = 0.05;
/// What honest digits nodes reach at least; below it, something went wrong with the training.
const DECENT: f64 = 0.9;

/// The result. Version 1 of its JSON form; fields may be added without a new version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Summary {
    schema_version: u32,
    rule: String,
    attack: String,
    nodes: usize,
    byzantine: usize,
    /// Nodes that were to be killed.
    #[serde(skip)]
    kill: usize,
    liars: Vec<String>,
    killed: Vec<String>,
    /// Of the final model on held-out samples, 0 to 1.
    pub(super) accuracy: Option<f64>,
    /// What the plain mean reached under the same attack.
    pub(super) accuracy_mean_rule: Option<f64>,
    /// The final model of each honest node that was not killed.
    model_digests: BTreeMap<String, String>,
    /// Whether these nodes are all through the last round, with one model.
    agreed: bool,
    rounds: u64,
    rounds_applied: u64,
    rounds_lost: u64,
    /// The first round that the late node contributed to.
    joined_at_round: Option<u64>,
    /// How often the rule left out whose contribution.
    dropped: BTreeMap<String, u64>,
    #[serde(serialize_with = "seconds")]
    wall_seconds: Duration,
    bytes_sent: u64,
    bytes_received: u64,
}

impl Summary {
    /// The result of a swarm; what the mean reaches is added later.
    pub(super) fn new(plan: &Plan, board: &Board, took: Duration) -> Self {
        let last = plan.rounds.saturating_sub(1);
        let survivors: Vec<&Row> = board.survivors().collect();
        let through = survivors
            .iter()
            .all(|row| row.round == Some(last) && row.model.is_some());
        let models = survivors
            .iter()
            .filter_map(|row| Some((row.name.clone(), row.model.clone()?)));
        let model_digests: BTreeMap<String, String> = models.collect();
        let first = model_digests.values().next();
        let agreed = through && model_digests.values().all(|model| Some(model) == first);
        let dropped = board.rows.iter().filter(|row| row.dropped > 0);
        let late = board.rows.iter().find(|row| row.role == Role::Late);
        let killed = board.rows.iter().filter(|row| row.state == State::Killed);
        let liars = board.rows.iter().filter(|row| row.role == Role::Liar);
        let accuracies = survivors.iter().filter_map(|row| row.accuracy);
        Self {
            schema_version: 1,
            rule: plan.rule.to_string(),
            attack: plan.attack.clone(),
            nodes: plan.nodes,
            byzantine: plan.byzantine,
            kill: plan.kill,
            liars: liars.map(|row| row.name.clone()).collect(),
            killed: killed.map(|row| row.name.clone()).collect(),
            accuracy: accuracies.min_by(f64::total_cmp),
            accuracy_mean_rule: None,
            agreed: agreed && !model_digests.is_empty(),
            rounds: plan.rounds,
            rounds_applied: board.applied,
            rounds_lost: survivors
                .iter()
                .map(|row| row.rounds_lost)
                .max()
                .unwrap_or(0),
            joined_at_round: late.and_then(|row| row.counted_from),
            dropped: dropped.map(|row| (row.name.clone(), row.dropped)).collect(),
            wall_seconds: took,
            bytes_sent: board.rows.iter().map(|row| row.bytes_sent).sum(),
            bytes_received: board.rows.iter().map(|row| row.bytes_received).sum(),
            model_digests,
        }
    }

    /// Whether the demo showed what it is to show; else, what went wrong.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let message = if self.killed.len() < self.kill {
            "not all nodes were in the run in time to kill one".to_owned()
        } else if !self.agreed {
            "the honest nodes do not all end with the same model".to_owned()
        } else if self.rounds_lost > 0 {
            format!("{} lost", count(self.rounds_lost, "round"))
        } else if !self.killed.is_empty() && self.joined_at_round.is_none() {
            "the late node came too late to take part".to_owned()
        } else {
            return Ok(());
        };
        let hint = "a busy machine may need more time: try it with --pace 1s";
        Err(Failure::new(Exit::Unexpected, message).hint(hint))
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: String| _ = writeln!(text, "{name:<10} {value}");
        let liars = match self.byzantine {
            0 => String::from("none lying"),
            n => format!("{n} lying ({})", self.attack),
        };
        row(
            "swarm",
            format!(
                "{}, {liars}, rule {}",
                count(self.nodes as u64, "node"),
                self.rule
            ),
        );
        row(
            "accuracy",
            format!("{} on held-out digits", share(self.accuracy)),
        );
        if self.rule != "mean" && self.byzantine > 0 {
            let mean = share(self.accuracy_mean_rule);
            row(
                "",
                format!("{mean} with the plain mean under the same attack"),
            );
        }
        for (model, names) in self.models() {
            let model = model.get(..16).unwrap_or(model);
            let word = if self.agreed { "the same" } else { "" };
            row(
                "model",
                format!("{word} {model} on {}", names.join(", "))
                    .trim_start()
                    .to_owned(),
            );
        }
        for (name, times) in &self.dropped {
            let liar = if self.liars.contains(name) {
                ", a liar,"
            } else {
                ""
            };
            let rounds = count(self.rounds_applied, "round");
            row("dropped", format!("{name}{liar} in {times} of {rounds}"));
        }
        if !self.killed.is_empty() {
            row("killed", format!("{} with kill -9", self.killed.join(", ")));
            let joined = self.joined_at_round;
            let joined = joined.map_or("nobody in time".into(), |round| {
                format!("one node, in from round {round}")
            });
            row("joined", joined);
        }
        row(
            "rounds",
            format!("{}, {} lost", self.rounds, self.rounds_lost),
        );
        row(
            "traffic",
            format!("{} sent by all nodes", bytes(self.bytes_sent)),
        );
        row("time", format!("{:.1} s", self.wall_seconds.as_secs_f64()));
        if let Some(lesson) = self.lesson() {
            _ = write!(text, "\n{lesson}\n");
        }
        text
    }

    /// One sentence on what the plain mean made of the attack.
    fn lesson(&self) -> Option<String> {
        if self.byzantine == 0 {
            return None;
        }
        let liars = match self.byzantine {
            1 => "one liar".to_owned(),
            n => format!("{n} liars"),
        };
        let (own, mean) = (self.accuracy?, self.accuracy_mean_rule?);
        if self.rule == "mean" {
            let text = format!(
                "The mean is not robust: {liars} of {} nodes ruined the model.",
                self.nodes
            );
            return (own < DECENT).then_some(text);
        }
        let text = format!(
            "The plain mean is not robust: {liars} of {} nodes ruined its model; {} kept the liars out.",
            self.nodes, self.rule
        );
        (mean + CLEARLY_WORSE < own).then_some(text)
    }

    /// The nodes by model.
    fn models(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut models: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, model) in &self.model_digests {
            models.entry(model).or_default().push(name);
        }
        models
    }
}

fn share(accuracy: Option<f64>) -> String {
    accuracy.map_or_else(|| "unknown".into(), percent)
}

fn seconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((span.as_secs_f64() * 1000.0).round() / 1000.0)
}
