//! The machine's outputs, as effects.

use bytes::Bytes;
use spirt_protocol::{Digest, Event, Input, Output, PeerId, Round, StateId, blob};

use super::{Driver, Ending, Fetched, MAX_UNSENT};
use crate::checkpoint::{self, Checkpoint};
use crate::fetch::{self, Offences};
use crate::model_state::{ModelState, Packed, is_finite};
use crate::swarm::PublishError;
use crate::worker::Task;

impl Driver {
    /// Carries out all that the machine wants done.
    pub(super) async fn carry_out(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Publish(frame) => {
                    let said = self.wiring.mask.say(&frame).into_iter();
                    self.unsent.extend(said.map(|bytes| (frame.round(), bytes)));
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
        waiting.retain(|(round, _)| round.0 >= oldest);
        let excess = waiting.len().saturating_sub(MAX_UNSENT);
        waiting.drain(..excess);
        for (round, bytes) in waiting {
            match self.wiring.swarm.publish(bytes.clone()).await {
                Ok(()) => {}
                Err(PublishError::NoPeersSubscribed | PublishError::QueuesFull(_)) => {
                    self.unsent.push((round, bytes));
                }
                Err(error) => tracing::warn!(%error, "cannot publish"),
            }
        }
    }

    pub(super) fn ask_worker(&self, task: Task) {
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

    pub(super) fn checkpoint(&self) -> Option<Checkpoint> {
        let manifest = self.machine.state()?.clone();
        let model = self.model.clone();
        (manifest.model == model.root).then_some(Checkpoint { manifest, model })
    }

    /// Saves the state in the background, unless that is still going on.
    pub(super) fn save(&mut self) {
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
