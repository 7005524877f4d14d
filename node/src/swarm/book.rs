//! The peers we know: their addresses, and when to dial them again.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, Ipv6Addr},
    time::{Duration, Instant},
};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

use super::limits;

const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// A peer that broke a protocol is left alone for this long.
const PENALTY: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Entry {
    addrs: Vec<Multiaddr>,
    /// Takes part in our run: only such peers are dialled again.
    member: bool,
    connected: bool,
    /// The peer is on this machine, so its loopback addresses are good.
    loopback: bool,
    dialing: bool,
    failures: u8,
    not_before: Instant,
}

/// At most [`limits::KNOWN_PEERS`] peers with a few addresses each. Reads no clock.
#[derive(Debug, Default)]
pub(super) struct Book {
    peers: HashMap<PeerId, Entry>,
}

impl Book {
    pub(super) fn connected(&mut self, peer: PeerId, remote: &Multiaddr, now: Instant) {
        if let Some(entry) = self.entry(peer, now) {
            entry.connected = true;
            entry.dialing = false;
            entry.failures = 0;
            entry.loopback |= is_loopback(remote);
        }
    }

    pub(super) fn disconnected(&mut self, peer: PeerId, now: Instant) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.connected = false;
            entry.not_before = entry.not_before.max(now + FIRST_RETRY);
        }
    }

    /// Takes over the addresses that a connected peer listens on, and returns the usable ones.
    pub(super) fn identified(&mut self, peer: &PeerId, addrs: Vec<Multiaddr>) -> Vec<Multiaddr> {
        let Some(entry) = self.peers.get_mut(peer) else {
            return Vec::new();
        };
        let usable =
            |addr: &Multiaddr| !is_unspecified(addr) && (entry.loopback || !is_loopback(addr));
        let mut addrs: Vec<_> = addrs.into_iter().filter(usable).collect();
        addrs.truncate(limits::ADDRESSES_PER_PEER);
        entry.addrs.clone_from(&addrs);
        addrs
    }

    /// A peer takes part in our run. One that was given up gets another try.
    pub(super) fn member(&mut self, peer: PeerId, now: Instant) {
        if let Some(entry) = self.entry(peer, now) {
            entry.member = true;
            if entry.failures >= limits::DIAL_ATTEMPTS && entry.not_before <= now {
                entry.failures = limits::DIAL_ATTEMPTS - 1;
            }
        }
    }

    pub(super) fn left(&mut self, peer: &PeerId) {
        if let Some(entry) = self.peers.get_mut(peer) {
            entry.member = false;
        }
    }

    pub(super) fn penalise(&mut self, peer: &PeerId, now: Instant) {
        if let Some(entry) = self.peers.get_mut(peer) {
            entry.not_before = now + PENALTY;
        }
    }

    pub(super) fn forget(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
    }

    pub(super) fn dial_failed(&mut self, peer: &PeerId, now: Instant) {
        if let Some(entry) = self.peers.get_mut(peer) {
            entry.dialing = false;
            let wait = FIRST_RETRY * (1 << entry.failures.min(6));
            entry.failures = entry.failures.saturating_add(1);
            // Two peers that lost each other should not keep meeting half way.
            let jitter = u64::from(peer.to_bytes().last().copied().unwrap_or(0));
            entry.not_before = now + wait.min(LAST_RETRY) + Duration::from_millis(jitter);
        }
    }

    /// When [`take_due`](Self::take_due) has something to give, if ever.
    pub(super) fn next_due(&self) -> Option<Instant> {
        if self.dialing() >= limits::DIALS {
            return None;
        }
        let wanted = self.peers.values().filter(|entry| entry.wanted());
        wanted.map(|entry| entry.not_before).min()
    }

    /// The peers to dial now, with the addresses we know ourselves.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<(PeerId, Vec<Multiaddr>)> {
        let room = limits::DIALS.saturating_sub(self.dialing());
        let due = self.peers.iter_mut();
        due.filter(|(_, entry)| entry.wanted() && entry.not_before <= now)
            .take(room)
            .map(|(peer, entry)| {
                entry.dialing = true;
                (*peer, entry.addrs.clone())
            })
            .collect()
    }

    /// Where the members of our run listen, with their ids.
    pub(super) fn members(&self) -> Vec<Multiaddr> {
        let members = self.peers.iter().filter(|(_, entry)| entry.member);
        members
            .flat_map(|(peer, entry)| entry.addrs.iter().map(|addr| (*peer, addr.clone())))
            .filter_map(|(peer, addr)| addr.with_p2p(peer).ok())
            .collect()
    }

    fn dialing(&self) -> usize {
        self.peers.values().filter(|entry| entry.dialing).count()
    }

    fn entry(&mut self, peer: PeerId, now: Instant) -> Option<&mut Entry> {
        if !self.peers.contains_key(&peer) && self.peers.len() >= limits::KNOWN_PEERS {
            self.evict()?;
        }
        Some(self.peers.entry(peer).or_insert_with(|| Entry {
            addrs: Vec::new(),
            member: false,
            connected: false,
            loopback: false,
            dialing: false,
            failures: 0,
            not_before: now,
        }))
    }

    /// Makes room: strangers first, then whoever failed most. Connections are fewer than places.
    fn evict(&mut self) -> Option<()> {
        let idle = self.peers.iter();
        let (peer, _) = idle
            .filter(|(_, entry)| !entry.connected && !entry.dialing)
            .max_by_key(|(_, entry)| (!entry.member, entry.failures))?;
        let peer = *peer;
        self.peers.remove(&peer);
        Some(())
    }
}

impl Entry {
    fn wanted(&self) -> bool {
        self.member && !self.connected && !self.dialing && self.failures < limits::DIAL_ATTEMPTS
    }
}

fn is_loopback(addr: &Multiaddr) -> bool {
    match addr.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        _ => false,
    }
}

fn is_unspecified(addr: &Multiaddr) -> bool {
    match addr.iter().next() {
        Some(Protocol::Ip4(ip)) => ip == Ipv4Addr::UNSPECIFIED,
        Some(Protocol::Ip6(ip)) => ip == Ipv6Addr::UNSPECIFIED,
        _ => false,
    }
}
