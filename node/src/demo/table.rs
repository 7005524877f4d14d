//! The live table, and the line per round where there is none. Pure: text out.

use std::fmt::Write as _;

use super::board::{Board, Row, State};

/// The table: a head, and a line per node.
pub(super) fn table(board: &Board, title: &str, rounds: u64, color: bool) -> String {
    let mut text = String::new();
    let done = board.last_round().map_or(0, |round| round.round + 1);
    _ = writeln!(text, "{title}, round {done} of {rounds}");
    let head = [
        "node",
        "role",
        "state",
        "round",
        "loss",
        "accuracy",
        "roster",
        "last verdict",
        "dropped",
    ];
    _ = writeln!(text, "{}", line(&head.map(String::from)));
    for row in &board.rows {
        _ = writeln!(text, "{}", paint(row, &line(&cells(row)), color));
    }
    text
}

/// The width of each column; the last one is as wide as it gets.
const WIDTHS: [usize; 9] = [8, 10, 12, 6, 8, 9, 7, 13, 0];

fn line(cells: &[String; 9]) -> String {
    let cells = cells.iter().zip(WIDTHS);
    let text: String = cells
        .map(|(cell, width)| format!("{cell:<width$} "))
        .collect();
    text.trim_end().to_owned()
}

fn cells(row: &Row) -> [String; 9] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    [
        row.name.clone(),
        row.role.name().into(),
        row.state.name().into(),
        or_none(row.round.map(|round| round.to_string())),
        or_none(row.loss.map(|loss| format!("{loss:.4}"))),
        or_none(row.accuracy.map(percent)),
        or_none(row.roster.map(|roster| roster.to_string())),
        or_none(row.verdict.clone()),
        match row.dropped {
            0 => "-".into(),
            1 => "once".into(),
            times => format!("{times} times"),
        },
    ]
}

/// Colours a whole line, so that its columns stay where they are.
fn paint(row: &Row, line: &str, color: bool) -> String {
    let code = match row.state {
        State::Killed | State::Absent => "2",
        _ if !row.role.is_honest() => "31",
        _ => return line.to_owned(),
    };
    match color {
        true => format!("\x1b[{code}m{line}\x1b[0m"),
        false => line.to_owned(),
    }
}

/// The line for the last round that ended.
pub(super) fn round_line(board: &Board) -> String {
    let Some(round) = board.last_round() else {
        return String::new();
    };
    let mut text = format!("round {:<4}", round.round);
    if !round.applied {
        text.push_str(" no update, too few peers");
        return text;
    }
    if let Some(loss) = round.loss {
        _ = write!(text, " loss {loss:.4}");
    }
    if let Some(accuracy) = round.accuracy {
        _ = write!(text, "  accuracy {}", percent(accuracy));
    }
    let others: Vec<_> = board.not_kept().collect();
    _ = write!(
        text,
        "  kept {}/{}",
        round.verdicts.len() - others.len(),
        round.roster
    );
    for (name, verdict) in others {
        _ = write!(text, "  {name} {verdict}");
    }
    text
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}
