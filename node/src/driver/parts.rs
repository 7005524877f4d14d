//! Rounds in which the members share the work of the rule.

use std::sync::Arc;

use spirt_protocol::{Digest, PeerId, Round};

use super::{Driver, Fetched};
use crate::blobs::Blob;
use crate::parts::{self, Gathered, Polls, Share};
use crate::transfer::Account;
use crate::worker::message::Task;

impl Driver {
    /// A round begins: its roster decides who does what.
    pub(super) fn share_work(&mut self, round: Round) {
        if let Some(gathering) = self.gathering.take() {
            gathering.abort();
        }
        self.polls = Polls::default();
        self.wiring.blobs.board().start(round);
        let roster = self.machine.state().map_or(&[][..], |state| &state.roster);
        self.share = Share::of(
            &self.job,
            round,
            roster,
            self.machine.me(),
            self.wiring
                .transfers
                .behind(self.payloads.closed.subscribe()),
            self.wiring.blobs.clone(),
        );
    }

    /// The members have announced what they contribute: they are done with the round before.
    pub(super) fn show_parts(&mut self) {
        self.behind.clear();
        self.wiring.blobs.board().forget_sums();
        if let Some(share) = &self.share {
            self.polls = parts::poll(share);
        }
    }

    /// Gets this node's part of a payload, and the others' word for the rest. The first of the sources is the author.
    pub(super) fn fetch_part(&mut self, share: Share, blob: Arc<Blob>, sources: Vec<PeerId>) {
        self.tasks.spawn(async move {
            let mut account = Account::default();
            let got = parts::fetch(share, Arc::clone(&blob), &sources, &mut account).await;
            Fetched::Payload(blob, got, account.offences)
        });
    }

    /// Computes this node's part of the aggregate, and gets the rest.
    pub(super) fn gather(&mut self, share: Share, contributions: Vec<(PeerId, Digest)>) {
        self.behind = contributions.iter().map(|(_, root)| *root).collect();
        let (epoch, round) = (self.epoch, share.round());
        let worker = self.wiring.worker.clone();
        let task = self.tasks.spawn(async move {
            let mut account = Account::default();
            let gathered = parts::gather(share, worker, contributions, &mut account).await;
            Fetched::Aggregate(epoch, round, gathered, account.offences)
        });
        self.gathering = Some(task);
    }

    /// The aggregate is here: the worker goes on with it.
    pub(super) fn assemble(&mut self, epoch: u64, round: Round, gathered: Option<Gathered>) {
        match gathered {
            Some(gathered) if epoch == self.epoch => {
                let Gathered {
                    aggregate,
                    verdicts,
                } = gathered;
                self.ask_worker(Task::Assemble(epoch, round, aggregate, verdicts));
            }
            Some(_) => {}
            None => tracing::error!(%round, "the aggregate could not be computed"),
        }
    }
}
