//! One node as a child process: started, listened to, killed. Dropping it kills it.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc::Sender;

/// Lines of stderr that are kept to explain a failure.
const LAST_LINES: usize = 6;

/// What a node said, with its number; `None` when it has closed its stdout, that is, ended.
pub(super) type Heard = (usize, Option<String>);

/// A running node.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    last_lines: Arc<Mutex<VecDeque<String>>>,
    errors: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts a node. It sees none of our `SPIRT_` variables: they are meant for other nodes.
    pub(super) fn start(
        program: &Path,
        node: usize,
        args: &[String],
        data_dir: &Path,
        heard: Sender<Heard>,
    ) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(args).arg("--data-dir").arg(data_dir);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SPIRT_") {
                command.env_remove(name);
            }
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = Self {
            child: command.spawn()?,
            last_lines: Arc::default(),
            errors: None,
        };
        let (out, err) = (process.child.stdout.take(), process.child.stderr.take());
        thread::Builder::new()
            .name(format!("out-{node}"))
            .spawn(move || {
                for line in lines(out) {
                    if heard.blocking_send((node, Some(line))).is_err() {
                        return;
                    }
                }
                // Nobody listens any more when the demo ends: then it does not matter.
                let _ = heard.blocking_send((node, None));
            })?;
        let last_lines = Arc::clone(&process.last_lines);
        process.errors = Some(thread::Builder::new().name(format!("err-{node}")).spawn(
            move || {
                for line in lines(err) {
                    let mut kept = last_lines.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.push_back(line);
                    if kept.len() > LAST_LINES {
                        kept.pop_front();
                    }
                }
            },
        )?);
        Ok(process)
    }

    /// `kill -9`, and waits until the process is gone.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// The end of a process that has closed its stdout, and its last lines on stderr.
    pub(super) fn end(&mut self) -> io::Result<(ExitStatus, Vec<String>)> {
        let status = self.child.wait()?;
        if let Some(errors) = self.errors.take() {
            // It can only have panicked, and then there are fewer lines to show.
            let _ = errors.join();
        }
        Ok((status, self.last_lines()))
    }

    /// What the node last said on stderr.
    pub(super) fn last_lines(&self) -> Vec<String> {
        let kept = self
            .last_lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails for a process that is gone already.
        let _ = self.kill();
    }
}

/// Lines until the end or the first error; what is not UTF-8 is replaced.
fn lines(from: Option<impl Read>) -> impl Iterator<Item = String> {
    let lines = from.map(|from| BufReader::new(from).split(b'\n'));
    let lines = lines.into_iter().flatten().map_while(Result::ok);
    lines.map(|line| String::from_utf8_lossy(&line).into_owned())
}
