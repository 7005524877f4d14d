//! Draws scenarios: a kind and a seed give one, always the same.

use std::time::Duration;

use fastrand::Rng;

use crate::id::Time;

use super::liar::Lie;
use super::scenario::{Fault, Scenario, spec, spec_of_few};

/// What a scenario is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Loss, delay, duplicates, crashes and restarts.
    Crashes,
    /// The network falls into two parts, and heals.
    Partitions,
    /// Single links fail, and some nodes are slow.
    Links,
    /// Processes stand still, and go on.
    Freezes,
    /// Nodes come, say goodbye, and come again.
    Churn,
    /// Clocks run fast and slow, and show other times.
    Skew,
    /// Up to f nodes lie; nothing else goes wrong.
    Liars,
    /// All of it at once.
    Storm,
}

impl Kind {
    /// Every kind, in the order of the table.
    pub const ALL: [Self; 8] = [
        Self::Crashes,
        Self::Partitions,
        Self::Links,
        Self::Freezes,
        Self::Churn,
        Self::Skew,
        Self::Liars,
        Self::Storm,
    ];

    /// Its name on the command line and in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crashes => "crashes",
            Self::Partitions => "partitions",
            Self::Links => "links",
            Self::Freezes => "freezes",
            Self::Churn => "churn",
            Self::Skew => "skew",
            Self::Liars => "liars",
            Self::Storm => "storm",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Scenario {
    /// Draws a scenario.
    pub fn draw(kind: Kind, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let (peers, faulty, spec) = if is_of_few(kind, seed) {
            (rng.usize(2..=3), 1, spec_of_few(seed))
        } else {
            let most = if kind == Kind::Crashes { 16 } else { 32 };
            let peers = size(&mut rng, most);
            let faulty = rng.usize(1..=(peers - 1) / 3);
            (
                peers,
                faulty,
                spec(seed, u16::try_from(faulty).unwrap_or(1)),
            )
        };
        let delay = Duration::from_millis(rng.u64(2..=80));
        let mut scenario = Self {
            kind,
            seed,
            peers,
            spec,
            drop: [0.0, 0.01, 0.05, 0.2][rng.usize(0..4)],
            duplicate: [0.0, 0.05, 0.3][rng.usize(0..3)],
            corrupt: 0.0,
            delay,
            compute: Duration::from_millis(rng.u64(5..=400)),
            transfer: Duration::from_millis(seed / 4 % 8 * 200),
            skew: 0,
            checkpoint_every: rng.u64(1..=5),
            starts: vec![Time::default(); peers],
            liars: Vec::new(),
            faults: Vec::new(),
            strict: false,
            calm: Time(Duration::from_secs(rng.u64(6..=24))),
            rounds_after: 8,
            mutation: None,
        };
        scenario.add(kind, &mut rng, faulty);
        scenario
            .faults
            .sort_by_key(|(time, fault)| (*time, matches!(fault, Fault::Restart(_))));
        scenario
    }

    fn add(&mut self, kind: Kind, rng: &mut Rng, faulty: usize) {
        match kind {
            Kind::Crashes => self.add_crashes(rng, faulty),
            Kind::Partitions => self.add_partitions(rng),
            Kind::Links => self.add_links(rng),
            Kind::Freezes => self.add_freezes(rng, faulty),
            Kind::Churn => self.add_churn(rng),
            Kind::Skew => {
                self.skew = rng.u32(1..=20_000);
                self.add_crashes(rng, faulty);
            }
            Kind::Liars => {
                self.quiet();
                // A liar tells some, and these tell the others: two messages in a quarter attempt.
                self.delay = Duration::from_millis(rng.u64(2..=35));
                self.strict = true;
                self.add_liars(rng, faulty);
            }
            Kind::Storm => {
                self.corrupt = [0.0, 0.01][rng.usize(0..2)];
                self.skew = rng.u32(0..=5_000);
                self.add_crashes(rng, faulty);
                self.add_partitions(rng);
                self.add_links(rng);
                self.add_freezes(rng, faulty);
                self.add_churn(rng);
                if self.spec.max_byzantine > 0 {
                    self.add_liars(rng, faulty);
                }
            }
        }
    }

    fn quiet(&mut self) {
        self.drop = 0.0;
        self.duplicate = 0.0;
    }

    fn end(&self) -> u64 {
        self.calm.0.as_millis() as u64
    }

    /// Crashes of at most `most` peers at a time, and now and then of all at once.
    fn add_crashes(&mut self, rng: &mut Rng, most: usize) {
        let end = self.end();
        let mut up_from = vec![2_000; self.peers];
        for _ in 0..rng.usize(0..=2 * self.peers) {
            let crash = rng.u64(2_000..end);
            let restart = (crash + rng.u64(50..=8_000)).min(end);
            let down = up_from.iter().filter(|from| **from > crash).count();
            let node = rng.usize(0..self.peers);
            if down < most && up_from[node] <= crash {
                up_from[node] = restart;
                self.at(crash, Fault::Crash(node));
                self.at(restart.max(crash + 1), Fault::Restart(node));
            }
        }
        if rng.u8(0..10) == 0 {
            let crash = rng.u64(end / 2..end);
            for node in 0..self.peers {
                let restart = (crash + rng.u64(1..=1_000)).min(end);
                self.at(crash, Fault::Crash(node));
                self.at(restart.max(crash + 1), Fault::Restart(node));
            }
        }
    }

    /// One to three times, some are cut off from the rest.
    fn add_partitions(&mut self, rng: &mut Rng) {
        let end = self.end();
        let mut from = 2_000;
        for _ in 0..rng.usize(1..=3) {
            let cut = rng.u64(from..=end.max(from));
            let heal = (cut + rng.u64(300..=10_000)).min(end);
            if heal <= cut {
                break;
            }
            let some = (0..self.peers).filter(|_| rng.bool());
            let side = some.fold(0, |set, node| set | 1_u64 << node);
            self.at(cut, Fault::Cut(side, !side));
            self.at(heal, Fault::Heal);
            from = heal;
        }
    }

    /// Some links fail for the whole time of faults, and some nodes are slow.
    fn add_links(&mut self, rng: &mut Rng) {
        for _ in 0..rng.usize(1..=self.peers) {
            let (a, b) = (rng.usize(0..self.peers), rng.usize(0..self.peers));
            let at = rng.u64(0..self.end());
            if a != b {
                self.at(at, Fault::Cut(1 << a, 1 << b));
            }
        }
        self.at(self.end(), Fault::Heal);
        for _ in 0..rng.usize(0..=2) {
            let node = rng.usize(0..self.peers);
            let at = rng.u64(0..self.end());
            self.at(at, Fault::Slow(node, rng.u32(1..=1_000)));
            self.at(self.end(), Fault::Slow(node, 0));
        }
    }

    /// At most `most` processes at a time stand still for up to ten seconds.
    fn add_freezes(&mut self, rng: &mut Rng, most: usize) {
        let end = self.end();
        let mut free_from = vec![1_000; self.peers];
        for _ in 0..rng.usize(1..=self.peers) {
            let freeze = rng.u64(1_000..end);
            let thaw = (freeze + rng.u64(100..=10_000)).min(end);
            let node = rng.usize(0..self.peers);
            let frozen = free_from.iter().filter(|from| **from > freeze).count();
            if frozen < most && free_from[node] <= freeze {
                free_from[node] = thaw;
                self.at(freeze, Fault::Freeze(node));
                self.at(thaw, Fault::Thaw(node));
            }
        }
    }

    /// Nodes start late, and some say goodbye and come again.
    fn add_churn(&mut self, rng: &mut Rng) {
        let end = self.end();
        for node in 1..self.peers {
            if rng.bool() {
                self.starts[node] = Time(Duration::from_millis(rng.u64(0..end / 2)));
            }
        }
        for _ in 0..rng.usize(1..=self.peers) {
            let node = rng.usize(0..self.peers);
            let leave = rng.u64(end / 2..end);
            self.at(leave, Fault::Leave(node));
            let back = (leave + rng.u64(100..=8_000)).min(end);
            self.at(back.max(leave + 1), Fault::Restart(node));
        }
    }

    /// One to `most` liars. The founder is honest: without it there is no swarm.
    fn add_liars(&mut self, rng: &mut Rng, most: usize) {
        for _ in 0..rng.usize(1..=most) {
            let liar = rng.usize(1..self.peers);
            let lie = Lie::BY_LOT[rng.usize(0..Lie::BY_LOT.len())];
            if self.liars.iter().all(|(other, _)| *other != liar) {
                self.liars.push((liar, lie));
            }
        }
        // By the seed and not by lot, so that the other seeds stay what they were.
        if self.seed % 8 == 5
            && let Some((_, lie)) = self.liars.first_mut()
        {
            *lie = Lie::Conceal;
        }
    }

    fn at(&mut self, millis: u64, fault: Fault) {
        let at = Time(Duration::from_millis(millis));
        self.faults.push((at, fault));
    }
}

/// Whether a scenario is of two or three peers. By the seed and not by lot, so that the other seeds stay what they were.
/// So few bear no liar.
fn is_of_few(kind: Kind, seed: u64) -> bool {
    kind != Kind::Liars && seed % 9 == 4
}

/// From 4 to `most`; small swarms more often, since large ones take long and show little more.
fn size(rng: &mut Rng, most: usize) -> usize {
    let likely = rng.usize(4..=16);
    if most > 16 && rng.u8(0..8) == 0 {
        rng.usize(16..=most)
    } else {
        likely
    }
}
