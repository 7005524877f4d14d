//! From merged settings to a [`Config`]: parses each value and checks those that depend on others.

use std::num::{NonZeroU16, NonZeroU64};

use spirt_protocol::MAX_PEERS;

use super::keys::KEYS;
use super::problem::{BadValue, Problem};
use super::reader::Reader;
use super::setting::{Origin, Settings};
use super::value::{self, Verbosity};
use super::{
    AggregationPlan, Config, Entry, Environment, Home, NetworkConfig, ObserveConfig, Plan,
    StayConfig, TrainingPlan, address,
};

/// What is logged when nobody says otherwise. Kademlia warns of every founder that it is alone, gossipsub prints
/// every message that a frozen peer does not take.
const DEFAULT_LOG: &str = "warn,libp2p_gossipsub=error,libp2p_kad=error,spirt_node=info";

/// Parses all settings. `None` when there was a problem; every problem is added to the list.
pub(super) fn resolve(
    settings: &Settings,
    verbosity: Verbosity,
    env: &Environment,
    problems: &mut Vec<Problem>,
) -> Option<Config> {
    let mut reader = Reader { settings, problems };
    let network = network(&mut reader);
    let bootstrap = reader.list("bootstrap", address::dial);
    let home = home(&mut reader);
    let stay = stay(&mut reader);
    let checkpoint_every = reader.one("checkpoint-every", value::count);
    let training = training(&mut reader);
    let aggregation = aggregation(&mut reader);
    let observe = observe(&mut reader, verbosity, env);
    #[cfg(feature = "attacks")]
    let attack = reader.optional("attack", value::attack);
    #[cfg(not(feature = "attacks"))]
    let attack = Some(None);
    let joins = settings.contains_key("bootstrap");
    if joins {
        refuse_founder_settings(&mut reader);
    }
    let plan = Plan {
        training: training?,
        aggregation: aggregation?,
    };
    let bootstrap = bootstrap?;
    let entry = if joins {
        Entry::Join { bootstrap }
    } else {
        Entry::Found(Box::new(plan))
    };
    Some(Config {
        network: network?,
        home: home?,
        entry,
        stay: stay?,
        checkpoint_every: NonZeroU64::new(checkpoint_every?),
        observe: observe?,
        attack: attack?,
    })
}

/// The complaint about a process without a home folder.
pub(super) fn homeless() -> Problem {
    BadValue::new("there is no folder for the data dir: neither XDG_DATA_HOME nor HOME is set")
        .hint("give one with --data-dir or SPIRT_DATA_DIR, or use --ephemeral")
        .at(Origin::Default)
}

fn network(reader: &mut Reader<'_>) -> Option<NetworkConfig> {
    let listen = reader.list("listen", address::listen);
    let external = reader.list("external", address::external);
    let external_only = reader.one("external-only", value::switch);
    let join_timeout = reader.one("join-timeout", value::some_time);
    let (external, external_only) = (external?, external_only?);
    if external_only && external.is_empty() {
        let bad = BadValue::new("there is no external address to announce")
            .hint("give one with --external, or leave --external-only out");
        reader.fail_either(["external-only", "external"], bad);
        return None;
    }
    Some(NetworkConfig {
        listen: listen?,
        external,
        external_only,
        join_timeout: join_timeout?,
    })
}

fn home(reader: &mut Reader<'_>) -> Option<Home> {
    if reader.one("ephemeral", value::switch)? {
        if let Some(origin @ Origin::Flag(_)) = reader.given("data-dir").cloned() {
            let bad = BadValue::new("cannot be used with --ephemeral")
                .hint("an ephemeral node has a data dir of its own; drop one of the two");
            reader.fail("data-dir", &origin, bad);
            return None;
        }
        return Some(Home::Ephemeral);
    }
    if !reader.settings.contains_key("data-dir") {
        reader.problems.push(homeless());
        return None;
    }
    reader.one("data-dir", value::path).map(Home::Dir)
}

fn stay(reader: &mut Reader<'_>) -> Option<StayConfig> {
    let run = reader.optional("run", value::run_id);
    let rounds = reader.optional("rounds", value::positive);
    let lease = reader.optional("lease", value::some_time);
    let patience = reader.one("patience", value::some_time);
    Some(StayConfig {
        run: run?,
        rounds: rounds?,
        lease: lease?,
        patience: patience?,
    })
}

fn training(reader: &mut Reader<'_>) -> Option<TrainingPlan> {
    let model = reader.one("model", value::model);
    let data = reader.one("data", value::data);
    let share_data = reader.one("share-data", value::switch);
    let optimizer = reader.one("optimizer", value::optimizer);
    let local_steps = reader.one("local-steps", value::positive);
    let batch_size = reader.one("batch-size", value::positive);
    let learning_rate = reader.one("learning-rate", value::rate);
    let worker_momentum = reader.one("worker-momentum", value::beta);
    let seed = reader.one("seed", value::count);
    Some(TrainingPlan {
        model: model?,
        data: data?,
        share_data: share_data?,
        optimizer: optimizer?,
        local_steps: local_steps?,
        batch_size: batch_size?,
        learning_rate: learning_rate?,
        worker_momentum: worker_momentum?,
        seed: seed?,
    })
}

fn aggregation(reader: &mut Reader<'_>) -> Option<AggregationPlan> {
    let rule = reader.one("rule", value::rule);
    let encoding = reader.one("encoding", value::encoding);
    let division = reader.one("division", value::division);
    let max_byzantine = reader.one("max-byzantine", value::count::<u16>);
    let min_peers = reader.one("min-peers", value::positive::<NonZeroU16>);
    let pace = reader.one("pace", value::pace);
    let collect_min = reader.one("collect-min", value::collect);
    let collect_max = reader.one("collect-max", value::collect);
    let attempt = reader.one("attempt", value::attempt);

    let (rule, max_byzantine, min_peers) = (rule?, max_byzantine?, min_peers?.get());
    let need = rule.min_inputs(max_byzantine.into());
    if need > usize::from(MAX_PEERS) {
        let bad = BadValue::new(format!(
            "{rule} needs {need} peers to withstand {max_byzantine} Byzantine ones, \
             a run has at most {MAX_PEERS}"
        ));
        reader.fail_either(["max-byzantine", "rule"], bad);
    }
    if min_peers > MAX_PEERS {
        let bad = BadValue::new(format!(
            "a run has at most {MAX_PEERS} peers, not {min_peers}"
        ));
        reader.fail_either(["min-peers"; 2], bad);
    }
    let (collect_min, collect_max) = (collect_min?, collect_max?);
    if collect_min > collect_max {
        let bad = BadValue::new("collect-min is longer than collect-max");
        reader.fail_either(["collect-min", "collect-max"], bad);
    }
    Some(AggregationPlan {
        rule: rule.to_string(),
        encoding: encoding?,
        division: division?,
        max_byzantine,
        min_peers,
        pace: pace?,
        collect_min,
        collect_max,
        attempt: attempt?,
    })
}

fn observe(
    reader: &mut Reader<'_>,
    verbosity: Verbosity,
    env: &Environment,
) -> Option<ObserveConfig> {
    let json = reader.one("json", value::switch);
    let log = reader.optional("log", value::log_filter);
    let log_format = reader.one("log-format", value::log_format);
    let color = reader.one("color", value::color);
    let no_progress = reader.one("no-progress", value::switch);
    let log = match (verbosity.filter(), log?) {
        (Some(filter), _) => filter.to_owned(),
        (None, Some(filter)) => filter,
        (None, None) => rust_log(reader, env)?,
    };
    Some(ObserveConfig {
        json: json?,
        log,
        log_format: log_format?,
        color: color?,
        progress: !no_progress?,
    })
}

/// `RUST_LOG`, which stands below all settings of our own, or the default.
fn rust_log(reader: &mut Reader<'_>, env: &Environment) -> Option<String> {
    let Some(text) = env.get("RUST_LOG") else {
        return Some(DEFAULT_LOG.to_owned());
    };
    match value::log_filter(&text.to_string_lossy()) {
        Ok(filter) => Some(filter),
        Err(bad) => {
            reader.problems.push(bad.at(Origin::Env("RUST_LOG".into())));
            None
        }
    }
}

/// A joiner takes the founder's word; settings of its own would be ignored, so they are refused.
fn refuse_founder_settings(reader: &mut Reader<'_>) {
    let given: Vec<String> = KEYS
        .iter()
        .filter(|key| key.group.founder_only())
        .filter_map(|key| Some((key.name, reader.given(key.name)?)))
        .map(|(name, origin)| match origin {
            Origin::Flag(flag) => flag.clone(),
            Origin::Env(variable) => variable.clone(),
            file => format!("`{name}` ({file})"),
        })
        .collect();
    let them = match given.len() {
        0 => return,
        1 => "it",
        _ => "them",
    };
    let bad = BadValue::new(format!(
        "the run that you join decides {}",
        given.join(", ")
    ))
    .hint(format!(
        "leave {them} out; or found a run of your own, without a bootstrap address"
    ));
    let origin = reader
        .given("bootstrap")
        .cloned()
        .unwrap_or(Origin::Default);
    reader.fail("bootstrap", &origin, bad);
}
