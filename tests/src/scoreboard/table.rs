//! The scoreboard as Markdown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Data, Game, LIARS, NODES, Score};

/// The rules in the order of their columns; others follow.
pub const RULES: [&str; 6] = [
    "mean",
    "median",
    "trimmed-mean",
    "krum",
    "geometric-median",
    RECOMMENDED,
];
/// The rule that the documentation recommends.
pub const RECOMMENDED: &str = "arc+nnm+trimmed-mean";

/// Means over the seeds of one attack and rule.
struct Cell {
    seeds: usize,
    unfinished: usize,
    accuracy: f64,
    lost: u64,
    divergent: usize,
    /// Of the seed in which it took longest; `None` if in one of them they never were.
    named: Option<u64>,
    offence: Option<u64>,
    copies: Option<u64>,
    dropped: [f64; 2],
}

impl Cell {
    fn of(scores: &[&Score]) -> Option<Self> {
        let n = scores.len();
        let mean =
            |of: fn(&Score) -> f64| scores.iter().map(|score| of(score)).sum::<f64>() / n as f64;
        let ended: Vec<f64> = scores.iter().filter_map(|score| score.accuracy).collect();
        (n > 0).then(|| Self {
            seeds: n,
            unfinished: n - ended.len(),
            accuracy: 100.0 * ended.iter().sum::<f64>() / ended.len() as f64,
            lost: scores.iter().map(|score| score.lost).sum(),
            divergent: scores.iter().map(|score| score.divergent).sum(),
            named: latest(scores, |score| score.named.rounds()),
            offence: latest(scores, |score| score.named.offence),
            copies: latest(scores, |score| score.named.copies),
            dropped: [
                mean(|score| 100.0 * score.named.liars_dropped),
                mean(|score| 100.0 * score.named.honest_dropped),
            ],
        })
    }
}

/// The largest of all, if each has one.
fn latest(scores: &[&Score], of: impl Fn(&Score) -> Option<u64>) -> Option<u64> {
    let all: Option<Vec<u64>> = scores.iter().map(|score| of(score)).collect();
    all.and_then(|all| all.into_iter().max())
}

type Cells<'a> = BTreeMap<(&'a str, &'a str), Cell>;

/// All tables: accuracy for each data set, then what the recommended rule's ledger says.
pub fn tables(results: &BTreeMap<Game, Score>) -> String {
    let mut text = String::new();
    for data in Data::ALL {
        let of_data = results.iter().filter(|(game, _)| game.data == data);
        let mut scores: BTreeMap<(&str, &str), Vec<&Score>> = BTreeMap::new();
        for (game, score) in of_data {
            let attack = game.attack.as_deref().unwrap_or("none");
            scores.entry((attack, &game.rule)).or_default().push(score);
        }
        let cells: Cells<'_> = scores
            .into_iter()
            .filter_map(|(key, scores)| Some((key, Cell::of(&scores)?)))
            .collect();
        if !cells.is_empty() {
            accuracy_table(&mut text, data, &cells);
            ledger_table(&mut text, data, &cells);
        }
    }
    text
}

/// Attacks, the clean run first.
fn attacks<'a>(cells: &Cells<'a>) -> Vec<&'a str> {
    let mut attacks: Vec<&str> = cells.keys().map(|(attack, _)| *attack).collect();
    attacks.dedup();
    attacks.sort_by_key(|attack| (*attack != "none", *attack));
    attacks
}

fn accuracy_table(text: &mut String, data: Data, cells: &Cells<'_>) {
    let others: BTreeSet<&str> = cells.keys().map(|(_, rule)| *rule).collect();
    let others = others.into_iter().filter(|rule| !RULES.contains(rule));
    let rules: Vec<&str> = RULES.into_iter().chain(others).collect();
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "\n## {}: accuracy\n\n| attack | {} |\n|---|{}\n",
        data.name(),
        rules.join(" | "),
        "---|".repeat(rules.len())
    );
    for attack in attacks(cells) {
        let row = rules.iter().map(|rule| match cells.get(&(attack, rule)) {
            None => "not played".to_owned(),
            Some(cell) => {
                let clean = cells.get(&("none", rule)).filter(|_| attack != "none");
                accuracy(cell, clean)
            }
        });
        let row: Vec<String> = row.collect();
        let _ = writeln!(text, "| {attack} | {} |", row.join(" | "));
    }
}

fn accuracy(cell: &Cell, clean: Option<&Cell>) -> String {
    if cell.unfinished == cell.seeds {
        return "no end".into();
    }
    let mut text = format!("{:.1}", cell.accuracy);
    let mut note = |note: String| text.push_str(&note);
    if let Some(clean) = clean {
        note(format!(" ({:+.1})", cell.accuracy - clean.accuracy));
    }
    if cell.lost > 0 {
        note(format!(", {} lost", cell.lost));
    }
    if cell.divergent > 0 {
        note(format!(", {} divergent", cell.divergent));
    }
    if cell.unfinished > 0 {
        note(format!(
            ", {} of {} without end",
            cell.unfinished, cell.seeds
        ));
    }
    text
}

/// What the ledger of the recommended rule says of `LIARS` liars among `NODES`.
fn ledger_table(text: &mut String, data: Data, cells: &Cells<'_>) {
    let _ = write!(
        text,
        "\n## {}: {LIARS} liars of {NODES} in the ledger, under {RECOMMENDED}\n\n\
         | attack | games | named after | by offence after | by copies after | liars dropped | honest dropped |\n\
         |---|---|---|---|---|---|---|\n",
        data.name()
    );
    for attack in attacks(cells)
        .into_iter()
        .filter(|attack| *attack != "none")
    {
        let Some(cell) = cells.get(&(attack, RECOMMENDED)) else {
            continue;
        };
        let rounds = |rounds: Option<u64>| rounds.map_or("never".into(), |n| n.to_string());
        let [liars, honest] = cell.dropped;
        let _ = writeln!(
            text,
            "| {attack} | {} | {} | {} | {} | {liars:.0} % | {honest:.0} % |",
            cell.seeds,
            rounds(cell.named),
            rounds(cell.offence),
            rounds(cell.copies)
        );
    }
}
