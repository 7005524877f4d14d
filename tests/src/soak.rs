//! A long run in which things go wrong at random: nodes die and start again, stand still, come and
//! go, links are cut, and a fifth of the peers lie. Afterwards: was a round stuck, did two disagree,
//! did the memory grow?

mod summary;

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

pub use self::summary::Summary;
use crate::cluster::Cluster;
use crate::fault::Cut;
use crate::host::Host;
use crate::observe::{Event, divergent_rounds, rounds};

/// How often the judge looks.
const LOOK: Duration = Duration::from_millis(250);
/// How often it measures the memory of a node; in a container that takes a command.
const MEASURE: Duration = Duration::from_secs(1);
/// Time without the end of a round after which one counts as stuck.
const STUCK: Duration = Duration::from_secs(30);
/// Honest nodes that may be disturbed at a time.
const MOST_DISTURBED: usize = 2;
/// Honest nodes that run at most: newcomers take the place of those that leave.
const MOST_NODES: usize = 12;
/// Options of the founder, beside its times.
const OPTIONS: &str = "--max-byzantine 2 --min-peers 5 --pace 300ms";
/// What the liars do; each liar takes the next one.
const ATTACKS: [&str; 8] = [
    "sign-flip:scale=5",
    "alie",
    "garbage",
    "replay",
    "nan",
    "stall",
    "wrong-shape",
    "label-flip",
];

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How long faults last.
    pub time: Duration,
    /// Seeds what happens when. The processes keep their own time, so it is no replay.
    pub seed: u64,
    /// Nodes at first.
    pub nodes: usize,
    /// How many of them lie.
    pub liars: usize,
    /// Where they run.
    pub host: Host,
}

/// How long the nodes wait for each other. An engine that starts and stops containers takes the machine's
/// time from all of them.
const fn times(host: Host) -> &'static str {
    match host {
        Host::Processes | Host::Namespaces => "--collect-min 500ms --attempt 700ms",
        Host::Compose => "--collect-min 1s --attempt 2s",
    }
}

/// How a disturbance ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mend {
    Restart,
    Cont,
    Heal,
}

/// A soak under way.
struct Soak {
    cluster: Cluster,
    rng: Rng,
    summary: Summary,
    /// Honest nodes that are to run, by number.
    honest: Vec<usize>,
    disturbed: BTreeMap<usize, (Instant, Mend)>,
    /// What earlier processes of honest nodes said, and those that left.
    past: Vec<(String, Vec<Event>)>,
    host: Host,
    progress: (u64, Instant),
    measured: Instant,
}

/// Runs a soak to its end.
///
/// # Panics
/// When a node does not start, or the honest ones do not come together at the end.
pub fn run(plan: &Plan, say: &mut dyn FnMut(&str)) -> Summary {
    let mut soak = Soak::start(plan);
    say(&format!(
        "{} honest nodes, {} liars, on {}",
        soak.honest.len(),
        plan.liars,
        plan.host
    ));
    let began = Instant::now();
    let mut next = began;
    while began.elapsed() < plan.time {
        soak.mend(Instant::now());
        if Instant::now() >= next {
            if let Some(what) = soak.disturb() {
                say(&format!("{:>6.1} s  {what}", began.elapsed().as_secs_f64()));
            }
            next = Instant::now() + Duration::from_millis(soak.rng.u64(500..4_000));
        }
        soak.look(began.elapsed() < plan.time / 4);
        thread::sleep(LOOK);
    }
    soak.summary.seconds = began.elapsed().as_secs_f64();
    soak.finish()
}

impl Soak {
    fn start(plan: &Plan) -> Self {
        let options = format!("{OPTIONS} {}", times(plan.host));
        let mut cluster = Cluster::on(plan.host, plan.nodes - plan.liars, &options);
        let honest = (0..plan.nodes - plan.liars).collect();
        for liar in 0..plan.liars {
            let attack = ATTACKS[(plan.seed as usize + liar) % ATTACKS.len()];
            cluster.join(0, &format!("--attack {attack}"));
        }
        Self {
            cluster,
            rng: Rng::with_seed(plan.seed),
            summary: Summary {
                host: plan.host.to_string(),
                seed: plan.seed,
                liars: plan.liars,
                ..Summary::default()
            },
            honest,
            disturbed: BTreeMap::new(),
            past: Vec::new(),
            host: plan.host,
            progress: (0, Instant::now()),
            measured: Instant::now(),
        }
    }

    /// A node that nothing happens to at the moment.
    fn calm(&mut self) -> Option<usize> {
        let calm: Vec<usize> = self.calm_ones();
        self.rng.choice(&calm).copied()
    }

    fn calm_ones(&self) -> Vec<usize> {
        let calm = |node: &&usize| !self.disturbed.contains_key(*node);
        self.honest.iter().filter(calm).copied().collect()
    }

    /// Lets something befall a node, unless enough is going on.
    fn disturb(&mut self) -> Option<String> {
        let node = self.calm()?;
        if self.disturbed.len() >= MOST_DISTURBED {
            return None;
        }
        let end = Instant::now() + Duration::from_millis(self.rng.u64(1_000..8_000));
        match self.rng.u8(0..10) {
            0..4 => {
                self.cluster[node].kill();
                self.summary.kills += 1;
                self.disturbed.insert(node, (end, Mend::Restart));
                Some(format!("kill {node}"))
            }
            4..7 => {
                self.cluster[node].stop();
                self.summary.freezes += 1;
                self.disturbed.insert(node, (end, Mend::Cont));
                Some(format!("stop {node}"))
            }
            7..9 if self.host != Host::Processes => {
                let others: Vec<usize> = (0..self.cluster.len()).filter(|n| *n != node).collect();
                // A container loses all of its links or none.
                let all = self.host == Host::Compose;
                let some = others.into_iter().filter(|_| all || self.rng.bool());
                self.cluster.cut(&Cut {
                    from: vec![node],
                    to: some.collect(),
                    one_way: false,
                });
                self.summary.cuts += 1;
                self.disturbed.insert(node, (end, Mend::Heal));
                Some(format!(
                    "cut {node} from {}",
                    if all { "all" } else { "some" }
                ))
            }
            _ if self.honest.len() < MOST_NODES => {
                let new = self.cluster.join(node, "");
                self.honest.push(new);
                self.summary.joins += 1;
                Some(format!("join {new} through {node}"))
            }
            _ => {
                self.cluster[node].leave();
                self.cluster[node].wait_exit();
                self.remember(node);
                self.honest.retain(|other| *other != node);
                self.summary.leaves += 1;
                Some(format!("leave {node}"))
            }
        }
    }

    /// Ends disturbances whose time has come.
    fn mend(&mut self, now: Instant) {
        let due = self.disturbed.iter().filter(|(_, (end, _))| *end <= now);
        let due: Vec<(usize, Mend)> = due.map(|(node, (_, mend))| (*node, *mend)).collect();
        for (node, mend) in due {
            match mend {
                Mend::Cont => self.cluster[node].cont(),
                Mend::Heal => self.cluster.heal(),
                Mend::Restart => {
                    self.remember(node);
                    let via = self.calm();
                    self.cluster.restart(node, via);
                }
            }
            self.disturbed.remove(&node);
        }
    }

    /// Keeps what a process said that is gone.
    fn remember(&mut self, node: usize) {
        let mut said = self.cluster[node].events();
        let last = rounds(&said).next_back().map(|round| round.round);
        // It cannot take back any more what it said last.
        said.retain(|event| match event {
            Event::Round(round) => last.is_none_or(|last| round.round + 8 < last),
            Event::Ready(_) | Event::Joined(_) | Event::Offence(_) | Event::Left(_) => true,
        });
        self.past.push((format!("{node}, gone"), said));
    }

    /// The judge: progress and memory.
    fn look(&mut self, first_quarter: bool) {
        let ended = self
            .honest
            .iter()
            .filter_map(|node| self.cluster[*node].last_round());
        let furthest = ended.max().unwrap_or(0);
        if furthest > self.progress.0 {
            self.progress = (furthest, Instant::now());
        } else if self.progress.1.elapsed() > STUCK {
            self.summary.stuck_rounds += 1;
            self.progress.1 = Instant::now();
        }
        if self.measured.elapsed() > MEASURE {
            self.measured = Instant::now();
            self.measure(first_quarter);
        }
    }

    /// Looks at the memory of one node that nothing happens to.
    fn measure(&mut self, first_quarter: bool) {
        let node = self.calm();
        let resident = node.and_then(|node| self.cluster[node].resident_bytes());
        let most = resident.unwrap_or(0);
        self.summary.max_rss_bytes = self.summary.max_rss_bytes.max(most);
        if first_quarter {
            self.summary.max_rss_bytes_first_quarter = self.summary.max_rss_bytes;
        }
    }

    /// Mends everything, waits until all are together, and compares what they said.
    fn finish(mut self) -> Summary {
        let end = self.disturbed.values().map(|(end, _)| *end).max();
        self.mend(end.unwrap_or_else(Instant::now));
        let back = self.cluster.wait_together(&self.honest).round;
        let alike = self.cluster.agree(&self.honest, back, 5);
        let mut told = self.past;
        for node in &self.honest {
            told.push((
                self.cluster[*node].name().to_owned(),
                self.cluster[*node].events(),
            ));
        }
        let last = alike.last().copied().unwrap_or(back);
        let last = self.cluster[self.honest[0]].wait_round(last, "it is over", |_| true);
        self.summary.model = last.model;
        self.summary.count_losses(&told);
        self.summary.divergences = divergent_rounds(&told).len() as u64;
        self.summary.rounds = back;
        self.summary.together = self.honest.len();
        self.summary
    }
}
