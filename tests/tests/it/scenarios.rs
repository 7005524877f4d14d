//! The scenario files on processes of this machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use spirt_tests::host::Host;
use spirt_tests::scenario::Scenario;

/// Where the scenario files are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// The scenario of that name.
pub(crate) fn scenario(name: &str) -> Scenario {
    Scenario::read(&folder().join(format!("{}.toml", name.replace('_', "-"))))
}

/// The names of all files.
fn files() -> BTreeSet<String> {
    let files = std::fs::read_dir(folder()).expect("the folder of the scenarios");
    let paths = files.map(|file| file.expect("a file").path());
    paths
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

/// Checks that exactly those files are played on a host that can be.
pub(crate) fn all_are_played(host: Host, played: &[&str]) {
    let played: BTreeSet<String> = played.iter().map(|name| name.replace('_', "-")).collect();
    let possible = |name: &String| scenario(name).impossible_on(host).is_none();
    let possible: BTreeSet<String> = files().into_iter().filter(possible).collect();
    assert_eq!(played, possible, "on {host}");
}

/// A test for each scenario file that can be played on a host, and one that no such file has none.
macro_rules! scenarios {
    ($host:ident: $($name:ident)*) => {
        const HOST: spirt_tests::host::Host = spirt_tests::host::Host::$host;

        $(
            #[test]
            fn $name() {
                $crate::scenarios::scenario(stringify!($name)).play(HOST);
            }
        )*

        #[test]
        fn every_file_that_can_be_is_played() {
            $crate::scenarios::all_are_played(HOST, &[$(stringify!($name)),*]);
        }
    };
}
pub(crate) use scenarios;

scenarios! {
    Processes:
        kill_one
        kill_f
        kill_the_bootstrap
        kill_all_but_the_minimum
        kill_everyone_and_restart
        rolling_restart
        freeze
        corrupt_checkpoint
        joiner_killed_while_syncing
        clock_step
}
