//! The only file that prints. stdout has data, stderr has everything said *about* it.
//!
//! For people: plain lines. With `--json`: one object per line, on stdout for events and data, on
//! stderr for errors. A reader that goes away (`spirt-node status | head -1`) is no error.

mod event;
mod human;
mod live;
mod stream;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, IsTerminal as _, Write};

use serde::Serialize;
use serde_json::json;

use crate::config::{ColorChoice, ObserveConfig, Problem};
use crate::control::Status;
use crate::exit::{Exit, Failure};
use crate::telemetry::use_color;

pub use event::{Joined, Left, OffenceReport, Ready, RoundReport, StateFetched};
pub(crate) use human::{bytes, count};
pub use live::Live;
use stream::Stream;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// JSON instead of lines for people.
    pub json: bool,
    /// Whether to use colour.
    pub color: ColorChoice,
    /// Whether to print a line per round.
    pub progress: bool,
}

impl From<&ObserveConfig> for Style {
    fn from(config: &ObserveConfig) -> Self {
        Self {
            json: config.json,
            color: config.color,
            progress: config.progress,
        }
    }
}

/// Prints. Cheap to clone; printing never fails: see [`Output::finish`].
#[derive(Clone)]
pub struct Output {
    style: Style,
    /// Colour on stderr.
    color: bool,
    /// Whether stderr is a terminal that can move its cursor.
    terminal: bool,
    out: Stream,
    err: Stream,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output({:?})", self.style)
    }
}

impl Output {
    /// To stdout and stderr of this process.
    pub fn new(style: Style) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let color = use_color(style.color, is_terminal);
        let terminal = is_terminal && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        let (out, err) = (Stream::new(io::stdout()), Stream::new(io::stderr()));
        Self {
            style,
            color,
            terminal,
            out,
            err,
        }
    }

    /// To other places, without colour: for tests, and for nodes inside another program.
    pub fn to(
        style: Style,
        out: impl Write + Send + 'static,
        err: impl Write + Send + 'static,
    ) -> Self {
        Self {
            style,
            color: false,
            terminal: false,
            out: Stream::new(out),
            err: Stream::new(err),
        }
    }

    /// How it prints.
    pub const fn style(&self) -> Style {
        self.style
    }

    /// Whether stderr is in colour.
    pub const fn color(&self) -> bool {
        self.color
    }

    /// A block of lines to draw again and again, for people at a terminal.
    pub fn live(&self) -> Option<Live<'_>> {
        (self.terminal && !self.style.json).then(|| Live::new(self))
    }

    /// The node listens and can be joined: the first line on stdout, for scripts to wait for.
    pub fn ready(&self, ready: &Ready) {
        match self.style.json {
            true => self.event("ready", &event::Versioned::new(ready)),
            false => self.out(&human::ready(ready)),
        }
    }

    /// The node has the state of a run that others train.
    pub fn joined(&self, joined: &Joined) {
        match self.style.json {
            true => self.event("joined", joined),
            false => self.err(&human::joined(joined)),
        }
    }

    /// A round is over.
    pub fn round(&self, round: &RoundReport) {
        match (self.style.json, self.style.progress) {
            (true, _) => self.event("round", round),
            (false, true) => self.err(&human::round(round)),
            (false, false) => {}
        }
    }

    /// A peer did something that no honest peer does; people have the log.
    pub fn offence(&self, offence: &OffenceReport) {
        self.event("offence", offence);
    }

    /// The node has left its run.
    pub fn left(&self, left: &Left) {
        match self.style.json {
            true => self.event("left", left),
            false => self.err(&human::left(left)),
        }
    }

    /// Something that people should know and programs need not: one line on stderr.
    pub fn note(&self, text: impl fmt::Display) {
        if !self.style.json {
            self.err(&format!("{text}\n"));
        }
    }

    /// An event of another kind, for programs: `{"event":<name>, ...}` on stdout with `--json`.
    pub fn event(&self, name: &str, fields: &impl Serialize) {
        #[derive(Serialize)]
        struct Event<'a, T> {
            event: &'a str,
            #[serde(flatten)]
            fields: &'a T,
        }
        if self.style.json {
            self.json_line(&Event {
                event: name,
                fields,
            });
        }
    }

    /// The answer to a question: `text` for people, `value` for programs.
    pub fn answer(&self, text: impl fmt::Display, value: &impl Serialize) {
        match self.style.json {
            true => self.json_line(value),
            false => self.out(&ended(text.to_string())),
        }
    }

    /// Text that is the same with and without `--json`, such as a completion script.
    pub fn text(&self, text: impl fmt::Display) {
        self.out(&ended(text.to_string()));
    }

    /// Help that was asked for, in colour on a terminal.
    pub fn help(&self, text: &clap::builder::StyledStr) {
        match use_color(self.style.color, io::stdout().is_terminal()) {
            true => self.out(&ended(text.ansi().to_string())),
            false => self.out(&ended(text.to_string())),
        }
    }

    /// Help that was not asked for.
    pub fn usage(&self, text: impl fmt::Display) {
        self.err(&ended(text.to_string()));
    }

    /// The answer to `status`.
    pub fn status(&self, status: &Status) {
        self.answer(human::status(status), status);
    }

    /// The answer to `config check`.
    pub fn problems(&self, problems: &[Problem]) {
        if !self.style.json {
            problems
                .iter()
                .for_each(|problem| self.err(&human::problem(problem, self.color)));
            return;
        }
        let problems: Vec<_> = problems
            .iter()
            .map(|problem| {
                let origin = problem.origin.to_string();
                json!({ "origin": origin, "message": problem.message, "hint": problem.hint })
            })
            .collect();
        self.json_line(&json!({ "schema_version": 1, "problems": problems }));
    }

    /// Why the command failed, on stderr.
    pub fn failure(&self, failure: &Failure) {
        if self.style.json {
            let error = json!({ "error": {
                "code": failure.exit.name(),
                "exit": failure.exit.code(),
                "message": failure.message,
                "causes": failure.causes,
                "hint": failure.hint,
            }});
            self.err(&format!("{error}\n"));
        } else {
            self.err(&human::failure(failure, self.color));
        }
    }

    /// The exit code of a command that ended with `exit`: a full disk under stdout is a failure,
    /// a reader that went away is not.
    pub fn finish(&self, exit: Exit) -> Exit {
        let failed = self.out.failure();
        match failed {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe && exit == Exit::Ok => {
                self.failure(&Failure {
                    causes: vec![error.to_string()],
                    ..Failure::new(Exit::Unexpected, "cannot write the output")
                });
                Exit::Unexpected
            }
            _ => exit,
        }
    }

    fn json_line(&self, value: &impl Serialize) {
        let line = serde_json::to_string(value).expect("what is printed has text keys only");
        self.out(&format!("{line}\n"));
    }

    fn out(&self, text: &str) {
        self.out.write(text);
    }

    fn err(&self, text: &str) {
        self.err.write(text);
    }
}

fn ended(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
