//! The results of effects, as the machine's inputs.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use spirt_protocol::{Digest, Frame, Gradient, Holding, Input, Manifest, Offence, Round};

use super::{Driver, Ending, Fetched};
use crate::blobs::Packed;
use crate::checkpoint;
use crate::model_state::ModelState;
use crate::output::RoundReport;
use crate::parts::Share;
use crate::transfer::TransferError;
use crate::worker::message::{Done, Task};

/// Models that are kept for joiners, beside the current one.
const KEPT_MODELS: usize = 3;
/// Bytes of them. Where one takes more, a joiner gets the current one only.
const SPARE_MODEL_BYTES: usize = 8 * 1024 * 1024;

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
                let body: Arc<[u8]> = if payload.length() <= self.job.spec.inline_max {
                    let bytes: Vec<Bytes> = payload.chunks().collect();
                    let bytes = Bytes::from(bytes.concat());
                    self.wiring.blobs.insert_inline(bytes.clone());
                    bytes.as_ref().into()
                } else {
                    self.hold_back(round, &payload);
                    payload.list().as_ref().into()
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
                // The step to the next model needs the memory of what is needed no more.
                self.tidy_blobs();
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

    /// Commit, then reveal: the own payload is announced now, and shown once the others have announced theirs.
    fn hold_back(&mut self, round: Round, payload: &Packed) {
        if self.share.is_some() {
            let board = self.wiring.blobs.board();
            board.set(round, payload.root(), Holding::Held);
        }
        if self.payloads.revealed == Some(round) {
            self.wiring.blobs.insert(payload);
        } else {
            self.wiring.blobs.insert_closed(payload);
            self.held_back = Some((round, payload.root()));
        }
    }

    fn applied(
        &mut self,
        round: Round,
        model: Packed,
        evaluation: Option<spirt_training::Evaluation>,
    ) {
        let (root, length) = (model.root(), model.length());
        self.wiring.blobs.insert(&model);
        self.model = Some(model);
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
        let share = self.share.as_ref().filter(|share| share.round() == round);
        self.wiring.printer.round(&RoundReport {
            keepers: share.map(Share::copies),
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

    pub(super) fn tidy_blobs(&mut self) {
        let models: Vec<Digest> = self.machine.kept_models().collect();
        let length = ModelState::length(&self.job).max(1);
        let spare = (SPARE_MODEL_BYTES / length).min(KEPT_MODELS);
        let (old, recent) = models.split_at(models.len().saturating_sub(spare + 1));
        let blobs = &self.wiring.blobs;
        // A newcomer that fetches a state for longer than a round still gets it whole.
        self.lent = self.lent.filter(|model| blobs.is_being_taken(model));
        let taken = || old.iter().rev().find(|model| blobs.is_being_taken(model));
        self.lent = self.lent.or_else(|| taken().copied());
        let mut kept = self.machine.kept_payloads();
        kept.extend(recent.iter().copied().chain(self.lent));
        kept.extend(self.behind.iter().copied());
        // What others were told of, too, where models are small: there rounds may be shorter than their question takes.
        if spare == KEPT_MODELS {
            kept.extend(self.machine.lent_models());
        }
        blobs.retain(&kept);
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
            Fetched::Aggregate(epoch, round, gathered, offences) => {
                self.blame_all(offences);
                self.assemble(epoch, round, gathered);
            }
            Fetched::Payload(blob, got, offences) => {
                self.blame_all(offences);
                let root = blob.root();
                let input = match got {
                    Ok(()) => {
                        self.wiring.blobs.restore(blob);
                        Input::PayloadReady(root)
                    }
                    Err(TransferError::Bad) => Input::PayloadBad(root),
                    Err(TransferError::Missing) => Input::PayloadFailed(root),
                };
                // What the others have got meanwhile makes room: the last payload to come makes an aggregate.
                self.tidy_blobs();
                self.feed(input);
            }
            Fetched::State(state, found, account, took) => {
                self.blame_all(account.offences);
                match found {
                    Some(found) => {
                        self.report
                            .fetched(&found.1, &account.brought, account.again, took);
                        self.take_over(*found);
                    }
                    None => self.feed(Input::StateFailed(state)),
                }
            }
            Fetched::Saved => self.saving = false,
        }
    }

    /// Offers a fetched state to the machine; if it takes it, the worker goes on from there too,
    /// before anything that the machine wants computed on it.
    pub(super) fn take_over(&mut self, (manifest, packed): (Manifest, Packed)) {
        let (before, id) = (self.machine.state_id(), manifest.id());
        self.feed(Input::StateReady(manifest.clone()));
        if self.machine.state_id() == Some(id) && before != Some(id) {
            self.epoch += 1;
            self.model = Some(packed.clone());
            self.wiring.blobs.insert(&packed);
            self.ask_worker(Task::Load(packed));
            let folder = self.wiring.data_dir.checkpoints();
            if let Err(error) = checkpoint::forget_after(&folder, manifest.round.0) {
                tracing::warn!(%error, "cannot remove checkpoints that were left behind");
            }
        }
    }
}
