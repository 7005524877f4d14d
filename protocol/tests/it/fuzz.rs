//! The fuzzer's corpus, replayed: what it once found interesting breaks nothing.

use std::fs;
use std::path::Path;

use spirt_protocol::fuzz::TARGETS;

#[test]
fn the_corpus_of_every_target_breaks_nothing() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, target) in TARGETS {
        let files =
            fs::read_dir(corpus.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut replayed = 0;
        for file in files {
            let path = file.expect("a file").path();
            target(&fs::read(&path).expect("it can be read"));
            replayed += 1;
        }
        assert!(replayed >= 10, "{name}: only {replayed} inputs");
    }
}

#[test]
fn short_and_long_runs_of_one_byte_break_nothing() {
    for (_, target) in TARGETS {
        for byte in [0, 1, 0x7f, 0x80, 0xfb, 0xfd, 0xff] {
            for length in [0, 1, 3, 4, 11, 12, 64, 128, 1_000, 40_000] {
                target(&vec![byte; length]);
            }
        }
    }
}
