//! The table of grades: one row for each kind of scenario.

use spirt_protocol::sim::{Grade, Kind};

/// The columns behind the name of the kind.
pub(crate) const COLUMNS: [&str; 10] = [
    "seeds",
    "violations",
    "rounds",
    "lost",
    "rounds/s",
    "KiB/round",
    "kept",
    "divergences",
    "longest",
    "banned",
];

/// What is printed of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) kind: String,
    pub(crate) cells: Vec<String>,
}

impl Row {
    /// Sums over all seeds; rounds by virtual second, bytes by round. `grades` are by ascending seed, so
    /// that the sums are the same each time.
    pub(crate) fn new(kind: Kind, grades: &[Grade], violations: usize) -> Self {
        let sum = |value: fn(&Grade) -> f64| grades.iter().map(value).sum::<f64>();
        let rounds = sum(|grade| grade.rounds as f64);
        let seconds = sum(|grade| grade.virtual_time.as_secs_f64());
        let longest = grades.iter().map(|grade| grade.longest_divergence).max();
        let cells = [
            (grades.len() + violations).to_string(),
            violations.to_string(),
            rounds.to_string(),
            sum(|grade| grade.rounds_lost as f64).to_string(),
            format!("{:.2}", rounds / seconds),
            format!("{:.1}", sum(|grade| grade.bytes as f64) / rounds / 1024.0),
            format!("{:.4}", sum(|grade| grade.kept) / grades.len() as f64),
            sum(|grade| grade.divergences as f64).to_string(),
            format!("{:.1}s", longest.unwrap_or_default().as_secs_f64()),
            format!(
                "{}/{}",
                sum(|grade| grade.banned as f64),
                sum(|grade| grade.equivocators as f64)
            ),
        ];
        Self {
            kind: kind.name().to_owned(),
            cells: cells.to_vec(),
        }
    }

    /// A row as it was printed; `None` if it has not all cells.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().map(str::to_owned);
        let kind = words.next()?;
        let cells: Vec<String> = words.collect();
        (cells.len() == COLUMNS.len()).then_some(Self { kind, cells })
    }

    /// The row as a line.
    pub(crate) fn line(&self) -> String {
        let cells = self.cells.iter().map(|cell| format!(" {cell:>11}"));
        format!("{:<10}{}", self.kind, cells.collect::<String>())
    }
}

/// The line above all rows.
pub(crate) fn heading() -> String {
    let columns: String = COLUMNS.iter().map(|name| format!(" {name:>11}")).collect();
    format!("{:<10}{columns}", "scenario")
}
