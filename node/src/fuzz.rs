//! What a fuzzer feeds with bytes (feature `fuzz`): each function takes any bytes, and panics if something
//! does not hold. `fuzz/` drives them; a test replays its corpus. Those of the protocol are in that room.

#[cfg(test)]
mod tests;

use std::fs;
use std::path::PathBuf;

use spirt_training::DataSpec;
use tempfile::TempDir;

use crate::config::{self, Environment, Sources};

/// A fuzz target: its name, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 4] = [
    ("config", config),
    ("checkpoint", crate::checkpoint::fuzz),
    ("data", data),
    ("pull", crate::swarm::fuzz),
];

/// Where the files of one input are.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).expect("a file in a temporary folder");
        path
    }
}

/// A config file: what is wrong with it is said, and shown; what is right can be shown.
fn config(bytes: &[u8]) {
    let files = Files::new();
    let home = files.0.path().to_string_lossy().into_owned();
    let loaded = config::load(Sources {
        config_file: Some(files.write("config.toml", bytes)),
        env: Environment::from_iter([("HOME".to_owned(), home.into())]),
        ..Sources::default()
    });
    let _ = (config::show(&loaded, true), config::show_json(&loaded));
    for problem in loaded.problems() {
        assert!(!problem.to_string().is_empty());
    }
    let has_problems = !loaded.problems().is_empty();
    assert_eq!(loaded.into_config().is_err(), has_problems);
}

/// Data files: the first byte names the format; in a folder of IDX files the second splits the
/// samples from the labels.
fn data(bytes: &[u8]) {
    let Some((format, rest)) = bytes.split_first() else {
        return;
    };
    let files = Files::new();
    let spec = match format % 3 {
        0 => DataSpec::Csv(files.write("set.csv", rest)),
        1 => DataSpec::Safetensors(files.write("set.safetensors", rest)),
        _ => {
            let Some((split, rest)) = rest.split_first() else {
                return;
            };
            let (samples, labels) = rest.split_at(rest.len().min((*split).into()));
            for part in ["train", "t10k"] {
                files.write(&format!("{part}-images-idx3-ubyte"), samples);
                files.write(&format!("{part}-labels-idx1-ubyte"), labels);
            }
            DataSpec::Idx(files.0.path().to_owned())
        }
    };
    let Ok(split) = spec.load() else { return };
    for set in [&split.train, &split.test] {
        assert_eq!(set.features().len(), set.len() * set.shape().values());
        assert_eq!(set.labels().len(), set.len());
        assert!(set.labels().iter().all(|label| *label < set.classes()));
        assert!(set.features().iter().all(|value| value.is_finite()));
    }
    let _ = split.digest();
}
