//! Layers, origins, the config file's mistakes, and what the founder alone may say.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::keys::{KEYS, Kind, did_you_mean};
use super::*;

fn env(variables: &[(&str, &str)]) -> Environment {
    let home = ("HOME".to_owned(), OsString::from("/home/ada"));
    let given = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), OsString::from(value)));
    given.chain([home]).collect()
}

fn flags(given: &[(&'static str, &str)]) -> Flags {
    given
        .iter()
        .map(|(name, value)| (*name, vec![(*value).to_owned()]))
        .collect()
}

fn load_flags(given: &[(&'static str, &str)]) -> Loaded {
    load(Sources {
        flags: flags(given),
        env: env(&[]),
        ..Sources::default()
    })
}

fn load_file(text: &str) -> (Loaded, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spirt.toml");
    fs::write(&path, text).unwrap();
    let sources = Sources {
        config_file: Some(path),
        env: env(&[]),
        ..Sources::default()
    };
    (load(sources), dir)
}

/// The problems as people see them, without the folder of the file.
fn problems(loaded: &Loaded, dir: &Path) -> Vec<String> {
    let folder = format!("{}/", dir.display());
    let show = |problem: &Problem| {
        let hint = problem.hint.as_deref().unwrap_or("-");
        format!("{problem} | {hint}").replace(&folder, "")
    };
    loaded.problems().iter().map(show).collect()
}

fn only_problem(loaded: &Loaded) -> String {
    let [problem] = loaded.problems() else {
        panic!("expected one problem, found {:?}", loaded.problems());
    };
    format!("{problem} | {}", problem.hint.as_deref().unwrap_or("-"))
}

#[test]
fn no_settings_at_all_found_a_run_with_the_defaults() {
    let config = load_flags(&[]).into_config().unwrap();
    assert_eq!(
        config.home,
        Home::Dir("/home/ada/.local/share/spirt".into())
    );
    assert_eq!(
        config.network.listen,
        ["/ip4/0.0.0.0/tcp/7700".parse().unwrap()]
    );
    assert_eq!(config.network.join_timeout, Duration::from_secs(30));
    let Entry::Found(plan) = config.entry else {
        panic!("joins")
    };
    assert_eq!(plan.training.model, "mlp:hidden=32");
    assert_eq!(plan.aggregation.rule, "trimmed-mean");
    assert_eq!(
        (plan.aggregation.max_byzantine, plan.aggregation.min_peers),
        (0, 1)
    );
    assert!(config.observe.progress && config.attack.is_none());
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spirt.toml");
    fs::write(
        &path,
        "lease = '1m'\npatience = '1m'\n\njoin-timeout = '1m'\n",
    )
    .unwrap();
    let loaded = load(Sources {
        flags: flags(&[("lease", "3m")]),
        env: env(&[("SPIRT_LEASE", "2m"), ("SPIRT_PATIENCE", "2m")]),
        config_file: Some(path.clone()),
        ..Sources::default()
    });
    let origin = |name| loaded.settings[name].origin.to_string();
    assert_eq!(origin("lease"), "--lease");
    assert_eq!(origin("patience"), "SPIRT_PATIENCE");
    assert_eq!(origin("join-timeout"), format!("{}:4", path.display()));
    assert_eq!(origin("rule"), "default");
    let config = loaded.into_config().unwrap();
    assert_eq!(config.stay.lease, Some(Duration::from_secs(180)));
    assert_eq!(config.stay.patience, Duration::from_secs(120));
    assert_eq!(config.network.join_timeout, Duration::from_secs(60));
}

#[test]
fn the_data_dir_holds_the_config_file_unless_another_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("config.toml"), "rounds = 7\n").unwrap();
    let data_dir = dir.path().to_str().unwrap();
    let rounds = |loaded: Loaded| {
        loaded
            .into_config()
            .unwrap()
            .stay
            .rounds
            .map(NonZeroU64::get)
    };
    assert_eq!(rounds(load_flags(&[("data-dir", data_dir)])), Some(7));

    let other = dir.path().join("other.toml");
    fs::write(&other, "rounds = 8\n").unwrap();
    let named = load(Sources {
        flags: flags(&[("data-dir", data_dir)]),
        env: env(&[("SPIRT_CONFIG", other.to_str().unwrap())]),
        ..Sources::default()
    });
    assert_eq!(rounds(named), Some(8));

    fs::write(dir.path().join("config.toml"), "data-dir = '/elsewhere'\n").unwrap();
    let problem = only_problem(&load_flags(&[("data-dir", data_dir)]));
    assert!(
        problem.contains(":1: `data-dir` cannot stand in"),
        "{problem}"
    );
}

#[test]
fn every_mistake_of_a_file_is_reported_with_its_line() {
    let text = "\
listn = '/ip4/0.0.0.0/tcp/1'
join-timeout = 30
rounds = -1
[network]
listen = []
";
    let (loaded, dir) = load_file(text);
    assert_eq!(
        problems(&loaded, dir.path()),
        [
            "spirt.toml:1: unknown key `listn` | did you mean `listen`?",
            "spirt.toml:2: `join-timeout`: `30` has no unit | write it with a unit, such as \
             500ms, 30s, 5m or 2h",
            "spirt.toml:3: `rounds`: `-1` is not a whole number of at least 1 | -",
            "spirt.toml:4: there is no section `network` | the file has no sections: all keys \
             stand at the top level",
        ]
    );
    assert!(!loaded.into_config().unwrap_err().is_usage());
}

#[test]
fn a_file_that_is_not_toml_or_not_there_is_a_problem_of_the_file() {
    let (loaded, dir) = load_file("rounds = 1\nlease = = 1\n");
    let found = problems(&loaded, dir.path());
    assert!(found[0].starts_with("spirt.toml:2: "), "{found:?}");

    let missing = load(Sources {
        config_file: Some("/nowhere/spirt.toml".into()),
        env: env(&[]),
        ..Sources::default()
    });
    let problem = only_problem(&missing);
    assert!(
        problem.starts_with("/nowhere/spirt.toml: cannot read"),
        "{problem}"
    );
}

#[test]
fn a_list_is_an_array_a_comma_list_or_a_repeated_flag() {
    let (loaded, _dir) = load_file("listen = ['/ip4/127.0.0.1/tcp/1', '127.0.0.1:2']\n");
    assert_eq!(loaded.into_config().unwrap().network.listen.len(), 2);
    let from_env = load(Sources {
        env: env(&[("SPIRT_BOOTSTRAP", "a:1, b:2,/dnsaddr/c")]),
        ..Sources::default()
    });
    let Entry::Join { bootstrap } = from_env.into_config().unwrap().entry else {
        panic!("founds")
    };
    let texts: Vec<String> = bootstrap.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["/dns/a/tcp/1", "/dns/b/tcp/2", "/dnsaddr/c"]);
    let (empty, _dir) = load_file("bootstrap = []\n");
    assert!(only_problem(&empty).contains("the list is empty"));
}

#[test]
fn an_empty_variable_is_not_set_and_a_misspelt_one_is_an_error() {
    let given = [
        ("SPIRT_BOOTSTRAP", ""),
        ("SPIRT_SERVICE_HOST", "10.0.0.1"),
        ("SPIRT_PORT", "1"),
    ];
    let loaded = load(Sources {
        env: env(&given),
        ..Sources::default()
    });
    assert!(matches!(
        loaded.into_config().unwrap().entry,
        Entry::Found(_)
    ));

    let misspelt = env(&[("SPIRT_MAX_BYZANTIN", "1")]);
    let loaded = load(Sources {
        env: misspelt,
        ..Sources::default()
    });
    assert_eq!(
        only_problem(&loaded),
        "SPIRT_MAX_BYZANTIN: there is no such setting | did you mean SPIRT_MAX_BYZANTINE?"
    );
    assert!(loaded.into_config().unwrap_err().is_usage());
}

#[test]
fn what_the_founder_decides_is_refused_from_a_joiner() {
    let loaded = load(Sources {
        flags: flags(&[("bootstrap", "a:1"), ("rule", "krum"), ("lease", "1m")]),
        env: env(&[("SPIRT_SEED", "7")]),
        ..Sources::default()
    });
    assert_eq!(
        only_problem(&loaded),
        "--bootstrap: the run that you join decides SPIRT_SEED, --rule | leave them out; or found \
         a run of your own, without a bootstrap address"
    );
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    let cases = [
        (
            vec![("ephemeral", "true"), ("data-dir", "/x")],
            "--data-dir: cannot be used with",
        ),
        (
            vec![("collect-max", "1ms")],
            "--collect-max: collect-min is longer",
        ),
        (
            vec![("max-byzantine", "40")],
            "--max-byzantine: trimmed-mean needs 81 peers",
        ),
        (
            vec![("min-peers", "65")],
            "--min-peers: a run has at most 64 peers",
        ),
        (vec![("attempt", "2h")], "--attempt: `2h` is above one hour"),
        (vec![("attempt", "1us")], "--attempt: `1us` is below 1ms"),
    ];
    for (given, expected) in cases {
        let problem = only_problem(&load_flags(&given));
        assert!(problem.starts_with(expected), "{problem}");
    }
}

#[test]
fn an_ephemeral_node_wins_over_the_data_dir_of_the_environment() {
    let loaded = load(Sources {
        flags: flags(&[("ephemeral", "true")]),
        env: env(&[("SPIRT_DATA_DIR", "/data")]),
        ..Sources::default()
    });
    assert_eq!(loaded.into_config().unwrap().home, Home::Ephemeral);
}

#[test]
fn without_a_home_folder_the_data_dir_must_be_named() {
    let homeless = Environment::default();
    let loaded = load(Sources {
        env: homeless.clone(),
        ..Sources::default()
    });
    let problem = only_problem(&loaded);
    assert!(
        problem.contains("neither XDG_DATA_HOME nor HOME is set"),
        "{problem}"
    );
    assert!(locate_data_dir(None, &homeless).is_err());
    let loaded = load(Sources {
        flags: flags(&[("data-dir", "/d")]),
        ..Sources::default()
    });
    assert_eq!(loaded.into_config().unwrap().home, Home::Dir("/d".into()));
}

#[test]
fn verbosity_wins_over_the_filter_and_the_filter_over_rust_log() {
    let log = |verbosity, variables: &[(&str, &str)]| {
        let sources = Sources {
            verbosity,
            env: env(variables),
            ..Sources::default()
        };
        load(sources).into_config().unwrap().observe.log
    };
    let both = [("SPIRT_LOG", "debug"), ("RUST_LOG", "trace")];
    assert_eq!(log(Verbosity::Quiet, &both), "error");
    assert_eq!(log(Verbosity::Normal, &both), "debug");
    assert_eq!(log(Verbosity::Normal, &both[1..]), "trace");
    assert!(log(Verbosity::Normal, &[]).starts_with("warn,"));
}

#[test]
fn every_setting_refuses_nonsense() {
    for key in KEYS.iter().filter(|key| key.kind != Kind::Path) {
        let loaded = load_flags(&[(key.name, "no=such=thing")]);
        let problem = only_problem(&loaded);
        assert!(
            problem.starts_with(&format!("{}: ", key.flag())),
            "{problem}"
        );
    }
}

#[test]
fn the_example_file_has_every_setting_and_says_the_defaults() {
    let text = example();
    let keys: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with('#') && !line.starts_with("# "))
        .collect();
    for key in KEYS.iter().filter(|key| key.show != keys::Show::Hidden) {
        let start = format!("#{} = ", key.name);
        assert_eq!(
            keys.iter().filter(|line| line.starts_with(&start)).count(),
            1,
            "{start}"
        );
    }
    let defaults = |line: &&&str| {
        KEYS.iter()
            .any(|key| key.default.is_some() && line.starts_with(&format!("#{} =", key.name)))
    };
    let live: Vec<&str> = keys
        .iter()
        .filter(defaults)
        .map(|line| &line[1..])
        .collect();
    let (loaded, _dir) = load_file(&live.join("\n"));
    assert_eq!(
        loaded.into_config().unwrap(),
        load_flags(&[]).into_config().unwrap()
    );
    assert!(
        text.lines().all(|line| line.len() <= 100),
        "a line is too long"
    );
}

#[test]
fn what_show_prints_can_be_read_back() {
    let given = [
        ("rounds", "5"),
        ("external", "a.example:7700"),
        ("rule", "multi-krum:m=2"),
    ];
    let loaded = load_flags(&given);
    let (again, _dir) = load_file(&show(&loaded, true));
    assert_eq!(again.into_config().unwrap(), loaded.into_config().unwrap());
}

#[test]
fn the_closest_name_is_suggested_and_none_for_other_words() {
    let names = || KEYS.iter().map(|key| key.name);
    assert_eq!(did_you_mean("join_timeout", names()), Some("join-timeout"));
    assert_eq!(did_you_mean("boostrap", names()), Some("bootstrap"));
    assert_eq!(did_you_mean("Listen", names()), Some("listen"));
    assert_eq!(did_you_mean("batchsize", names()), Some("batch-size"));
    assert_eq!(did_you_mean("kubernetes", names()), None);
    assert_eq!(did_you_mean("", names()), None);
}
