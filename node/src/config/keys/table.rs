//! The settings themselves.

use super::{Group, Key, Kind};

/// The settings, in the order of the help.
pub static KEYS: &[Key] = &[
    // Network
    Key::new(Group::Network, "bootstrap", Kind::List, "ADDR")
        .example(r#"["/ip4/203.0.113.7/tcp/7700"]"#)
        .help("Address of any node of the run to join; repeatable")
        .more(
            "A multiaddr with or without /p2p/<peer id>, or host:port. With the peer id, the node \
             makes sure that it talks to that peer. Without any --bootstrap this node founds a \
             new run, or goes on with the one in its data dir.",
        )
        .common(),
    Key::new(Group::Network, "listen", Kind::List, "ADDR")
        .default("/ip4/0.0.0.0/tcp/7700")
        .help("Address to listen on; repeatable")
        .more(
            "A multiaddr or ip:port. Port 0 takes a free port. A port that is taken is an error: \
             the node never moves to another one by itself.",
        )
        .common(),
    Key::new(Group::Network, "external", Kind::List, "ADDR")
        .example(r#"["/dns/node.example.org/tcp/7700"]"#)
        .help("Address at which others reach this node; repeatable")
        .more(
            "For a node behind a port mapping, a load balancer or a DNS name. It is announced \
             beside the addresses listened on.",
        ),
    Key::new(Group::Network, "external-only", Kind::Switch, "BOOL")
        .default("false")
        .help("Announce the external addresses, and not those listened on")
        .more("For a node that others must reach through a proxy. It needs an external address."),
    Key::new(Group::Network, "join-timeout", Kind::Text, "DURATION")
        .default("30s")
        .help("Give up joining after this long (exit 4)"),
    // Run
    Key::new(Group::Run, "data-dir", Kind::Path, "DIR")
        .otherwise("$XDG_DATA_HOME/spirt")
        .example(r#""/var/lib/spirt""#)
        .help("Where this node keeps its identity, its state and its control socket")
        .more(
            "Created with mode 0700. One node at a time uses it. Not allowed in the config.toml \
             of a data dir.",
        )
        .common(),
    Key::new(Group::Run, "ephemeral", Kind::Switch, "BOOL")
        .default("false")
        .help("Use a throw-away identity and data dir, removed on exit")
        .common(),
    Key::new(Group::Run, "run", Kind::Text, "RUN_ID")
        .otherwise("the run that the bootstrap peers train")
        .example(r#""64 hexadecimal digits""#)
        .help("Join this run and no other"),
    Key::new(Group::Run, "rounds", Kind::Number, "N")
        .otherwise("no end")
        .example("1000")
        .help("Leave with a goodbye after this many rounds (exit 0)")
        .common(),
    Key::new(Group::Run, "lease", Kind::Text, "DURATION")
        .otherwise("no end")
        .example(r#""15m""#)
        .help("Leave with a goodbye after this long (exit 0)")
        .more(
            "Set it below the lifetime of a spot instance or a function: a node that says goodbye \
             costs the others no waiting.",
        )
        .common(),
    Key::new(Group::Run, "patience", Kind::Text, "DURATION")
        .default("5m")
        .help("Give the run up when no round ends for this long (exit 5)"),
    Key::new(Group::Run, "checkpoint-every", Kind::Number, "ROUNDS")
        .default("10")
        .help("Save a checkpoint every so many rounds; 0 saves only on exit"),
    // Training
    Key::new(Group::Training, "model", Kind::Text, "MODEL")
        .default("mlp:hidden=32")
        .help("The model: softmax, mlp or cnn")
        .more("With options: softmax, mlp:hidden=32,layers=1, cnn:channels=8, synthetic:dimension=1000000.")
        .common(),
    Key::new(Group::Training, "data", Kind::Text, "DATA")
        .default("digits")
        .help("The data set; `digits` is built in")
        .more("Or idx:<folder>, csv:<file>, safetensors:<file>. Peers check that they have the same samples.")
        .common(),
    Key::new(Group::Training, "share-data", Kind::Switch, "BOOL")
        .default("false")
        .help("Let peers give the data set to each other, so that newcomers need no files")
        .more("Each node holds it in memory, and in its data dir."),
    Key::new(Group::Training, "optimizer", Kind::Text, "OPTIMIZER")
        .default("sgd:lr=1")
        .help("What applies an aggregate to the model: sgd, momentum, nesterov or adam")
        .more(
            "With options: sgd:lr=1, momentum:lr=0.7,beta=0.9, nesterov:lr=0.7,beta=0.9, \
             adam:lr=0.001.",
        ),
    Key::new(Group::Training, "local-steps", Kind::Number, "N")
        .default("20")
        .help("Minibatch steps that each peer takes in a round"),
    Key::new(Group::Training, "batch-size", Kind::Number, "N")
        .default("32")
        .help("Samples in a minibatch"),
    Key::new(Group::Training, "learning-rate", Kind::Number, "RATE")
        .default("0.5")
        .help("Learning rate of the local steps"),
    Key::new(Group::Training, "worker-momentum", Kind::Number, "BETA")
        .default("0")
        .help("Weight of a peer's earlier updates in what it contributes")
        .more("From 0 (none) to below 1. Less noise leaves liars less room; see docs/aggregation.md."),
    Key::new(Group::Training, "seed", Kind::Number, "N")
        .default("0")
        .help("Seed of all that is random; tells otherwise equal runs apart"),
    // Aggregation
    Key::new(Group::Aggregation, "rule", Kind::Text, "RULE")
        .default("trimmed-mean")
        .help("The aggregation rule")
        .more("Such as median, krum, multi-krum:m=6, geometric-median or arc+nnm+trimmed-mean: docs/aggregation.md has all. The mean withstands no liar.")
        .common(),
    Key::new(Group::Aggregation, "encoding", Kind::Text, "ENCODING")
        .default("f32")
        .help("How vectors travel: f32, bf16, f16, int8, top-k or sign")
        .more("With options: f32, bf16, f16, int8, top-k:per-mille=10, sign. All but f32 lose precision."),
    Key::new(
        Group::Aggregation,
        "division",
        Kind::Choice(&["auto", "whole"]),
        "HOW",
    )
    .default("auto")
    .help("Who runs the rule on what: auto or whole")
    .more(
        "whole: each peer takes all vectors, and runs the rule itself. auto: where that saves much and \
         the rule takes each value apart, f + 1 peers run it on each part, and the others take what \
         these agree on. Only f32 is shared so.",
    ),
    Key::new(Group::Aggregation, "max-byzantine", Kind::Number, "F")
        .default("0")
        .help("Byzantine peers that the run withstands")
        .more("Call it f: median and trimmed-mean need 2f + 1 peers in a round, krum and multi-krum 2f + 3.")
        .common(),
    Key::new(Group::Aggregation, "min-peers", Kind::Number, "N")
        .default("1")
        .help("Fewest peers with which a round ends; a smaller group waits")
        .more("The rule may need more: see max-byzantine.")
        .common(),
    Key::new(Group::Aggregation, "pace", Kind::Text, "DURATION")
        .default("0s")
        .help("Least time from the start of a round to the start of the next"),
    Key::new(Group::Aggregation, "collect-min", Kind::Text, "DURATION")
        .default("500ms")
        .help("Least time that a round waits for contributions while some are missing"),
    Key::new(Group::Aggregation, "collect-max", Kind::Text, "DURATION")
        .default("30s")
        .help("Most time that a round waits for contributions once it has enough"),
    Key::new(Group::Aggregation, "attempt", Kind::Text, "DURATION")
        .default("1s")
        .help("Length of an attempt to agree on the contributions of a round")
        .more(
            "A message, relayed by another peer, must arrive within it. A slow network needs \
             more; a round with a failing peer lasts f + 1 attempts longer.",
        ),
    // Observability
    Key::new(Group::Observability, "json", Kind::Switch, "BOOL")
        .default("false")
        .help("Write one JSON object per event to stdout, and errors as JSON to stderr")
        .common(),
    Key::new(Group::Observability, "log", Kind::Text, "FILTER")
        .otherwise("$RUST_LOG, or warn,libp2p_gossipsub=error,libp2p_kad=error,spirt_node=info")
        .example(r#""warn,spirt_node=debug""#)
        .help("What to log to stderr, in the syntax of RUST_LOG"),
    Key::new(
        Group::Observability,
        "log-format",
        Kind::Choice(&["compact", "pretty", "json"]),
        "FORMAT",
    )
    .default("compact")
    .help("How to write the log: compact, pretty or json"),
    Key::new(
        Group::Observability,
        "color",
        Kind::Choice(&["auto", "always", "never"]),
        "WHEN",
    )
    .default("auto")
    .help("When to use colour: auto, always or never; auto honours NO_COLOR"),
    Key::new(Group::Observability, "no-progress", Kind::Switch, "BOOL")
        .default("false")
        .help("Leave out the line per round"),
    // Testing
    #[cfg(feature = "attacks")]
    Key::new(Group::Testing, "attack", Kind::Text, "KIND")
        .otherwise("none")
        .example(r#""sign-flip""#)
        .help("Play a Byzantine peer")
        .hidden(),
];
