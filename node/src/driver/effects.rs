//! Outputs to effects, and the results of effects to inputs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use spirt_protocol::{
    Digest, Event, Frame, Gradient, Input, Manifest, Offence, Output, PeerId, Round, StateId, blob,
};

use super::{Driver, Ending, Fetched, MAX_UNSENT};
use crate::checkpoint::{self, Checkpoint};
use crate::fetch::{self, Offences};
use crate::model_state::{ModelState, Packed, is_finite};
use crate::swarm::PublishError;
use crate::worker::{Done, Task};

/// Models that are kept for joiners, beside the current one.
const KEPT_MODELS: usize = 3;

impl Driver {
    /// Carries out all that the machine wants done.
    pub(super) async fn carry_out(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Publish(frame) => {
                    self.unsent.push(frame);
                    self.publish_unsent().await;
                }
                Output::Compute { round, roster } => {
                    self.ask_worker(Task::Compute(self.epoch, round, roster));
                }
                Output::Fetch {
                    root,
                    length,
                    holders,
                } => self.fetch(root, length, holders),
                Output::Pull { peer, round } => {
                    let swarm = self.wiring.swarm.clone();
                    self.tasks.spawn(async move {
                        Fetched::Frames(fetch::frames(&swarm, peer, round).await, peer)
                    });
                }
                Output::Query(peer) => {
                    let swarm = self.wiring.swarm.clone();
                    self.tasks.spawn(async move {
                        Fetched::Frames(fetch::vouch(&swarm, peer).await, peer)
                    });
                }
                Output::FetchState { state, holders } => self.fetch_state(state, holders),
                Output::Aggregate {
                    round,
                    contributions,
                } => self.aggregate(round, contributions),
                Output::Apply { round, update } => {
                    self.ask_worker(Task::Apply(self.epoch, round, update));
                }
                Output::Report(peer, offence) => {
                    tracing::warn!(%peer, %offence, round = %self.round(), "offence");
                    self.blame(Some(peer), offence);
                }
                Output::Notify(event) => self.on_notice(event),
            }
        }
    }

    /// Publishes what waits, as far as somebody listens. What is not of this round or the next
    /// helps nobody any more.
    pub(super) async fn publish_unsent(&mut self) {
        let oldest = self.round().0.saturating_sub(1);
        let mut waiting = std::mem::take(&mut self.unsent);
        waiting.retain(|frame| frame.round().0 >= oldest);
        let excess = waiting.len().saturating_sub(MAX_UNSENT);
        waiting.drain(..excess);
        for frame in waiting {
            match self.wiring.swarm.publish(frame.encode()).await {
                Ok(()) => {}
                Err(PublishError::NoPeersSubscribed | PublishError::QueuesFull(_)) => {
                    self.unsent.push(frame);
                }
                Err(error) => tracing::warn!(%error, "cannot publish"),
            }
        }
    }

    fn ask_worker(&self, task: Task) {
        if !self.wiring.worker.ask(task) {
            tracing::error!("the worker does not keep up; a round will be missed");
        }
    }

    /// Obtains a payload: at hand if it travelled inline, else chunk by chunk.
    fn fetch(&mut self, root: Digest, length: u64, holders: Vec<PeerId>) {
        let Some(body) = self.machine.body(&root) else {
            self.feed(Input::PayloadFailed(root));
            return;
        };
        if length <= self.job.spec.inline_max {
            let good = body.len() as u64 == length && is_finite(&body);
            if good {
                self.wiring.blobs.insert_inline(Bytes::from_owner(body));
            }
            self.feed(if good {
                Input::PayloadReady(root)
            } else {
                Input::PayloadBad(root)
            });
            return;
        }
        if !blob::is_chunk_list(&body, root, length) {
            self.feed(Input::PayloadBad(root));
            return;
        }
        let swarm = self.wiring.swarm.clone();
        self.tasks.spawn(async move {
            let mut offences = Offences::new();
            let list = Bytes::from_owner(body);
            let packed = fetch::blob(&swarm, root, length, list, &holders, &mut offences)
                .await
                .ok();
            Fetched::Payload(root, packed, offences)
        });
    }

    fn fetch_state(&mut self, state: StateId, holders: Vec<PeerId>) {
        let held = self.machine.manifest(&state).cloned();
        let at_hand = held.and_then(|manifest| {
            let bytes = self.wiring.blobs.bytes(&manifest.model)?;
            Some((manifest, Packed::new(bytes)))
        });
        let (swarm, job) = (self.wiring.swarm.clone(), self.job.clone());
        self.tasks.spawn(async move {
            let mut offences = Offences::new();
            let length = ModelState::length(&job) as u64;
            let found = match at_hand {
                Some(found) => Some(found),
                None => fetch::state(&swarm, state, length, &holders, &mut offences)
                    .await
                    .ok(),
            };
            let understood = found.and_then(|(manifest, packed)| {
                let model = ModelState::decode(&job, &packed.bytes).ok()?;
                Some(Box::new((manifest, packed, model)))
            });
            Fetched::State(state, understood, offences)
        });
    }

    fn aggregate(&mut self, round: Round, contributions: Vec<(PeerId, Digest)>) {
        let rows: Option<Vec<(PeerId, Bytes)>> = contributions
            .into_iter()
            .map(|(author, root)| Some((author, self.wiring.blobs.bytes(&root)?)))
            .collect();
        match rows {
            Some(rows) => self.ask_worker(Task::Aggregate(self.epoch, round, rows)),
            None => tracing::error!(%round, "a payload that was held is gone"),
        }
    }

    pub(super) fn on_done(&mut self, done: Done) {
        match done {
            Done::Computed {
                epoch,
                round,
                payload,
                samples,
                loss,
            } if epoch == self.epoch => {
                let inline = payload.len() as u64 <= self.job.spec.inline_max;
                let body: Arc<[u8]> = if inline {
                    self.wiring.blobs.insert_inline(payload.clone());
                    payload.as_ref().into()
                } else {
                    let packed = Packed::new(payload);
                    let list = packed.list.as_ref().into();
                    self.wiring.blobs.insert(packed);
                    list
                };
                self.report.own_loss = Some(f64::from(loss));
                self.feed(Input::GradientReady(Gradient {
                    round,
                    body,
                    samples,
                    loss,
                }));
            }
            Done::Aggregated {
                epoch,
                round,
                verdicts,
            } if epoch == self.epoch => {
                self.report.ruled(round, &verdicts);
                self.feed(Input::Aggregated(round));
            }
            Done::Applied {
                epoch,
                round,
                model,
                evaluation,
            } if epoch == self.epoch => {
                self.applied(round, model, evaluation);
            }
            Done::Failed { doing, error } => {
                tracing::error!(doing, %error, round = %self.round(), "computation failed");
            }
            Done::Computed { .. } | Done::Aggregated { .. } | Done::Applied { .. } => {}
        }
    }

    fn applied(
        &mut self,
        round: Round,
        model: Packed,
        evaluation: Option<spirt_training::Evaluation>,
    ) {
        let (root, length) = (model.root, model.bytes.len() as u64);
        self.wiring.blobs.insert(model.clone());
        self.model = model;
        self.last_progress = Instant::now();
        let losses = self.losses(round);
        self.feed(Input::Applied {
            round,
            model: root,
            length,
        });
        self.tidy_blobs();
        let line = self.report.round_line(round, root, &losses, evaluation);
        self.wiring.printer.round(&line);
        let every = self.bounds.checkpoint_every;
        if every.is_some_and(|every| (round.0 + 1).is_multiple_of(every)) {
            self.save();
        }
        let done = self
            .bounds
            .rounds
            .is_some_and(|rounds| self.report.rounds_applied >= rounds);
        if done {
            self.end(Ending::RoundsDone);
        } else if self.stopping.is_some() {
            self.end(Ending::Stopped);
        }
    }

    /// The losses that the contributors of a round claim.
    fn losses(&self, round: Round) -> Vec<f32> {
        let claimed = self
            .machine
            .frames(round)
            .filter_map(|frame| match frame.message() {
                spirt_protocol::Message::Contribution(header) => Some(header.loss),
                _ => None,
            });
        claimed.filter(|loss| loss.is_finite()).collect()
    }

    fn tidy_blobs(&self) {
        let models: Vec<Digest> = self.machine.kept_models().collect();
        let recent = models.iter().rev().take(KEPT_MODELS + 1).copied();
        let kept: BTreeSet<Digest> = self.machine.kept_payloads().chain(recent).collect();
        self.wiring.blobs.retain(&kept);
    }

    pub(super) fn on_fetched(&mut self, fetched: Fetched) {
        match fetched {
            Fetched::Frames(frames, peer) => {
                for bytes in frames {
                    match Frame::verify(&bytes, &self.job.id) {
                        Ok(frame) => drop(self.receive(frame)),
                        Err(error) => {
                            tracing::warn!(%peer, %error, "refused a frame");
                            self.blame(Some(peer), Offence::Garbage);
                        }
                    }
                }
            }
            Fetched::Payload(root, packed, offences) => {
                self.blame_all(offences);
                let input = match packed {
                    Some(packed) if is_finite(&packed.bytes) => {
                        self.wiring.blobs.insert(packed);
                        Input::PayloadReady(root)
                    }
                    Some(_) => Input::PayloadBad(root),
                    None => Input::PayloadFailed(root),
                };
                self.feed(input);
            }
            Fetched::State(state, found, offences) => {
                self.blame_all(offences);
                match found {
                    Some(found) => self.take_over(*found),
                    None => self.feed(Input::StateFailed(state)),
                }
            }
            Fetched::Saved => self.saving = false,
        }
    }

    fn blame_all(&mut self, offences: Offences) {
        for (peer, offence) in offences {
            tracing::warn!(%peer, %offence, "offence");
            self.blame(Some(peer), offence);
        }
    }

    /// Offers a fetched state to the machine; if it takes it, the worker goes on from there too,
    /// before anything that the machine wants computed on it.
    fn take_over(&mut self, (manifest, packed, model): (Manifest, Packed, ModelState)) {
        let (before, id) = (self.machine.state_id(), manifest.id());
        self.feed(Input::StateReady(manifest.clone()));
        if self.machine.state_id() == Some(id) && before != Some(id) {
            self.epoch += 1;
            self.model = packed.clone();
            self.wiring.blobs.insert(packed);
            self.ask_worker(Task::Load(Box::new(model)));
            let folder = self.wiring.data_dir.checkpoints();
            if let Err(error) = checkpoint::forget_after(&folder, manifest.round.0) {
                tracing::warn!(%error, "cannot remove checkpoints that were left behind");
            }
        }
    }

    fn on_notice(&mut self, event: Event) {
        match event {
            Event::Started {
                round,
                roster,
                member,
                ..
            } => {
                tracing::debug!(%round, roster, member, "round started");
                self.report.started(round, roster, member);
            }
            Event::Waiting { round, have, need } => {
                tracing::info!(%round, have, need, "waiting for peers");
                self.report.waiting = true;
            }
            Event::Agreed(record) => {
                tracing::debug!(round = %record.round, attempts = record.attempts, "agreed");
                self.report.agreed(record, self.job.spec.quorum());
            }
            Event::CatchingUp => {
                tracing::info!(round = %self.round(), "asking peers for the state")
            }
            Event::Adopted {
                round,
                state,
                vouchers,
            } => {
                tracing::info!(%round, %state, vouchers, "took over a state");
                if vouchers > 0 {
                    self.wiring
                        .printer
                        .joined(&self.report.joined(round, &self.machine));
                }
            }
            Event::Done(state) => {
                tracing::info!(%state, "the run is complete");
                self.end(Ending::Complete);
            }
            Event::Left => tracing::debug!("said goodbye"),
        }
    }

    fn checkpoint(&self) -> Option<Checkpoint> {
        let manifest = self.machine.state()?.clone();
        let model = self.model.clone();
        (manifest.model == model.root).then_some(Checkpoint { manifest, model })
    }

    /// Saves the state in the background, unless that is still going on.
    fn save(&mut self) {
        let Some(checkpoint) = self.checkpoint().filter(|_| !self.saving) else {
            return;
        };
        self.saving = true;
        let folder = self.wiring.data_dir.checkpoints();
        self.tasks.spawn_blocking(move || {
            if let Err(error) = checkpoint::save(&folder, &checkpoint) {
                tracing::error!(%error, "cannot save a checkpoint");
            }
            Fetched::Saved
        });
    }

    /// Saves the state before the process ends.
    pub(super) fn save_last(&self) {
        let Some(checkpoint) = self.checkpoint() else {
            return;
        };
        if let Err(error) = checkpoint::save(&self.wiring.data_dir.checkpoints(), &checkpoint) {
            tracing::error!(%error, "cannot save the last checkpoint");
        }
    }
}
