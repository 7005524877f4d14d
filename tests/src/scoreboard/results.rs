//! Games and their scores in a file, one JSON object per line, so that a tournament can be broken off
//! and gone on with.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Game, Score};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    game: Game,
    score: Score,
}

/// What was played.
pub struct Results {
    scores: BTreeMap<Game, Score>,
    file: File,
}

impl Results {
    /// Reads a file, and goes on in it.
    ///
    /// # Errors
    /// When it cannot be read or written, or does not hold games.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self {
            scores: read(path)?,
            file,
        })
    }

    /// Whether a game was played to its end; one that was not is played again.
    pub fn has(&self, game: &Game) -> bool {
        let score = self.scores.get(game);
        score.is_some_and(|score| score.accuracy.is_some())
    }

    /// Adds a game.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, game: Game, score: Score) -> io::Result<()> {
        let line = Line { game, score };
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        self.file.write_all(text.as_bytes())?;
        self.scores.insert(line.game, line.score);
        Ok(())
    }
}

/// All games of a file.
///
/// # Errors
/// When it cannot be read, or does not hold games.
pub fn read(path: &Path) -> io::Result<BTreeMap<Game, Score>> {
    let text = fs::read_to_string(path)?;
    let lines = text.lines().map(serde_json::from_str::<Line>);
    lines
        .map(|line| {
            line.map(|line| (line.game, line.score))
                .map_err(io::Error::from)
        })
        .collect()
}
