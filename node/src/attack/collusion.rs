//! Liars that keep their contribution back until they have seen those of the others.
//!
//! They see what travels inline, and what they pulled; a run with pulled payloads lets nobody see
//! a payload before its own is announced, so there they fall back to their own vector.

use std::time::{Duration, Instant};

use bytes::Bytes;
use spirt_aggregation::Inputs;
use spirt_aggregation::attack::Collusion;
use spirt_protocol::{Message, Round, RoundMachine};

use crate::blobs::Blobs;
use crate::buffers::Buffers;
use crate::encoding::{Decoder, Encoder};
use crate::job::Job;
use crate::worker::message::Done;

/// A contribution that is kept back.
#[derive(Debug)]
struct Held {
    done: Done,
    since: Instant,
}

/// The state of a colluding liar.
#[derive(Debug)]
pub(super) struct Watcher {
    attack: Collusion,
    job: Job,
    held: Option<Held>,
}

impl Watcher {
    pub(super) fn new(attack: Collusion, job: &Job) -> Self {
        Self {
            attack,
            job: job.clone(),
            held: None,
        }
    }

    pub(super) fn hold(&mut self, done: Done) -> Option<Done> {
        if !matches!(done, Done::Computed { .. }) {
            return Some(done);
        }
        let since = Instant::now();
        // One that is still kept back is for a round that is over.
        self.held = Some(Held { done, since });
        None
    }

    /// The others are waited for no longer than anybody surely collects.
    pub(super) fn due(&self) -> Option<Instant> {
        let collects = u64::from(self.job.spec.timing.collect_min);
        let patience = Duration::from_millis(collects * 3 / 4);
        self.held.as_ref().map(|held| held.since + patience)
    }

    pub(super) fn release(&mut self, machine: &RoundMachine, blobs: &Blobs) -> Option<Done> {
        let due = self.due()?;
        let liars = usize::from(self.job.spec.max_byzantine);
        let roster = machine.state().map_or(0, |state| state.roster.len());
        let Some(Done::Computed { round, .. }) = self.held.as_ref().map(|held| &held.done) else {
            return None;
        };
        let honest = self.seen(*round, machine, blobs);
        let all = roster.saturating_sub(liars.max(1));
        if honest.len() < all && Instant::now() < due && *round == machine.round() {
            return None;
        }
        let held = self.held.take()?;
        Some(self.craft(held.done, &honest[..honest.len().min(all)], liars))
    }

    /// The vectors of the others, as far as they are held.
    fn seen(&self, round: Round, machine: &RoundMachine, blobs: &Blobs) -> Vec<Vec<f32>> {
        let others = machine.frames(round).filter(|frame| {
            let contribution = matches!(frame.message(), Message::Contribution(_));
            contribution && frame.author() != machine.me()
        });
        let payloads = others.filter_map(|frame| blobs.pieces(&frame.envelope().root));
        let vector = |pieces: Vec<Bytes>| {
            let mut values = vec![0.0; usize::try_from(self.job.spec.dimension).ok()?];
            let (encoding, dimension) = (self.job.spec.encoding, self.job.spec.dimension);
            let mut decoder = Decoder::new(encoding, dimension, &pieces);
            decoder.read(&mut values).ok()?;
            Some(values)
        };
        payloads.filter_map(vector).collect()
    }

    fn craft(&self, done: Done, honest: &[Vec<f32>], liars: usize) -> Done {
        let Done::Computed {
            epoch,
            round,
            payload,
            samples,
            loss,
        } = done
        else {
            return done;
        };
        let craft = |inputs: Inputs<'_>| {
            let mut vector = self.attack.vector(&inputs, liars.max(1), &self.job.rule);
            let mut encoder = Encoder::new(self.job.spec.encoding);
            encoder.encode(&mut vector, &Buffers::default()).ok()
        };
        let crafted = Inputs::new(honest).ok().and_then(craft);
        Done::Computed {
            epoch,
            round,
            payload: crafted.unwrap_or(payload),
            samples,
            loss,
        }
    }
}
