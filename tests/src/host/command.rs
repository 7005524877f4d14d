//! Commands that run to their end.

use std::ffi::OsStr;
use std::fmt;
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::DEADLINE;
use crate::node_binary;

/// A command of the program under test that settings of the tester's shell cannot reach.
pub fn command(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    within(&[], args)
}

/// Like [`command`], with words of another program before it.
pub fn within(prefix: &[String], args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut words = prefix.iter();
    let mut command = match words.next() {
        None => Command::new(node_binary()),
        Some(program) => {
            let mut command = Command::new(program);
            command.args(words).arg(node_binary());
            command
        }
    };
    let ours = |name: &OsStr| {
        let name = name.to_string_lossy();
        name.starts_with("SPIRT_") || name == "RUST_LOG"
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null()).args(args);
    command
}

/// A command of another program.
///
/// # Panics
/// When there is not even a name.
pub fn plain(words: &[&str]) -> Command {
    let (program, args) = words.split_first().expect("a program has a name");
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    command
}

/// A command that ended.
pub struct Finished {
    /// Its exit code, if no signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Finished {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it does not end in time; it is killed then.
    pub fn of(command: &mut Command) -> Self {
        Self::within(DEADLINE, command)
    }

    /// Runs a command to its end, which has to come within `patience`.
    ///
    /// # Panics
    /// When it does not end in time; it is killed then.
    pub fn within(patience: Duration, command: &mut Command) -> Self {
        let start = Instant::now();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let (sender, ended) = std::sync::mpsc::channel();
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let reader = thread::spawn(move || {
            let err = thread::spawn(move || text(err));
            let out = text(out);
            // The test may have given up.
            let _ = sender.send(());
            (out, err.join().unwrap_or_default())
        });
        if ended.recv_timeout(patience).is_err() {
            // Its pipes close with it, and the reader ends.
            let _ = child.kill();
            let (out, err) = reader.join().unwrap_or_default();
            panic!("{command:?} did not end\nstdout: {out}\nstderr: {err}");
        }
        let (stdout, stderr) = reader.join().unwrap_or_default();
        let status = child.wait().expect("a child can be waited for");
        Self {
            code: status.code(),
            stdout,
            stderr,
            took: start.elapsed(),
        }
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            stdout,
            stderr,
            took,
        } = self;
        write!(
            f,
            "exit {code:?} after {took:?}\nstdout: {stdout}\nstderr: {stderr}"
        )
    }
}

fn text(from: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    // A pipe that breaks ends the text.
    let _ = from.map(|mut from| from.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}
