//! A node as a process of this machine.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::command::{Finished, command, within};
use super::follow::Pipes;
use super::network::Place;

/// A process, killed when it is dropped.
pub struct Process {
    child: Child,
    data_dir: PathBuf,
}

impl Process {
    /// Starts a node at a place.
    ///
    /// # Panics
    /// When there is no such program.
    pub fn start(place: &Place, data_dir: &Path, args: &[String]) -> (Self, Pipes) {
        let listen = ["--json", "-v", "--listen", &place.listen];
        let mut command = within(&place.prefix, listen);
        command.arg("--data-dir").arg(data_dir).args(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program under test starts");
        let pipes = Pipes::of(&mut child);
        let data_dir = data_dir.to_owned();
        (Self { child, data_dir }, pipes)
    }

    /// Where it keeps its state.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn cont(&self) {
        self.signal(Signal::CONT);
    }

    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Asks it to leave, as Ctrl+C does.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // A process that is gone needs no signal; whoever waits for it finds out.
        let _ = kill_process(pid.expect("a child has a process id"), signal);
    }

    /// The exit code of one that has ended, if no signal ended it.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let status = self.child.wait().expect("a child can be waited for");
        status.code()
    }

    /// Runs a client of the node.
    pub(crate) fn ask(&self, args: &[&str]) -> Finished {
        Finished::of(command(args).arg("--data-dir").arg(&self.data_dir))
    }

    /// Resident memory, while it runs.
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(1024 * kib)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        // It is gone already, or dies now.
        let _ = self.child.wait();
    }
}
