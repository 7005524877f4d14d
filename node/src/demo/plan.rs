//! What happens in the demo, and when: from the arguments to the nodes' command lines.

use std::num::NonZeroU16;
use std::time::Duration;

use spirt_aggregation::{Pipeline, Rule};
use spirt_protocol::MAX_PEERS;

use super::args::DemoArgs;
use crate::attack::Attack;
use crate::exit::{Exit, Failure};

/// Settings of the founder. With these, five nodes of which one lies pass 95 % in 30 rounds; on one
/// machine messages are fast, but the nodes share its cores.
const SETTINGS: [(&str, &str); 8] = [
    ("model", "mlp:hidden=512"),
    ("optimizer", "sgd:lr=0.7"),
    ("local-steps", "10"),
    ("batch-size", "64"),
    ("learning-rate", "0.3"),
    ("worker-momentum", "0.5"),
    ("collect-min", "1s"),
    ("attempt", "500ms"),
];
/// A node that the demo has lost sight of ends by itself.
const LIFETIME: [(&str, &str); 2] = [("lease", "15m"), ("patience", "2m")];
/// Rounds between two deaths: the peers agree on one before the next.
const BETWEEN_KILLS: u64 = 2;

/// One swarm from its start to its end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// Nodes at the start.
    pub(super) nodes: usize,
    /// The last so many of them lie.
    pub(super) byzantine: usize,
    /// The first so many of them are killed.
    pub(super) kill: usize,
    pub(super) rounds: u64,
    pub(super) rule: Pipeline,
    /// As it was typed.
    pub(super) attack: String,
    pub(super) seed: u64,
    /// The port of the first node; free ones without it.
    pub(super) port: Option<NonZeroU16>,
    /// The least time of a round.
    pub(super) pace: Duration,
    /// The founder's `min-peers`.
    min_peers: usize,
}

impl Plan {
    /// Checks the arguments.
    pub(super) fn new(args: &DemoArgs) -> Result<Self, Failure> {
        let usage = |message: String, hint: String| Failure::new(Exit::Usage, message).hint(hint);
        let rule: Pipeline = args.rule.parse().map_err(|error| {
            let hint =
                "such as arc+nnm+trimmed-mean, median, krum or mean; docs/aggregation.md has all"
                    .into();
            usage(format!("{error}"), hint)
        })?;
        if args.byzantine > 0
            && let Err(error) = args.attack.parse::<Attack>()
        {
            let hint = "docs/robustness.md says what each attack does".into();
            return Err(usage(error, hint));
        }
        let (nodes, byzantine, kill) = (args.nodes.into(), args.byzantine.into(), args.kill.into());
        let most = usize::from(MAX_PEERS);
        if nodes > most {
            return Err(usage(
                format!("{nodes} nodes are more than the {most} that a run can have"),
                format!("use at most --nodes {most}"),
            ));
        }
        let inputs = rule.min_inputs(withstood(&rule, byzantine));
        let need = inputs.max(byzantine + 1) + kill;
        if nodes < need {
            return Err(usage(
                format!("{rule} with {byzantine} lying and {kill} killed needs {need} nodes"),
                format!("use --nodes {need}, or fewer with --byzantine or --kill"),
            ));
        }
        let plan = Self {
            nodes,
            byzantine,
            kill,
            rounds: args.rounds,
            rule,
            attack: args.attack.clone(),
            seed: args.seed,
            port: args.port.and_then(NonZeroU16::new),
            pace: args.pace.into(),
            min_peers: inputs.max(nodes - byzantine - kill),
        };
        let least = plan.join_round().map_or(1, |join| join + 4);
        if plan.rounds < least {
            return Err(usage(
                format!(
                    "{} rounds are too few to kill, and to join afterwards",
                    plan.rounds
                ),
                "use --rounds 30, or --kill 0".into(),
            ));
        }
        Ok(plan)
    }

    /// The same liars and rounds under the plain mean: nobody is killed, nobody comes late.
    pub(super) fn with_mean(&self) -> Self {
        Self {
            rule: Rule::Mean.into(),
            kill: 0,
            min_peers: self.nodes - self.byzantine,
            pace: Duration::ZERO,
            ..self.clone()
        }
    }

    /// Nodes in all, the late one included.
    pub(super) fn all(&self) -> usize {
        self.nodes + usize::from(self.kill > 0)
    }

    /// What a node is in the demo.
    pub(super) fn role(&self, node: usize) -> Role {
        match node {
            _ if node >= self.nodes => Role::Late,
            _ if node >= self.nodes - self.byzantine => Role::Liar,
            0 => Role::Founder,
            _ => Role::Honest,
        }
    }

    /// The nodes to kill, each with the round after whose end it dies: the founder first, since
    /// nobody needs it.
    pub(super) fn kills(&self) -> impl Iterator<Item = (u64, usize)> + use<> {
        let half = self.rounds / 2;
        (0..self.kill).map(move |node| (half + node as u64 * BETWEEN_KILLS, node))
    }

    /// The round after whose end a node joins, if one was killed: after 60 % of the rounds.
    pub(super) fn join_round(&self) -> Option<u64> {
        let (last, _) = self.kills().last()?;
        Some((self.rounds * 3 / 5).max(last + BETWEEN_KILLS))
    }

    /// The arguments of a node, all but its data dir; `bootstrap` is for all but the founder.
    pub(super) fn arguments(&self, node: usize, bootstrap: Option<&str>) -> Vec<String> {
        let port = self
            .port
            .map_or(0, |first| first.get().saturating_add(node as u16));
        let mut args = vec!["run".into(), "--json".into()];
        let mut option = |name: &str, value: String| args.extend([format!("--{name}"), value]);
        option("listen", format!("/ip4/127.0.0.1/tcp/{port}"));
        for (name, value) in LIFETIME {
            option(name, value.into());
        }
        match bootstrap {
            Some(address) => option("bootstrap", address.into()),
            None => {
                for (name, value) in SETTINGS {
                    option(name, value.into());
                }
                option("rule", self.rule.to_string());
                option(
                    "max-byzantine",
                    withstood(&self.rule, self.byzantine).to_string(),
                );
                option("min-peers", self.min_peers.to_string());
                option("rounds", self.rounds.to_string());
                option("pace", humantime::format_duration(self.pace).to_string());
                option("seed", self.seed.to_string());
            }
        }
        if self.role(node) == Role::Liar {
            option("attack", self.attack.clone());
        }
        args
    }
}

/// The f of the run: the mean withstands nobody, and refuses to promise it.
fn withstood(rule: &Pipeline, byzantine: usize) -> usize {
    if rule.is_robust() { byzantine } else { 0 }
}

/// What a node is in the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Founder,
    Honest,
    Late,
    Liar,
}

impl Role {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Founder => "founder",
            Self::Honest => "honest",
            Self::Late => "latecomer",
            Self::Liar => "liar",
        }
    }

    pub(super) const fn is_honest(self) -> bool {
        !matches!(self, Self::Liar)
    }
}

/// A node's name in the table and the summary.
pub(super) fn name(node: usize) -> String {
    format!("node-{node}")
}
