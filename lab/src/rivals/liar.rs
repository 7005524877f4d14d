//! One of spirt's peers lies about its vector in every round.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::table::Row;
use super::{Args, PEERS};
use crate::expected::{self, Vectors};
use crate::node::Round;
use crate::rival::Fault;
use crate::swarm::{Swarm, median, node_options, slowest};

/// Rounds that are measured: those to which all honest nodes may contribute.
const ROUNDS: u64 = 5;
/// The rule, and how many liars it is to withstand.
const RULE: (&str, u16) = ("trimmed-mean", 1);
const SEED: u64 = 0;

/// Plays a run with a liar to its end. `factor` is what the lie multiplies the vector by, if it does.
pub(super) fn play(args: &Args, fault: Fault, attack: &str, factor: Option<f32>) -> Result<Row> {
    let mut swarm = Swarm::new(Duration::from_secs(args.patience))?;
    let bootstrap = swarm.found(&node(args, None))?;
    // The liar comes before the last honest node, without which no round ends.
    let lies = [format!("--attack={attack}")];
    let liar = swarm.start(&[node(args, Some(&bootstrap)), lies.to_vec()].concat())?;
    swarm.expect_nothing(liar);
    let mut honest = vec![0];
    for _ in 2..PEERS {
        honest.push(swarm.start(&node(args, Some(&bootstrap)))?);
    }
    let first = swarm.hear_until(|swarm, _| swarm.gathered(&honest))?;
    let last = first + ROUNDS;
    swarm.hear_until(|swarm, _| swarm.ended(last, &honest).then_some(()))?;
    let name = swarm.names[liar].clone();
    let name = name.context("the liar has no name")?;
    let vectors = Vectors {
        dim: args.dim.get(),
        seed: SEED,
        encoding: "f32",
        rule: RULE.0,
        max_byzantine: RULE.1,
        shouter: factor.map(|factor| (name.as_str(), factor)),
    };
    let expected = expected::models(&vectors, &swarm)?.context("the rule is computed here")?;
    let told = |round: u64| -> Vec<&Round> {
        let told = &swarm.rounds[&round];
        honest.iter().filter_map(|node| told.get(node)).collect()
    };
    let measured: Vec<Vec<&Round>> = (first + 1..=last).map(told).collect();
    let seconds = measured.iter().map(|told| slowest(told.iter().copied()));
    let seconds = median(seconds);
    let alike = measured.iter().all(|told| {
        let models: BTreeSet<_> = told.iter().map(|told| &told.model).collect();
        models.len() == 1 && told.len() == honest.len()
    });
    let right = measured.iter().flatten().all(|told| {
        let expected = expected.get(&told.round);
        told.applied && expected.is_some() && expected == told.model.as_ref()
    });
    Ok(Row {
        fault: fault.words(),
        system: "spirt",
        clean_seconds: seconds,
        seconds,
        succeeded: PEERS - 1,
        alike,
        right,
        // The model is what finite vectors give.
        finite: right,
        rounds_until_named: named(&swarm, &name),
    })
}

/// In which round of its presence the founder first named the liar; the first is 1.
fn named(swarm: &Swarm, liar: &str) -> Option<u64> {
    let verdicts = swarm.rounds.iter().filter_map(|(round, told)| {
        let verdict = told.get(&0)?.verdicts.get(liar)?;
        Some((*round, verdict.as_str()))
    });
    let mut present = verdicts.skip_while(|(_, verdict)| *verdict == "absent");
    let (first, verdict) = present.next()?;
    if verdict != "kept" {
        return Some(1);
    }
    let (round, _) = present.find(|(_, verdict)| *verdict != "kept")?;
    Some(round - first + 1)
}

fn node(args: &Args, bootstrap: Option<&str>) -> Vec<String> {
    let patience = Duration::from_secs(args.patience);
    let mut options = node_options(bootstrap, patience, args.log.as_deref());
    let mut option = |name: &str, value: String| options.push(format!("--{name}={value}"));
    option("listen", "/ip4/127.0.0.1/tcp/0".into());
    if bootstrap.is_none() {
        option("model", format!("synthetic:dimension={}", args.dim));
        option("rule", RULE.0.into());
        option("max-byzantine", RULE.1.to_string());
        option("min-peers", (PEERS - 1).to_string());
        option("seed", SEED.to_string());
    }
    options
}
