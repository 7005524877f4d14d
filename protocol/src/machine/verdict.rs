//! What the answers to an inquiry mean for this node. Decides only; `inquiry.rs` carries it out.

use crate::id::{PeerId, Time};

use super::choice::{At, Choice, Vouches};
use super::inquiry::Inquiry;
use super::{Phase, RoundMachine};

/// Attempts that a resuming node waits for others before it goes on from its own state.
const RESUME_PATIENCE: u32 = 6;

/// What to do about the answers so far.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Take this state over.
    Fetch(Choice),
    /// Start from the state that this node brought. Some are further, but too few to be believed.
    Resume { behind: bool },
    /// Go on as before; in a new view, if the others stand right here and are held up too.
    Stand { in_new_view: bool },
    /// What was heard does not suffice.
    AskAgain,
}

impl RoundMachine {
    pub(super) fn judge(&self, inquiry: &Inquiry, now: Time) -> Verdict {
        let own = self.standing.recent(crate::MAX_VOUCHED);
        let here = own.last().copied();
        // A few may be ahead whom this node cannot believe yet; more of them will come up.
        let mut latest = inquiry.vouches.values().filter_map(|states| states.last());
        let behind = latest.any(|at| Some(at.0) > here.map(|at| at.0));
        let chosen = self.choose(inquiry, own, now);
        if let Some(choice) = &chosen
            && here != Some(choice.at)
        {
            return self.may_fetch(choice, now);
        }
        let impatient = self.is_impatient(inquiry, now);
        let resuming = matches!(self.phase, Phase::Join);
        if resuming && self.state.is_some() {
            let quorum = self.config.spec.quorum();
            let enough = chosen.is_some_and(|choice| choice.holders.len() >= quorum);
            let all_said = inquiry.all_answered() && !behind;
            return if enough || all_said || impatient {
                Verdict::Resume { behind }
            } else {
                Verdict::AskAgain
            };
        }
        match chosen {
            Some(_) if !resuming => Verdict::Stand {
                in_new_view: self.is_held_up(now),
            },
            None if !resuming && impatient => Verdict::Stand { in_new_view: false },
            _ => Verdict::AskAgain,
        }
    }

    /// Where the peers stand, this node among them.
    fn choose(&self, inquiry: &Inquiry, own: Vec<At>, now: Time) -> Option<Choice> {
        let here = own.last().copied();
        let mut vouches = inquiry.vouches.clone();
        if self.waits_in_vain(inquiry, now) {
            self.standing
                .second(&mut vouches, here.map(|(round, _)| round));
        }
        if !own.is_empty() {
            vouches.insert(self.me, own);
        }
        // Who takes no part in the round has nothing to lose by going forward either.
        let goes_forward = self.is_held_up(now) || !self.is_member();
        let after = here.map(|(round, _)| round).filter(|_| goes_forward);
        Choice::of(&vouches, self.liars(), after).filter(|choice| {
            here == Some(choice.at)
                || !self.standing.passed(choice.at.0, choice.at.1)
                || self.may_go_back(&vouches, choice.at)
        })
    }

    /// Whether time does not bring up more who vouch for a state. A quorum may have a single honest peer that went on, beside
    /// others that deny it: but these mostly contributed, where newcomers did not make up the quorum.
    fn waits_in_vain(&self, inquiry: &Inquiry, now: Time) -> bool {
        match self.phase {
            Phase::Join => self.is_impatient(inquiry, now),
            _ => now >= self.stall(),
        }
    }

    fn is_impatient(&self, inquiry: &Inquiry, now: Time) -> bool {
        let timing = &self.config.spec.timing;
        now >= timing.after_attempts(inquiry.began, RESUME_PATIENCE)
    }

    /// A state of the own past is taken over only where the round cannot end otherwise.
    fn may_fetch(&self, choice: &Choice, now: Time) -> Verdict {
        let goes_back = self.standing.passed(choice.at.0, choice.at.1);
        let resuming = matches!(self.phase, Phase::Join);
        if !goes_back || resuming || now >= self.stall() {
            Verdict::Fetch(choice.clone())
        } else {
            Verdict::Stand { in_new_view: false }
        }
    }

    /// Whether to give up own rounds for an earlier state: if the members stand there, or others
    /// do without this node's own voice. A newcomer that knows no better state is neither.
    fn may_go_back(&self, vouches: &Vouches, to: At) -> bool {
        let chosen_by = |counts: &dyn Fn(&PeerId) -> bool| {
            let counted = vouches.iter().filter(|(peer, _)| counts(peer));
            let counted = counted.map(|(peer, states)| (*peer, states.clone()));
            Choice::of(&counted.collect(), self.liars(), None).is_some_and(|choice| choice.at == to)
        };
        let is_member = |peer: &PeerId| *peer == self.me || self.roster().contains(peer);
        chosen_by(&is_member) || chosen_by(&|peer| *peer != self.me)
    }
}
