//! One node as a child process: started, listened to, killed. Dropping it kills it.

use std::io;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc::Sender;

use crate::child::{command, lines};
use crate::latest::Latest;

/// Lines of stderr that are kept to explain a failure.
const LAST_LINES: usize = 6;

/// What a node said, with its number; `None` when it has closed its stdout, that is, ended.
pub(super) type Heard = (usize, Option<String>);

/// A running node.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    last_lines: Arc<Mutex<Latest<String, LAST_LINES>>>,
    errors: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts a node.
    pub(super) fn start(
        program: &Path,
        node: usize,
        args: &[String],
        data_dir: &Path,
        heard: Sender<Heard>,
    ) -> io::Result<Self> {
        let mut process = Self {
            child: command(program, args, data_dir).spawn()?,
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
                    kept.push(line);
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
