//! The machine's outputs, as effects.

use std::time::Instant;

use bytes::Bytes;
use spirt_protocol::{Digest, Encoding, Event, Input, Output, PeerId, Round, StateId};

use super::copies::Announced;
use super::{Driver, Ending, Fetched};
use crate::blobs::{Blob, Packed};
use crate::encoding;
use crate::fetch;
use crate::model_state::ModelState;
use crate::peer;
use crate::swarm::PublishError;
use crate::transfer::{Account, Content, Manner, TransferError};
use crate::worker::message::Task;

impl Driver {
    /// Carries out all that the machine wants done.
    pub(super) async fn carry_out(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Publish(frame) => {
                    if let Some(announced) = Announced::by(&frame) {
                        self.report.heard.hear(announced);
                    }
                    let said = self.wiring.mask.say(&frame).into_iter();
                    for bytes in said {
                        self.unsent.push((frame.round(), bytes));
                    }
                    self.publish_unsent().await;
                }
                Output::Compute { round, roster } => {
                    self.ask_worker(Task::Compute(self.epoch, round, roster));
                }
                Output::Reveal(round) => self.reveal(round),
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
        let waiting = std::mem::take(&mut self.unsent).into_iter();
        for (round, bytes) in waiting.filter(|(round, _)| round.0 >= oldest) {
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

    /// Shows the own payload of a round, now or as soon as it is computed.
    fn reveal(&mut self, round: Round) {
        self.revealed = Some(round);
        self.show_parts();
        if let Some((_, root)) = self.held_back.take_if(|(of, _)| *of == round) {
            self.wiring.blobs.open(&root);
        }
        // Whoever has announced a payload of this round needs none of the last: its memory is for those that come now.
        self.tidy_blobs();
        for (root, length, holders) in std::mem::take(&mut self.postponed) {
            self.fetch(root, length, holders);
        }
    }

    /// Obtains a payload: at hand if it travelled inline, else chunk by chunk.
    fn fetch(&mut self, root: Digest, length: u64, holders: Vec<PeerId>) {
        let Some(body) = self.machine.body(&root) else {
            self.feed(Input::PayloadFailed(root));
            return;
        };
        if length <= self.job.spec.inline_max {
            let body = Bytes::from_owner(body);
            let (encoding, dimension) = (self.job.spec.encoding, self.job.spec.dimension);
            let is_written_right =
                || encoding::check(encoding, dimension, std::slice::from_ref(&body)).is_ok();
            let good = body.len() as u64 == length && is_written_right();
            if good {
                self.wiring.blobs.insert_inline(body);
            }
            self.feed(if good {
                Input::PayloadReady(root)
            } else {
                Input::PayloadBad(root)
            });
            return;
        }
        // The others' windows close when ours does: nobody shows anything sooner.
        if self.revealed != Some(self.round()) {
            self.postponed.push((root, length, holders));
            return;
        }
        let Some(blob) = Blob::awaited(root, length, Bytes::from_owner(body)) else {
            self.feed(Input::PayloadBad(root));
            return;
        };
        let blob = self.wiring.blobs.begin(blob);
        let transfers = self.wiring.transfers.clone();
        let sources = self.sources(holders);
        if let Some(share) = self.share.clone() {
            self.fetch_part(share, blob, sources);
            return;
        }
        let (encoding, dimension) = (self.job.spec.encoding, self.job.spec.dimension);
        self.tasks.spawn(async move {
            let mut account = Account::default();
            let content = match encoding {
                Encoding::F32 => Content::FiniteF32,
                _ => Content::Any,
            };
            let manner = Manner {
                breadth: 1,
                widens: false,
                content,
            };
            let packed = transfers.fetch(blob, &sources, manner, &mut account);
            let checked = match packed.await {
                Ok(packed) if content == Content::Any => {
                    is_written_right(encoding, dimension, packed).await
                }
                other => other,
            };
            Fetched::Payload(root, checked.map(drop), account.offences)
        });
    }

    /// Those who are known to hold a payload, then all others that are connected: they may have it, or parts of it.
    fn sources(&self, holders: Vec<PeerId>) -> Vec<PeerId> {
        let connected = self.wiring.swarm.peers();
        let others = connected.iter().filter_map(peer::from_libp2p);
        holders.into_iter().chain(others).collect()
    }

    fn fetch_state(&mut self, state: StateId, holders: Vec<PeerId>) {
        let held = self.machine.manifest(&state).cloned();
        let at_hand = held.and_then(|manifest| {
            let model = self.wiring.blobs.packed(&manifest.model)?;
            Some((manifest, model))
        });
        let (transfers, blobs) = (self.wiring.transfers.clone(), self.wiring.blobs.clone());
        let job = self.job.clone();
        self.tasks.spawn(async move {
            let began = Instant::now();
            let mut account = Account::default();
            let length = ModelState::length(&job) as u64;
            let found = match at_hand {
                Some(found) => Some(found),
                None => fetch::state(&transfers, &blobs, state, length, &holders, &mut account)
                    .await
                    .ok(),
            };
            let took = began.elapsed();
            let understand = move || {
                found.filter(|(_, packed)| match ModelState::check(&job, packed) {
                    Ok(()) => true,
                    Err(error) => {
                        tracing::warn!(%error, "a state that peers vouch for is none");
                        false
                    }
                })
            };
            let understood = tokio::task::spawn_blocking(understand).await;
            let understood = understood.ok().flatten().map(Box::new);
            Fetched::State(state, understood, account, took)
        });
    }

    fn aggregate(&mut self, round: Round, contributions: Vec<(PeerId, Digest)>) {
        self.report.compare(round, &contributions);
        if let Some(share) = self.share.clone().filter(|share| share.round() == round) {
            self.gather(share, contributions);
            return;
        }
        let rows: Option<Vec<(PeerId, Vec<Bytes>)>> = contributions
            .into_iter()
            .map(|(author, root)| Some((author, self.wiring.blobs.pieces(&root)?)))
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
                self.revealed = None;
                self.postponed.clear();
                self.share_work(round);
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
}

/// A payload that keeps to its encoding; of one in single precision this is seen chunk by chunk, as it comes.
async fn is_written_right(
    encoding: Encoding,
    dimension: u64,
    packed: Packed,
) -> Result<Packed, TransferError> {
    let check = move || {
        let pieces: Vec<Bytes> = packed.chunks().collect();
        match encoding::check(encoding, dimension, &pieces) {
            Ok(()) => Ok(packed),
            Err(error) => {
                tracing::warn!(%error, "a payload breaks its encoding");
                Err(TransferError::Bad)
            }
        }
    };
    let checked = tokio::task::spawn_blocking(check).await;
    checked.unwrap_or(Err(TransferError::Missing))
}
