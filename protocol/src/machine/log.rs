//! What a node has heard of one round: entries, seals, requests to join. Bounded per author.

mod joins;
mod misfits;
mod seals;

use std::collections::{BTreeMap, BTreeSet};

use crate::evidence::{self, Slot};
use crate::frame::Frame;
use crate::id::{Digest, PeerId, Round, Time};
use crate::message::{Contribution, Message};
use crate::sign::Verified;
use crate::spec::MAX_PEERS;

pub(super) use joins::nonce;
use misfits::Misfits;
use seals::view;

/// Most distinct admissions, and most accusations, of one author in a round with a roster of `n`: a
/// lone founder may admit a whole roster, many members share the work.
pub(super) fn max_notices(n: usize) -> usize {
    usize::from(MAX_PEERS) / n.max(1) + 4
}
/// Most distinct contributions, and most seals of one attempt, of one author in one session: two
/// prove an equivocation, a third proves nothing more.
const MAX_PER_SLOT: usize = 2;
/// Most sessions of one author in a round.
const MAX_SESSIONS: usize = 4;
/// Most views of one author in a round.
const MAX_VIEWS: usize = 4;

/// Whether a payload is at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload {
    /// Nobody was asked yet.
    Wanted,
    /// The caller was asked for it.
    Fetching,
    /// Held, checked, servable.
    Held,
    /// Breaks the spec.
    Bad,
}

/// One thing that the peers may agree to count in the round.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) frame: Verified<Frame>,
    /// For all but contributions [`Payload::Held`] from the start.
    pub(super) payload: Payload,
    /// A contribution announced when this node had shown its payload already: its author may have looked.
    pub(super) is_late: bool,
    /// When nobody had the payload, or the rest of it, for the first time.
    pub(super) failed_at: Option<Time>,
}

impl Entry {
    pub(super) fn contribution(&self) -> Option<&Contribution> {
        match self.frame.message() {
            Message::Contribution(contribution) => Some(contribution),
            _ => None,
        }
    }
}

/// All that was heard of a round.
#[derive(Debug, Clone)]
pub(super) struct RoundLog {
    pub(super) round: Round,
    pub(super) entries: BTreeMap<Digest, Entry>,
    /// By author, in order of arrival.
    pub(super) seals: BTreeMap<PeerId, Vec<Verified<Frame>>>,
    /// The latest request of each peer that wants to join.
    pub(super) joins: BTreeMap<PeerId, Verified<Frame>>,
    /// Whether late contributions count too, since the round cannot end without them.
    pub(super) takes_late: bool,
    misfits: Misfits,
}

/// What became of a frame that was put in the log.
#[derive(Debug, PartialEq)]
pub(super) enum Put {
    New,
    Known,
    Excess,
    /// New, and in contradiction to an earlier one: the body of a proof.
    Contradicts(Vec<u8>),
}

impl RoundLog {
    pub(super) const fn new(round: Round) -> Self {
        Self {
            round,
            entries: BTreeMap::new(),
            seals: BTreeMap::new(),
            joins: BTreeMap::new(),
            takes_late: false,
            misfits: Misfits::new(),
        }
    }

    /// Remembers a contribution that is not taken since its header breaks the spec.
    pub(super) fn refuse(&mut self, frame: &Verified<Frame>) -> Put {
        self.misfits.put(frame)
    }

    /// Takes over what was refused before the round began.
    pub(super) fn refuse_as(&mut self, early: &Self) {
        self.misfits.extend(&early.misfits);
    }

    /// Whether a peer announced a contribution, and nothing of what it announced can count.
    pub(super) fn is_spoilt(&self, peer: &PeerId) -> bool {
        let mut of_peer = self.contributions_of(peer).peekable();
        let announced = of_peer.peek().is_some() || self.misfits.any_of(peer);
        announced && of_peer.all(|entry| entry.payload == Payload::Bad)
    }

    /// Whether this breaks the spec, as every node finds that looks at the same bytes: no correct peer seals it.
    pub(super) fn is_bad(&self, digest: &Digest) -> bool {
        let entry = self.entries.get(digest);
        self.misfits.contains(digest) || entry.is_some_and(|entry| entry.payload == Payload::Bad)
    }

    /// The entries that this node stands behind: held, and announced in time.
    pub(super) fn sealable(&self) -> impl Iterator<Item = (&Digest, &Entry)> {
        let counts = |entry: &Entry| self.takes_late || !entry.is_late;
        self.entries
            .iter()
            .filter(move |(_, entry)| entry.payload == Payload::Held && counts(entry))
    }

    /// What the peers announced to contribute.
    pub(super) fn contributions(&self) -> impl Iterator<Item = &Entry> {
        let entries = self.entries.values();
        entries.filter(|entry| entry.contribution().is_some())
    }

    /// The same of one peer.
    pub(super) fn contributions_of(&self, peer: &PeerId) -> impl Iterator<Item = &Entry> {
        self.contributions()
            .filter(move |entry| entry.frame.author() == *peer)
    }

    /// The contributions that wait for this payload.
    pub(super) fn awaiting(&mut self, root: Digest) -> impl Iterator<Item = &mut Entry> {
        let entries = self.entries.values_mut();
        entries.filter(move |entry| {
            let open = matches!(entry.payload, Payload::Wanted | Payload::Fetching);
            open && entry.contribution().is_some() && entry.frame.envelope().root == root
        })
    }

    /// Adds a frame of this round, which has so many members. The caller has checked that the
    /// author may speak.
    pub(super) fn put(&mut self, frame: Verified<Frame>, members: usize) -> Put {
        match frame.message() {
            Message::Seal(_) => self.put_seal(frame),
            Message::Join(_) => self.put_join(frame),
            Message::Contribution(_) | Message::Admit | Message::Leave | Message::Accuse => {
                self.put_entry(frame, members)
            }
            Message::Vouch => Put::Known,
        }
    }

    fn put_entry(&mut self, frame: Verified<Frame>, members: usize) -> Put {
        if self.entries.contains_key(&frame.digest()) {
            return Put::Known;
        }
        let author = frame.author();
        let alike = || {
            let kind = std::mem::discriminant(frame.message());
            let of_author = self
                .entries
                .values()
                .filter(move |e| e.frame.author() == author);
            of_author.filter(move |e| std::mem::discriminant(e.frame.message()) == kind)
        };
        let (most, payload) = match frame.message() {
            Message::Contribution(_) => (MAX_PER_SLOT * MAX_SESSIONS, Payload::Wanted),
            Message::Leave => (MAX_SESSIONS, Payload::Held),
            _ => (max_notices(members), Payload::Held),
        };
        let session = frame.envelope().session;
        let in_session = alike().filter(|entry| entry.frame.envelope().session == session);
        let slotted = Slot::of(frame.message()).is_some();
        if alike().count() >= most || (slotted && in_session.count() >= MAX_PER_SLOT) {
            let known: Vec<Digest> = alike().map(|entry| entry.frame.digest()).collect();
            if !self.is_called_for(frame.digest(), &known, most) {
                return Put::Excess;
            }
        }
        let proof = contradiction(alike().map(|entry| &entry.frame), &frame);
        self.entries.insert(
            frame.digest(),
            Entry {
                frame,
                payload,
                is_late: false,
                failed_at: None,
            },
        );
        proof.map_or(Put::New, Put::Contradicts)
    }

    fn put_seal(&mut self, frame: Verified<Frame>) -> Put {
        const MOST: usize = MAX_PER_SLOT * MAX_SESSIONS;
        let author = frame.author();
        let seals = self.seals.get(&author).map_or(&[][..], Vec::as_slice);
        if seals.iter().any(|seal| seal.digest() == frame.digest()) {
            return Put::Known;
        }
        if !self.has_room_for_view(&frame) {
            // Who asks for frames gets early ones again, of whomever they are.
            return Put::Known;
        }
        let seals = self.seals.get(&author).map_or(&[][..], Vec::as_slice);
        let slot = Slot::of(frame.message());
        let in_slot = || seals.iter().filter(|seal| Slot::of(seal.message()) == slot);
        let session = frame.envelope().session;
        let in_session = in_slot().filter(|seal| seal.envelope().session == session);
        if in_slot().count() >= MOST || in_session.count() >= MAX_PER_SLOT {
            let known: Vec<Digest> = in_slot().map(|seal| seal.digest()).collect();
            if !self.is_called_for(frame.digest(), &known, MOST) {
                return Put::Excess;
            }
        }
        let proof = contradiction(seals.iter(), &frame);
        self.seals.entry(author).or_default().push(frame);
        proof.map_or(Put::New, Put::Contradicts)
    }

    /// Keeps the latest views of an author: a later one takes the place of its earliest.
    fn has_room_for_view(&mut self, frame: &Verified<Frame>) -> bool {
        let Some(seals) = self.seals.get_mut(&frame.author()) else {
            return true;
        };
        let views: BTreeSet<u16> = seals.iter().filter_map(view).collect();
        let (new, earliest) = (view(frame), views.first().copied());
        if views.len() < MAX_VIEWS || views.iter().any(|known| Some(*known) == new) {
            return true;
        }
        if new < earliest {
            return false;
        }
        seals.retain(|seal| view(seal) != earliest);
        true
    }

    /// Whether a peer has sealed `digest`, and no more than its share of what is like it: then it may
    /// be what the others agree on, and is kept though a flood of its author's came before it.
    fn is_called_for(&self, digest: Digest, alike: &[Digest], most: usize) -> bool {
        self.seals.values().any(|seals| {
            let named: BTreeSet<Digest> = seals
                .iter()
                .flat_map(|seal| seal.sealed_entries())
                .collect();
            let others = alike.iter().filter(|other| named.contains(other));
            named.contains(&digest) && others.count() < most
        })
    }

    /// All frames, for a peer that asks for them.
    pub(super) fn frames(&self) -> impl Iterator<Item = &Verified<Frame>> {
        let entries = self.entries.values().map(|entry| &entry.frame);
        entries
            .chain(self.seals.values().flatten())
            .chain(self.joins.values())
    }
}

fn contradiction<'a>(
    mut known: impl Iterator<Item = &'a Verified<Frame>>,
    new: &Frame,
) -> Option<Vec<u8>> {
    known
        .find(|old| evidence::contradict(old.envelope(), new.envelope()))
        .map(|old| evidence::body(old.signed(), new.signed()))
}
