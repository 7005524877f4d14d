//! The base: the committed table that grades are compared with.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use crate::table::{COLUMNS, Row, heading};

/// The text of a base file.
pub(crate) fn text(rows: &[Row], seeds: &Range<u64>) -> String {
    let mut text = format!(
        "# Grades of the simulator: seeds {}..{} of each kind. `cargo xtask sim --bless` writes this file.\n{}\n",
        seeds.start,
        seeds.end,
        heading()
    );
    for row in rows {
        text.push_str(&row.line());
        text.push('\n');
    }
    text
}

/// Compares with the base, or makes these rows the base. Says on stdout what differs; true if nothing does.
///
/// # Errors
/// When the file cannot be read or written.
pub(crate) fn compare(
    path: &Path,
    rows: &[Row],
    seeds: &Range<u64>,
    bless: bool,
) -> std::io::Result<bool> {
    let new = text(rows, seeds);
    let old = match std::fs::read_to_string(path) {
        Err(error) if bless && error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    let differences = differences(&old, rows);
    print!("{differences}");
    if bless {
        std::fs::write(path, new)?;
        println!("wrote {}", path.display());
        return Ok(true);
    }
    let same = old == new;
    if !same {
        println!(
            "not as {}; if that is meant: cargo xtask sim --bless",
            path.display()
        );
    }
    Ok(same)
}

/// A line for each figure that is not as in the base.
fn differences(old: &str, rows: &[Row]) -> String {
    let mut text = String::new();
    let old: Vec<Row> = old.lines().filter_map(Row::parse).collect();
    for row in rows {
        let Some(before) = old.iter().find(|before| before.kind == row.kind) else {
            let _ = writeln!(text, "{}: not in the base", row.kind);
            continue;
        };
        for ((column, before), after) in COLUMNS.iter().zip(&before.cells).zip(&row.cells) {
            if before != after {
                let by = change(before, after);
                let _ = writeln!(text, "{} {column}: {before} -> {after}{by}", row.kind);
            }
        }
    }
    text
}

/// By how much a number changed, in per cent of what it was.
fn change(before: &str, after: &str) -> String {
    let number = |cell: &str| cell.trim_end_matches('s').parse::<f64>().ok();
    match (number(before), number(after)) {
        (Some(before), Some(after)) if before != 0.0 => {
            format!(" ({:+.1} %)", 100.0 * (after - before) / before)
        }
        _ => String::new(),
    }
}
