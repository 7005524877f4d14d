//! One simulated node: a machine, what its process would know, and what its disk keeps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use crate::id::{Digest, PeerId, Round, Time};
use crate::machine::{Config, RoundMachine};
use crate::manifest::Manifest;
use crate::sign::Identity;
use crate::spec::RunSpec;

use super::liar::{Liar, Lie};
use super::queue::Happening;

/// A clock that shows another time than the true one, and runs a little fast or slow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) ahead: Duration,
    /// Ticks for each million true ones.
    pub(super) rate: u32,
}

impl Clock {
    pub(super) const TRUE: Self = Self {
        ahead: Duration::ZERO,
        rate: 1_000_000,
    };

    /// One that is off by up to `skew` millionths, and by up to a week.
    pub(super) fn draw(skew: u32, rng: &mut Rng) -> Self {
        Self {
            ahead: Duration::from_millis(rng.u64(0..=7 * 24 * 3_600_000)),
            rate: rng.u32(1_000_000 - skew..=1_000_000 + skew),
        }
    }

    /// What it shows at a true time.
    pub(super) fn shows(self, at: Time) -> Time {
        let ticks = at.0.as_nanos() * u128::from(self.rate) / 1_000_000;
        Time(self.ahead + nanos(ticks))
    }

    /// The first true time at which it shows at least this.
    pub(super) fn reaches(self, shown: Time) -> Time {
        let ticks = shown.0.saturating_sub(self.ahead).as_nanos();
        Time(nanos((ticks * 1_000_000).div_ceil(u128::from(self.rate))))
    }
}

fn nanos(count: u128) -> Duration {
    Duration::from_nanos(u64::try_from(count).unwrap_or(u64::MAX))
}

/// A node, up or down.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) identity: Identity,
    pub(super) clock: Clock,
    pub(super) lie: Option<Lie>,
    pub(super) liar: Liar,
    /// `None` while the process is down.
    pub(super) machine: Option<RoundMachine>,
    /// How often the process was started; on disk.
    pub(super) session: u64,
    /// The latest two checkpoints; on disk.
    pub(super) checkpoints: Vec<Manifest>,
    /// The state's model, by the round that starts from it.
    pub(super) model: Option<Digest>,
    /// Payloads that arrived, inside frames or when they were asked for, and the own ones.
    pub(super) payloads: BTreeMap<Digest, Round>,
    /// The last round whose payloads may be shown and asked for; only where they do not travel inside frames.
    pub(super) revealed: Option<Round>,
    /// The own payload that may not be shown yet.
    pub(super) held_back: Option<(Round, Digest)>,
    /// Payloads that are asked for once the round's may be shown.
    pub(super) postponed: Vec<(Digest, Vec<PeerId>)>,
    /// What the running aggregation makes of the model.
    pub(super) aggregate: Option<Digest>,
    /// The earliest true time for which a wake-up is scheduled.
    pub(super) wake: Option<Time>,
    /// What arrived while the process stands still; `None` while it runs.
    pub(super) waiting: Option<Vec<Happening>>,
}

impl Node {
    pub(super) fn new(index: usize, seed: u64) -> Self {
        let name = [seed.to_le_bytes(), (index as u64).to_le_bytes()].concat();
        Self {
            identity: Identity::from_seed(&Digest::of(&name).0),
            clock: Clock::TRUE,
            lie: None,
            liar: Liar::default(),
            machine: None,
            session: 0,
            checkpoints: Vec::new(),
            model: None,
            payloads: BTreeMap::new(),
            revealed: None,
            held_back: None,
            postponed: Vec::new(),
            aggregate: None,
            wake: None,
            waiting: None,
        }
    }

    /// Starts the process; a founder brings the initial state.
    pub(super) fn start(&mut self, spec: &Arc<RunSpec>, founder: bool, now: Time) {
        self.session += 1;
        let identity = self.identity.clone();
        let config = Config {
            identity,
            start: u32::try_from(self.session).unwrap_or(u32::MAX),
            spec: spec.clone(),
        };
        let mut held = vec![Manifest::first(spec, Digest::of(b"initial"), 40)];
        held.extend(self.checkpoints.iter().cloned());
        self.model = held.last().map(|manifest| manifest.model);
        self.machine = Some(RoundMachine::new(
            config,
            held,
            founder,
            self.clock.shows(now),
        ));
    }

    /// Keeps a state on disk, and the one before.
    pub(super) fn checkpoint(&mut self, manifest: Manifest) {
        self.checkpoints.retain(|kept| kept.round < manifest.round);
        if self.checkpoints.len() == 2 {
            self.checkpoints.remove(0);
        }
        self.checkpoints.push(manifest);
    }

    /// Keeps a state that was taken over, and none that it contradicts.
    pub(super) fn adopt_checkpoint(&mut self, adopted: Option<Manifest>) {
        self.checkpoints.clear();
        self.checkpoints.extend(adopted);
    }

    /// Loses everything but the disk.
    pub(super) fn crash(&mut self) {
        self.machine = None;
        self.model = None;
        self.payloads.clear();
        self.revealed = None;
        self.held_back = None;
        self.postponed.clear();
        self.aggregate = None;
        self.wake = None;
        self.waiting = None;
    }

    /// A payload unlike that of any other node, round or state.
    pub(super) fn payload(&self, round: Round) -> Arc<[u8]> {
        let model = self.model.map_or([0; 32], |model| model.0);
        let me = self.identity.peer_id();
        Digest::of(&[&me.0[..], &round.0.to_le_bytes(), &model].concat())
            .0
            .into()
    }

    /// Keeps a payload of a round, and drops those of rounds that are long over here.
    pub(super) fn store(&mut self, root: Digest, round: Round) {
        let here = self.machine.as_ref().map_or(round, RoundMachine::round);
        if self.payloads.insert(root, round).is_none() {
            let oldest = here.min(round).0.saturating_sub(4);
            self.payloads.retain(|_, round| round.0 >= oldest);
        }
    }

    /// The round of a payload that it holds and may show.
    pub(super) fn shown(&self, root: &Digest) -> Option<Round> {
        let shut = self.held_back.is_some_and(|(_, held)| held == *root);
        self.payloads.get(root).copied().filter(|_| !shut)
    }

    /// The model that results from aggregating these contributions into the current one.
    pub(super) fn aggregate(&mut self, contributions: &[(PeerId, Digest)]) {
        let model = self.model.map_or([0; 32], |model| model.0);
        let mut bytes = model.to_vec();
        for (author, root) in contributions {
            bytes.extend(author.0);
            bytes.extend(root.0);
        }
        self.aggregate = Some(Digest::of(&bytes));
    }
}
