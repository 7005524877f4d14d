//! The scenario files on processes of this machine: those that take no network of their own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use spirt_tests::scenario::Scenario;

/// Where the scenario files are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// The scenario of that name.
pub(crate) fn scenario(name: &str) -> Scenario {
    Scenario::read(&folder().join(format!("{}.toml", name.replace('_', "-"))))
}

/// A test for each scenario file, and one that no file has none.
macro_rules! scenarios {
    (processes: $($on_processes:ident)*; network: $($in_network:ident)*;) => {
        $(
            #[test]
            fn $on_processes() {
                scenario(stringify!($on_processes)).play(false);
            }
        )*

        #[test]
        fn every_file_is_played() {
            let played: BTreeSet<String> = [$(stringify!($on_processes),)* $(stringify!($in_network)),*]
                .iter()
                .map(|name| name.replace('_', "-"))
                .collect();
            let files = std::fs::read_dir(folder()).expect("the folder of the scenarios");
            let files: BTreeSet<String> = files
                .map(|file| file.expect("a file").path())
                .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
                .collect();
            assert_eq!(played, files);
            $(
                assert!(scenario(stringify!($in_network)).needs_network());
            )*
            $(
                assert!(!scenario(stringify!($on_processes)).needs_network());
            )*
        }
    };
}

scenarios! {
    processes:
        kill_one
        kill_f
        kill_the_bootstrap
        kill_all_but_the_minimum
        kill_everyone_and_restart
        rolling_restart
        freeze
        corrupt_checkpoint
        joiner_killed_while_syncing;
    network:
        partition_and_heal
        asymmetric_cut
        slow_link
        full_disk;
}
