//! The machine's outputs, as effects.

use std::time::Instant;

use spirt_protocol::{Digest, Event, Output, PeerId, Round, StateId};

use super::copies::Announced;
use super::payloads::Payloads;
use super::{Driver, Ending, Fetched};
use crate::early::EarlyWork;
use crate::fetch;
use crate::model_state::ModelState;
use crate::swarm::PublishError;
use crate::transfer::Account;
use crate::worker::message::{Row, Task};

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
        let row = |(author, root)| {
            let pieces = self.wiring.blobs.pieces(&root)?;
            Some(Row {
                author,
                root,
                pieces,
            })
        };
        let rows: Option<Vec<Row>> = contributions.into_iter().map(row).collect();
        self.payloads.early = EarlyWork::default();
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
                self.payloads = Payloads::default();
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
