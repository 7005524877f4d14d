//! libFuzzer's entry to the targets of the node; `SPIRT_FUZZ_TARGET` names one.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use spirt_node::fuzz::TARGETS;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("SPIRT_FUZZ_TARGET").expect("SPIRT_FUZZ_TARGET names a target");
    let found = TARGETS.iter().find(|(target, _)| *target == name);
    found.expect("one of the targets in node/src/fuzz.rs").1
});

fuzz_target!(|data: &[u8]| (*TARGET)(data));
