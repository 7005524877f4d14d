//! What is shown while the demo runs: a live table on a terminal, else a line per round; events for
//! programs.

use serde_json::json;

use super::board::Board;
use super::plan::{Plan, name};
use super::table::{round_line, table};
use crate::output::{Live, Output};

/// Nodes that a table has room for on a terminal of 24 lines.
const TABLE_ROOM: usize = 18;

/// Shows one swarm.
#[derive(Debug)]
pub(super) struct Screen<'a> {
    output: &'a Output,
    /// Whether to show more than the result.
    progress: bool,
    live: Option<Live<'a>>,
    title: String,
    rounds: u64,
    /// What happened last besides rounds, below the table.
    news: Vec<String>,
}

impl<'a> Screen<'a> {
    pub(super) fn new(output: &'a Output, plan: &Plan, progress: bool) -> Self {
        let live = if progress && plan.all() <= TABLE_ROOM {
            output.live()
        } else {
            None
        };
        let title = format!("{}, {} of {} lying", plan.rule, plan.byzantine, plan.nodes);
        Self {
            output,
            progress,
            live,
            title,
            rounds: plan.rounds,
            news: Vec::new(),
        }
    }

    /// Something changed; `new_round` when a round ended.
    pub(super) fn update(&mut self, board: &Board, new_round: bool) {
        if let Some(live) = &mut self.live {
            let mut text = table(board, &self.title, self.rounds, self.output.color());
            for news in &self.news {
                text.push_str(news);
                text.push('\n');
            }
            live.draw(&text);
        } else if new_round && self.progress {
            self.output.note(round_line(board));
        }
        if let Some(round) = board.last_round().filter(|_| new_round && self.progress) {
            let verdicts: serde_json::Map<_, _> = board
                .not_kept()
                .map(|(name, verdict)| (name, verdict.into()))
                .collect();
            self.output.event(
                "round",
                &json!({
                    "round": round.round,
                    "rule": self.title,
                    "applied": round.applied,
                    "loss": round.loss,
                    "accuracy": round.accuracy,
                    "roster": round.roster,
                    "not_kept": verdicts,
                    "model": round.model,
                }),
            );
        }
    }

    /// A node is killed, or joins late: `what` happens `after` the end of this round.
    pub(super) fn happens(&mut self, what: &str, node: usize, after: u64, detail: &str) {
        let text = format!("after round {after}: {} {what}{detail}", name(node));
        match self.live {
            Some(_) => self.news.push(text),
            None if self.progress => self.output.note(text),
            None => {}
        }
        if self.progress {
            self.output
                .event(what, &json!({ "node": name(node), "after_round": after }));
        }
    }
}
