//! The fuzzer's corpus, replayed: what it once found interesting breaks nothing.

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::TARGETS;

/// The corpus of a target, in the order of the names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let files = fs::read_dir(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    let read = |path| fs::read(path).expect("it can be read");
    paths.into_iter().map(read).collect()
}

/// One change of an input.
#[derive(Debug, Clone)]
enum Edit {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
}

impl Edit {
    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Self::Set(at, byte)),
            (any::<Index>(), vec(any::<u8>(), 1..9)).prop_map(|(at, new)| Self::Insert(at, new)),
            (any::<Index>(), 1_usize..9).prop_map(|(at, count)| Self::Remove(at, count)),
        ]
    }

    fn apply(&self, bytes: &mut Vec<u8>) {
        let end = bytes.len();
        match self {
            Self::Set(at, byte) if end > 0 => bytes[at.index(end)] = *byte,
            Self::Remove(at, count) if end > 0 => {
                let at = at.index(end);
                bytes.drain(at..end.min(at + count));
            }
            Self::Set(..) | Self::Remove(..) => {}
            Self::Insert(at, new) => {
                let at = at.index(end + 1);
                bytes.splice(at..at, new.iter().copied());
            }
        }
    }
}

/// Changes inputs of the corpus at random. `PROPTEST_CASES` says how often.
fn changed_inputs_break_nothing(name: &str) {
    let (_, target) = TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a target");
    let corpus = corpus(name);
    proptest!(|(file in any::<Index>(), edits in vec(Edit::any(), 1..12))| {
        let mut input = file.get(&corpus).clone();
        for edit in &edits {
            edit.apply(&mut input);
        }
        target(&input);
    });
}

#[test]
fn changed_config_files_break_nothing() {
    changed_inputs_break_nothing("config");
}

#[test]
fn changed_checkpoints_break_nothing() {
    changed_inputs_break_nothing("checkpoint");
}

#[test]
fn changed_data_files_break_nothing() {
    changed_inputs_break_nothing("data");
}

#[test]
fn changed_streams_break_nothing() {
    changed_inputs_break_nothing("pull");
}

#[test]
fn the_corpus_of_every_target_breaks_nothing() {
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        assert!(corpus.len() >= 10, "{name}: only {} inputs", corpus.len());
        for input in corpus {
            target(&input);
        }
    }
}

#[test]
fn short_and_long_runs_of_one_byte_break_nothing() {
    for (_, target) in TARGETS {
        for byte in [0, 1, b'a', b',', b'\n', 0x7f, 0x80, 0xff] {
            for length in [0, 1, 8, 9, 12, 64, 1_000, 70_000] {
                target(&vec![byte; length]);
            }
        }
    }
}
