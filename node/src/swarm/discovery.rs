//! When to dial whom, and when to ask the DHT. Decides only; the task carries it out.

use std::time::{Duration, Instant};

use libp2p::{
    Multiaddr, PeerId,
    kad::RecordKey,
    multiaddr::Protocol,
    swarm::{ConnectionId, dial_opts::DialOpts},
};

use super::book::Book;

const BOOTSTRAP_FIRST: Duration = Duration::from_secs(1);
const BOOTSTRAP_LAST: Duration = Duration::from_secs(15);
/// With peers at hand, lost bootstrap addresses are still tried at this pace: they may be the way
/// to the other side of a healed partition.
const BOOTSTRAP_QUIET: Duration = Duration::from_secs(60);
const POLL_FAST: Duration = Duration::from_millis(500);
const POLL_SLOW: Duration = Duration::from_secs(10);
const FAST_POLLS: u32 = 5;
/// A new connection needs a moment until identify has filled the routing table.
const SETTLE: Duration = Duration::from_millis(100);

/// What the task must do.
#[derive(Debug)]
pub(super) enum Action {
    /// Dial; failures come back through [`Discovery::dial_failed`].
    Dial(DialOpts),
    /// Announce us as a provider of the key.
    Provide(RecordKey),
    /// Look for providers of the key; the end comes back through [`Discovery::find_finished`].
    Find(RecordKey),
}

#[derive(Debug)]
struct Bootstrap {
    addr: Multiaddr,
    /// Known from the address, or learnt from the first connection.
    peer: Option<PeerId>,
    dialing: Option<ConnectionId>,
    connected: bool,
    /// The address is our own.
    own: bool,
}

/// Bootstrap, search and redial. Reads no clock.
#[derive(Debug)]
pub(super) struct Discovery {
    pub(super) book: Book,
    bootstrap: Vec<Bootstrap>,
    bootstrap_at: Instant,
    bootstrap_wait: Duration,
    alone: bool,
    key: Option<RecordKey>,
    poll_at: Instant,
    polls: u32,
    finding: bool,
    /// The routing table has grown since we last announced ourselves.
    unannounced: bool,
}

impl Discovery {
    pub(super) fn new(local: PeerId, bootstrap: Vec<Multiaddr>, now: Instant) -> Self {
        let bootstrap = bootstrap.into_iter().map(|addr| {
            let peer = match addr.iter().last() {
                Some(Protocol::P2p(peer)) => Some(peer),
                _ => None,
            };
            Bootstrap {
                addr,
                peer,
                dialing: None,
                connected: false,
                own: peer == Some(local),
            }
        });
        Self {
            book: Book::default(),
            bootstrap: bootstrap.collect(),
            bootstrap_at: now,
            bootstrap_wait: BOOTSTRAP_FIRST,
            alone: true,
            key: None,
            poll_at: now,
            polls: 0,
            finding: false,
            unannounced: true,
        }
    }

    /// From now on, looks for the providers of this key.
    pub(super) fn join(&mut self, key: RecordKey, now: Instant) {
        self.key = Some(key);
        self.polls = 0;
        self.poll_at = now;
    }

    /// The first connection with `peer` is up.
    pub(super) fn peer_up(&mut self, peer: PeerId, remote: &Multiaddr, now: Instant) {
        self.book.connected(peer, remote, now);
        for entry in &mut self.bootstrap {
            entry.connected |= entry.peer == Some(peer);
        }
        if self.alone {
            self.alone = false;
            self.bootstrap_wait = BOOTSTRAP_FIRST;
            self.bootstrap_at = now + BOOTSTRAP_QUIET;
            self.polls = 0;
            self.poll_at = now + SETTLE;
        }
    }

    /// The last connection with `peer` is gone; `alone` if no other peer is left.
    pub(super) fn peer_down(&mut self, peer: PeerId, alone: bool, now: Instant) {
        self.book.disconnected(peer, now);
        for entry in &mut self.bootstrap {
            entry.connected &= entry.peer != Some(peer);
        }
        if alone {
            self.alone = true;
            self.bootstrap_at = now + BOOTSTRAP_FIRST;
            self.bootstrap_wait = BOOTSTRAP_FIRST * 2;
        }
    }

    /// A dial of ours succeeded: learn who answers at a bootstrap address without an id.
    pub(super) fn dialed(&mut self, connection: ConnectionId, peer: PeerId) {
        for entry in &mut self.bootstrap {
            if entry.dialing == Some(connection) {
                entry.dialing = None;
                entry.peer = Some(peer);
                entry.connected = true;
            }
        }
    }

    /// A dial failed; returns the bootstrap address, if it was one and the failure matters.
    pub(super) fn dial_failed(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        own: bool,
        now: Instant,
    ) -> Option<Multiaddr> {
        if let Some(peer) = peer {
            self.book.dial_failed(&peer, now);
        }
        let mut bootstrap = self.bootstrap.iter_mut();
        let entry = bootstrap.find(|entry| entry.dialing == Some(connection))?;
        entry.dialing = None;
        entry.own |= own;
        (self.alone && !entry.own).then(|| entry.addr.clone())
    }

    /// The routing table has a new peer: it may be one of those to hold our provider record.
    pub(super) fn routed(&mut self) {
        self.unannounced = true;
    }

    pub(super) fn find_finished(&mut self) {
        self.finding = false;
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let bootstrap = (!self.bootstrap.is_empty()).then_some(self.bootstrap_at);
        let poll = (self.key.is_some() && !self.alone).then_some(self.poll_at);
        [bootstrap, poll, self.book.next_due()]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.bootstrap_at <= now {
            self.dial_bootstrap(now, &mut actions);
        }
        if !self.alone && self.poll_at <= now {
            self.poll(now, &mut actions);
        }
        for (peer, addrs) in self.book.take_due(now) {
            let dial = DialOpts::peer_id(peer)
                .addresses(addrs)
                .extend_addresses_through_behaviour()
                // From our listening port, two peers that dial each other at once would clash.
                .allocate_new_port()
                .build();
            actions.push(Action::Dial(dial));
        }
        actions
    }

    fn dial_bootstrap(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let idle = self.bootstrap.iter_mut();
        for entry in idle.filter(|e| !e.own && !e.connected && e.dialing.is_none()) {
            let dial = DialOpts::unknown_peer_id()
                .address(entry.addr.clone())
                .allocate_new_port()
                .build();
            entry.dialing = Some(dial.connection_id());
            actions.push(Action::Dial(dial));
        }
        if self.alone {
            self.bootstrap_at = now + self.bootstrap_wait;
            self.bootstrap_wait = (self.bootstrap_wait * 2).min(BOOTSTRAP_LAST);
        } else {
            self.bootstrap_at = now + BOOTSTRAP_QUIET;
        }
    }

    fn poll(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let Some(key) = &self.key else {
            return;
        };
        if std::mem::take(&mut self.unannounced) {
            actions.push(Action::Provide(key.clone()));
        }
        if !std::mem::replace(&mut self.finding, true) {
            actions.push(Action::Find(key.clone()));
        }
        let fast = self.polls < FAST_POLLS;
        self.polls = self.polls.saturating_add(1);
        self.poll_at = now + if fast { POLL_FAST } else { POLL_SLOW };
    }
}
