//! The one vocabulary of faults: what scenario files say, and what hosts do.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cluster::Cluster;
use crate::host::{Host, command};

/// Something that befalls a cluster. Numbers are those of nodes, in the order of their start.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// The process dies at once.
    Kill(usize),
    /// The process stands still.
    Stop(usize),
    /// It goes on.
    Cont(usize),
    /// It is asked to leave, and does.
    Leave(usize),
    /// A node that is gone starts again with its data dir, through a node, or alone.
    Restart(Restart),
    /// A new node joins through this one.
    Join(usize),
    /// The wall clock of a node is set off from now on. Needs libfaketime.
    StepClock(StepClock),
    /// Nothing passes any more between these two sides, or, one way, from the first to the second.
    Cut(Cut),
    /// All links and speeds are as at first.
    Heal(Everything),
    /// What leaves a node is held to so many kilobits per second.
    Slow(Slow),
    /// Bytes in the middle of each checkpoint of a node that is gone are changed.
    CorruptCheckpoint(usize),
    /// The operator moves the checkpoints of a node that is gone away, as its refusal to start says.
    ClearCheckpoint(usize),
    /// The disk under the checkpoints of a node is full. Needs root.
    FillDisk(usize),
}

/// A node starts again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// Which.
    pub node: usize,
    /// Through whom; it looks for nobody without one.
    pub via: Option<usize>,
}

/// Two sides of a cut.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Cut {
    /// The first.
    pub from: Vec<usize>,
    /// The second.
    pub to: Vec<usize>,
    /// Whether the second still reaches the first.
    #[serde(default)]
    pub one_way: bool,
}

/// A wrong wall clock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepClock {
    /// Whose.
    pub node: usize,
    /// How far it is ahead of this machine's from now on.
    pub seconds: i64,
}

impl Cut {
    /// The node that is cut from all `n - 1` others, both ways, if that is what it is.
    pub fn alone(&self, n: usize) -> Option<usize> {
        let [alone] = self.from[..] else { return None };
        let all_others = (0..n).filter(|node| *node != alone);
        (!self.one_way && all_others.eq(self.to.iter().copied())).then_some(alone)
    }
}

/// A slow node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// Which.
    pub node: usize,
    /// Kilobits per second.
    pub kbit: u32,
}

/// The whole network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Everything {
    /// All of it.
    All,
}

impl Fault {
    /// Why it cannot befall a cluster of `n` nodes on this host, if it cannot.
    pub fn impossible_on(&self, host: Host, n: usize) -> Option<&'static str> {
        match (host, self) {
            (Host::Processes, Self::Cut(_) | Self::Heal(_) | Self::Slow(_)) => {
                Some("the processes share one network")
            }
            (Host::Processes, Self::FillDisk(_)) => Some("to mount a full disk takes root"),
            (Host::Compose, Self::Cut(cut)) if cut.alone(n).is_none() => {
                Some("a container loses all of its links or none")
            }
            (Host::Compose, Self::Slow(_)) => Some("the engine has no speed of links"),
            (
                Host::Compose,
                Self::CorruptCheckpoint(_) | Self::ClearCheckpoint(_) | Self::FillDisk(_),
            ) => Some("the disk is the engine's"),
            (Host::Compose, Self::StepClock(_)) => {
                Some("no library can be loaded into a static program")
            }
            (
                Host::Processes | Host::Namespaces | Host::Compose,
                Self::Kill(_)
                | Self::Stop(_)
                | Self::Cont(_)
                | Self::Leave(_)
                | Self::Restart(_)
                | Self::Join(_)
                | Self::StepClock(_)
                | Self::Cut(_)
                | Self::Heal(_)
                | Self::Slow(_)
                | Self::CorruptCheckpoint(_)
                | Self::ClearCheckpoint(_)
                | Self::FillDisk(_),
            ) => None,
        }
    }

    /// Lets it befall a cluster.
    ///
    /// # Panics
    /// When the cluster does not have what it takes, or does not do what it must.
    pub fn strike(&self, cluster: &mut Cluster) {
        match self {
            Self::Kill(node) => cluster[*node].kill(),
            Self::Stop(node) => cluster[*node].stop(),
            Self::Cont(node) => cluster[*node].cont(),
            Self::Leave(node) => {
                cluster[*node].leave();
                cluster[*node].wait_exit();
            }
            Self::Restart(restart) => cluster.restart(restart.node, restart.via),
            Self::Join(via) => {
                cluster.join(*via, "");
            }
            Self::Cut(cut) => cluster.cut(cut),
            Self::Heal(Everything::All) => cluster.heal(),
            Self::Slow(slow) => cluster.slow(slow.node, slow.kbit),
            Self::StepClock(step) => cluster.step_clock(step.node, step.seconds),
            Self::CorruptCheckpoint(node) => corrupt(&checkpoints(cluster, *node)),
            Self::ClearCheckpoint(node) => {
                let folder = checkpoints(cluster, *node);
                fs::remove_dir_all(folder).expect("there are checkpoints");
            }
            Self::FillDisk(node) => {
                let disk = FullDisk::under(&checkpoints(cluster, *node));
                cluster.keep(disk);
            }
        }
    }
}

fn checkpoints(cluster: &Cluster, node: usize) -> PathBuf {
    cluster.data_dir(node).join("checkpoints")
}

/// Changes bytes in the middle of each file.
fn corrupt(folder: &Path) {
    let mut corrupted = 0;
    for entry in fs::read_dir(folder).expect("the node saved something") {
        let path = entry.expect("an entry").path();
        let mut bytes = fs::read(&path).expect("a checkpoint can be read");
        let middle = bytes.len() / 2;
        bytes[middle..]
            .iter_mut()
            .take(16)
            .for_each(|byte| *byte ^= 0xff);
        fs::write(&path, bytes).expect("a checkpoint can be written");
        corrupted += 1;
    }
    assert!(
        corrupted > 0,
        "there is no checkpoint in {}",
        folder.display()
    );
}

/// A disk without room, until it is dropped.
#[derive(Debug)]
pub struct FullDisk(PathBuf);

impl FullDisk {
    fn under(folder: &Path) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        let mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs"];
        let done = command::plain(&mount).arg(folder).status();
        assert!(
            done.is_ok_and(|status| status.success()),
            "mount needs root"
        );
        let disk = Self(folder.to_owned());
        let mut ballast = fs::File::create(folder.join("ballast")).expect("a file");
        // Until there is no room left.
        while ballast.write_all(&[0; 4096]).is_ok() {}
        disk
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        // Lazily: a node may have a file open there.
        let _ = command::plain(&["umount", "-l"]).arg(&self.0).status();
    }
}
