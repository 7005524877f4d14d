//! The results of effects, as the machine's inputs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use spirt_protocol::{Digest, Frame, Gradient, Input, Manifest, Offence, Round};

use super::{Driver, Ending, Fetched};
use crate::checkpoint;
use crate::model_state::{ModelState, Packed, is_finite};
use crate::output::RoundReport;
use crate::worker::{Done, Task};

/// Models that are kept for joiners, beside the current one.
const KEPT_MODELS: usize = 3;

impl Driver {
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
        let traffic = self.wiring.swarm.traffic();
        self.wiring.printer.round(&RoundReport {
            bytes_sent: traffic.sent,
            bytes_received: traffic.received,
            ..line
        });
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

    pub(super) fn tidy_blobs(&self) {
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

    /// Offers a fetched state to the machine; if it takes it, the worker goes on from there too,
    /// before anything that the machine wants computed on it.
    pub(super) fn take_over(&mut self, (manifest, packed, model): (Manifest, Packed, ModelState)) {
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
}
