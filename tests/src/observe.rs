//! What nodes say: the events on their stdout and their answers to `status`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// One line of a node's stdout.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The node listens.
    Ready(Ready),
    /// It took over the state of the others.
    Joined(Joined),
    /// A round is over.
    Round(Round),
    /// A peer did what no honest peer does.
    Offence(Offence),
    /// It has left.
    Left(Left),
}

/// The node listens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Ready {
    /// Its peer id.
    pub peer: String,
    /// The address that others dial.
    pub join: Option<String>,
    /// The run, when it is known already.
    pub run: Option<String>,
}

/// The node took over the state of the others.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Joined {
    /// The run.
    pub run: String,
    /// The round of the state.
    pub round: u64,
}

/// A round is over.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Round {
    /// Its number.
    pub round: u64,
    /// Whether its update was applied.
    pub applied: bool,
    /// Share of the test samples that the new model gets right.
    pub accuracy: Option<f64>,
    /// Peers on the roster.
    pub roster: usize,
    /// What became of each peer's contribution.
    pub verdicts: BTreeMap<String, String>,
    /// Peers whose contribution had the very bytes of one that came before it, and who made that one.
    #[serde(default)]
    pub copies: BTreeMap<String, String>,
    /// Digest of the new model.
    pub model: String,
    /// Peers that aggregated each part, where they shared the work of the rule.
    #[serde(default)]
    pub keepers: Option<u64>,
    /// Bytes that the node has sent since its start.
    #[serde(default)]
    pub bytes_sent: u64,
}

impl Round {
    /// Whether the contribution of `peer` went into the update.
    pub fn kept(&self, peer: &str) -> bool {
        self.verdict(peer) == Some("kept")
    }

    /// Whether the peers agreed on a contribution of `peer`; the rule may have left it out.
    pub fn counted(&self, peer: &str) -> bool {
        matches!(self.verdict(peer), Some("kept" | "dropped"))
    }

    /// What became of the contribution of `peer`.
    pub fn verdict(&self, peer: &str) -> Option<&str> {
        self.verdicts.get(peer).map(String::as_str)
    }

    /// How many contributions went into the update.
    pub fn n_kept(&self) -> usize {
        self.verdicts
            .values()
            .filter(|verdict| *verdict == "kept")
            .count()
    }
}

/// A peer did what no honest peer does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Offence {
    /// The round under way.
    pub round: u64,
    /// Who did it.
    pub peer: String,
    /// What it did, by a name of the closed list.
    pub offence: String,
    /// How often so far.
    pub count: u64,
    /// Whether it is shut out by this.
    pub banned: bool,
}

/// The node has left.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Left {
    /// Why.
    pub reason: String,
    /// The round that it would take part in next.
    pub round: u64,
    /// Rounds that ended without an update though enough peers were there.
    pub rounds_lost: u64,
}

/// The part of a node's answer to `status --json` that tests look at.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Status {
    /// `joining`, `training`, `waiting`, `catching-up`, `stopping` or `done`.
    pub state: String,
    /// Its peer id.
    pub peer: String,
    /// The round in progress.
    pub round: u64,
    /// Peers on the roster.
    pub roster: usize,
    /// Digest of the model before that round.
    pub model: Option<String>,
    /// Rounds that ended without an update though enough peers were there.
    pub rounds_lost: u64,
    /// Resident memory.
    pub rss_bytes: Option<u64>,
}

/// The rounds among some events.
pub fn rounds(events: &[Event]) -> impl DoubleEndedIterator<Item = &Round> {
    events.iter().filter_map(|event| match event {
        Event::Round(round) => Some(round),
        Event::Ready(_) | Event::Joined(_) | Event::Offence(_) | Event::Left(_) => None,
    })
}

/// The first offence of that name that some events lay to a peer.
pub fn offence<'a>(events: &'a [Event], peer: &str, name: &str) -> Option<&'a Offence> {
    events.iter().find_map(|event| match event {
        Event::Offence(offence) if offence.peer == peer && offence.offence == name => Some(offence),
        Event::Ready(_)
        | Event::Joined(_)
        | Event::Round(_)
        | Event::Offence(_)
        | Event::Left(_) => None,
    })
}

/// The last round among some events.
pub fn last_round(events: &[Event]) -> Option<&Round> {
    rounds(events).next_back()
}

/// Compares what nodes say of the same rounds, from round `since` on, and returns the rounds that
/// all of them ended with the same model.
///
/// The promise is to agree or to know: a node may end a round with another model than the others
/// only if it says later that it took over their state. Then its word on that round is void.
///
/// # Errors
/// Names the first round that two nodes ended with different models and neither took it back.
pub fn agreement(told: &[(String, Vec<Event>)], since: u64) -> Result<BTreeSet<u64>, String> {
    let mut seen: BTreeMap<u64, BTreeMap<&str, Claim<'_>>> = BTreeMap::new();
    for (name, events) in told {
        for (round, claim) in claims(events)
            .into_iter()
            .filter(|(round, _)| *round >= since)
        {
            seen.entry(round).or_default().insert(name, claim);
        }
    }
    let mut together = BTreeSet::new();
    for (round, claims) in seen {
        let models: BTreeSet<&str> = claims.values().map(|claim| claim.model).collect();
        // Somebody was right: all who claim another model than that one took it back.
        let is_right = |model: &&&str| {
            claims
                .values()
                .all(|claim| claim.model == **model || claim.taken_back)
        };
        if !models.iter().any(|model| is_right(&model)) {
            return Err(format!("different models after round {round}: {claims:#?}"));
        }
        if models.len() == 1 && claims.len() == told.len() {
            together.insert(round);
        }
    }
    Ok(together)
}

/// Rounds after which a node may find out that it went apart from the others, and say so.
const TAKES_BACK: u64 = 8;

/// The rounds that nodes ended with different models, none of which said soon afterwards that it
/// took over the others' state. Stricter than [`agreement`]: a word is void only if it was taken back
/// within few rounds.
pub fn divergent_rounds(told: &[(String, Vec<Event>)]) -> Vec<u64> {
    let mut models: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
    for (_, events) in told {
        let mut firm: Vec<&Round> = Vec::new();
        for event in events {
            match event {
                Event::Round(round) => firm.push(round),
                Event::Joined(joined) => {
                    firm.retain(|round| round.round + TAKES_BACK < joined.round);
                }
                Event::Ready(_) | Event::Offence(_) | Event::Left(_) => {}
            }
        }
        for round in firm {
            models.entry(round.round).or_default().insert(&round.model);
        }
    }
    models.retain(|_, models| models.len() > 1);
    models.into_keys().collect()
}

/// What a node says of a round.
#[derive(Debug)]
struct Claim<'a> {
    model: &'a str,
    /// It took over the state of the others later.
    taken_back: bool,
}

/// The last word of a node on each round.
fn claims(events: &[Event]) -> BTreeMap<u64, Claim<'_>> {
    let mut claims = BTreeMap::new();
    let mut taken_back = false;
    for event in events.iter().rev() {
        match event {
            Event::Joined(_) => taken_back = true,
            Event::Round(Round { round, model, .. }) => {
                claims.entry(*round).or_insert(Claim { model, taken_back });
            }
            Event::Ready(_) | Event::Offence(_) | Event::Left(_) => {}
        }
    }
    claims
}

#[cfg(test)]
mod tests;
