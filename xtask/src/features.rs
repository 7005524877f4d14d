//! Which cargo features the checks and tests turn on: all that need no installed library.

use std::collections::BTreeSet;

use crate::metadata::{Metadata, Package};

/// Features and optional dependencies that need a CUDA toolkit or a vendor's library.
const NEEDS_VENDOR: &[&str] = &["cuda", "cudnn", "mkl", "metal", "accelerate"];

/// Features and optional dependencies that need libtorch on the machine.
const NEEDS_TORCH: &[&str] = &["torch", "tch"];

/// The features of all workspace packages, as `package/feature`.
pub(crate) struct Features {
    on: Vec<String>,
    off: Vec<String>,
}

impl Features {
    /// Sorts the workspace's features by whether this machine can build them.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let torch = ["LIBTORCH", "LIBTORCH_USE_PYTORCH"];
        Self::sort(
            metadata,
            torch.iter().any(|name| std::env::var_os(name).is_some()),
        )
    }

    fn sort(metadata: &Metadata, has_torch: bool) -> Self {
        let mut sorted = Self {
            on: Vec::new(),
            off: Vec::new(),
        };
        for package in metadata.members() {
            let out_of_reach = out_of_reach(package, has_torch);
            for feature in package.features.keys().filter(|name| *name != "default") {
                let list = if out_of_reach.contains(feature.as_str()) {
                    &mut sorted.off
                } else {
                    &mut sorted.on
                };
                list.push(format!("{}/{feature}", package.name));
            }
        }
        sorted
    }

    /// Arguments for any cargo command that takes `--workspace`.
    pub(crate) fn flags(&self) -> Vec<String> {
        if self.on.is_empty() {
            return Vec::new();
        }
        vec!["--features".to_owned(), self.on.join(",")]
    }

    /// The features that are on in one package, by their short names.
    pub(crate) fn of_package(&self, package: &str) -> Vec<&str> {
        let parts = self.on.iter().filter_map(|feature| feature.split_once('/'));
        parts
            .filter(|(of, _)| *of == package)
            .map(|(_, feature)| feature)
            .collect()
    }

    /// One line, if this machine cannot build everything.
    pub(crate) fn say_what_is_left_out(&self) {
        if !self.off.is_empty() {
            let off = self.off.join(", ");
            println!("not checked, they need a library (set LIBTORCH for torch): {off}");
        }
    }
}

/// The features of a package that turn on something this machine lacks, directly or not.
fn out_of_reach(package: &Package, has_torch: bool) -> BTreeSet<&str> {
    let torch = if has_torch { &[] } else { NEEDS_TORCH };
    let mut out: BTreeSet<&str> = NEEDS_VENDOR.iter().chain(torch).copied().collect();
    loop {
        let before = out.len();
        for (feature, turns_on) in &package.features {
            let mut parts = turns_on
                .iter()
                .flat_map(|other| other.split(['/', ':', '?']));
            if parts.any(|part| out.contains(part)) {
                out.insert(feature);
            }
        }
        if out.len() == before {
            return out;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
        "workspace_members": ["ours"],
        "packages": [{
            "id": "ours", "name": "spirt-node", "license": null,
            "manifest_path": "/w/node/Cargo.toml", "dependencies": [],
            "features": {
                "default": [], "quic": ["libp2p/quic"], "bench": ["torch"],
                "torch": ["spirt-training/torch"], "gpu": ["candle-core?/cuda"]
            }
        }]
    }"#;

    #[test]
    fn a_feature_that_needs_libtorch_is_left_out_with_all_that_lead_to_it() {
        let features = Features::sort(&Metadata::parse(METADATA).expect("valid"), false);
        assert_eq!(features.flags(), ["--features", "spirt-node/quic"]);
        assert_eq!(
            features.off,
            ["spirt-node/bench", "spirt-node/gpu", "spirt-node/torch"]
        );
    }

    #[test]
    fn libtorch_on_the_machine_brings_its_features_back_but_not_cuda() {
        let features = Features::sort(&Metadata::parse(METADATA).expect("valid"), true);
        assert_eq!(
            features.on,
            ["spirt-node/bench", "spirt-node/quic", "spirt-node/torch"]
        );
        assert_eq!(features.off, ["spirt-node/gpu"]);
    }
}
