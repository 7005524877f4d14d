//! The borders of a round: how it begins, and how its result becomes the next state.

use std::collections::BTreeSet;

use crate::id::{Digest, Round, Time};
use crate::manifest::Manifest;

use super::agree;
use super::event::{Event, Output};
use super::log::RoundLog;
use super::{Aggregate, Collect, KEPT_LOGS, KEPT_PAYLOADS, Phase, RoundMachine};

impl RoundMachine {
    /// Goes on from a state that `vouchers` others stand behind.
    pub(super) fn adopt(&mut self, manifest: Manifest, vouchers: usize, now: Time) {
        let (round, state) = (manifest.round, manifest.id());
        if round <= self.log.round {
            self.rewinds = self.rewinds.saturating_add(1);
        }
        let logs = self.past_logs.drain(..).chain([self.log.clone()]);
        self.given_up.extend(logs);
        self.given_up.retain(|log| log.round >= round);
        let most = self.given_up.len().saturating_sub(KEPT_PAYLOADS);
        self.given_up.drain(..most);
        self.standing.restart(round, state);
        self.end_inquiry(now);
        self.notify(Event::Adopted {
            round,
            state,
            vouchers,
        });
        if self.manifest(&state).is_none() {
            self.keep(manifest.clone());
        }
        self.enter(manifest, None, now, now);
        // The others are in the middle of this round, or beyond: ask for its frames, and look again,
        // soon.
        let attempt = self.config.spec.timing.attempt();
        self.pull_at = now + attempt / 10;
        self.doubt_after = now + attempt;
    }

    /// Begins the round of `manifest` at `start`. Requests to join that were `heard` in the round before are
    /// passed on now, early, so that all can seal the same admissions.
    fn enter(&mut self, manifest: Manifest, heard: Option<RoundLog>, start: Time, now: Time) {
        let round = manifest.round;
        let (state, roster) = (manifest.id(), manifest.roster.len());
        self.round_started = start;
        self.shown_at = None;
        self.left_behind = None;
        let early = std::mem::replace(&mut self.next_log, RoundLog::new(round.next()));
        self.log = RoundLog::new(round);
        self.state = Some(manifest);
        self.accused.clear();
        let member = self.is_member();
        self.notify(Event::Started {
            round,
            state,
            roster,
            member,
        });
        if self.is_over(round) {
            self.phase = Phase::Done;
            self.notify(Event::Done(state));
            return;
        }
        self.phase = Phase::Collect(Collect {
            compute_at: member.then_some(start),
            contributed: !member,
            since: start,
            patience: self.arrivals.patience(&self.config.spec.timing),
            closed: (!self.pulls()).then_some(start),
            overtaken: None,
            waiting: false,
        });
        self.pull_at = start + self.config.spec.timing.attempt();
        if member {
            self.accuse_proven();
        } else {
            self.ask_to_join();
        }
        let open = heard.map_or_else(Vec::new, |log| self.open_joins(log));
        for join in open {
            let peer = join.author();
            self.log.joins.insert(peer, join);
            self.sponsor(peer);
        }
        if early.round == round {
            self.log.refuse_as(&early);
            for frame in early.frames().cloned().collect::<Vec<_>>() {
                self.put_now(frame, now);
            }
        }
        if self.came_late() {
            self.pull_now(now);
        }
    }

    fn is_over(&self, round: Round) -> bool {
        self.config.spec.rounds != 0 && round.0 >= self.config.spec.rounds
    }

    /// The set of the round is agreed, in a view and after so many attempts.
    pub(super) fn settle(
        &mut self,
        set: &BTreeSet<Digest>,
        (view, attempts): (u16, u8),
        now: Time,
    ) {
        let Some(state) = &self.state else { return };
        let decision = agree::decide(set, &self.log, state, &self.config.spec, attempts);
        self.notify(Event::Agreed(decision.record.clone()));
        self.phase = Phase::Aggregate(Aggregate {
            view,
            decision,
            since: now,
            asked: false,
        });
        // By now it is known who else holds what its author gave to some only.
        self.fetch_wanted();
    }

    pub(super) fn aggregated(&mut self, round: Round) {
        if let Phase::Aggregate(aggregate) = &self.phase
            && aggregate.asked
            && round == self.log.round
        {
            self.phase = Phase::Apply(aggregate.clone());
            self.emit(Output::Apply {
                round,
                update: true,
            });
        }
    }

    pub(super) fn applied(&mut self, round: Round, model: Digest, length: u64, now: Time) {
        let Phase::Apply(Aggregate { decision, .. }) = &self.phase else {
            return;
        };
        if round != self.log.round {
            return;
        }
        let decision = decision.clone();
        let next = Manifest {
            run: self.run,
            round: round.next(),
            model,
            length,
            roster: decision.next_roster,
            banned: decision.next_banned,
        };
        self.standing.record(next.round, next.id());
        self.keep(next.clone());
        self.expire_lent(now);
        self.spend_joins(&decision.record.joined);
        let over = std::mem::replace(&mut self.log, RoundLog::new(round));
        if self.past_logs.len() == KEPT_LOGS {
            self.past_logs.pop_front();
        }
        self.past_logs.push_back(over.clone());
        self.given_up.retain(|log| log.round > round);
        let start = (self.round_started + self.config.spec.timing.pace()).max(now);
        self.enter(next, Some(over), start, now);
    }
}
