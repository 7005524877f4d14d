//! The result of the experiment: a row for each fault and system.

use std::fmt;

use serde::Serialize;

/// What the experiment measured.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    experiment: &'static str,
    peers: u16,
    /// Values of a vector.
    dim: u32,
    pub(super) rows: Vec<Row>,
}

/// What a fault of one peer came to at the others.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) fault: &'static str,
    pub(super) system: &'static str,
    /// Of a round without a fault; of spirt's liars, of a round with them.
    pub(super) clean_seconds: f64,
    /// Of the round with the fault, at the slowest survivor.
    pub(super) seconds: f64,
    /// How many of the survivors called the round a success.
    pub(super) succeeded: u16,
    /// Whether the survivors hold the same afterwards: spirt's bit for bit, hivemind's up to rounding.
    pub(super) alike: bool,
    /// Whether it is what honest vectors give.
    pub(super) right: bool,
    /// Whether nobody holds a NaN or an infinity.
    pub(super) finite: bool,
    /// In which round of its presence a liar was first named, the first being 1.
    pub(super) rounds_until_named: Option<u64>,
}

impl Table {
    pub(super) const fn new(peers: u16, dim: u32) -> Self {
        Self {
            experiment: "rivals",
            peers,
            dim,
            rows: Vec::new(),
        }
    }

    pub(super) fn spirt_is_right(&self) -> bool {
        let mut ours = self.rows.iter().filter(|row| row.system == "spirt");
        ours.all(|row| row.alike && row.right)
    }
}

impl fmt::Display for Table {
    /// As Markdown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let survivors = self.peers - 1;
        writeln!(f, "{} peers, {} values, f32\n", self.peers, self.dim)?;
        writeln!(
            f,
            "| one peer | system | clean round, s | this round, s | call it a success | hold the same | hold what is right | named in round |"
        )?;
        write!(f, "|---|---|---|---|---|---|---|---|")?;
        let word = |yes| if yes { "yes" } else { "**no**" };
        for row in &self.rows {
            let named = row.rounds_until_named;
            write!(
                f,
                "\n| {} | {} | {:.2} | {:.2} | {} of {survivors} | {} | {} | {} |",
                row.fault,
                row.system,
                row.clean_seconds,
                row.seconds,
                row.succeeded,
                word(row.alike),
                if row.finite {
                    word(row.right)
                } else {
                    "**no**, but NaN"
                },
                named.map_or("-".into(), |round| round.to_string()),
            )?;
        }
        Ok(())
    }
}
