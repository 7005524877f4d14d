//! The kernels are made of instructions, not of calls: an intrinsic that was compiled where its
//! instruction set is not enabled becomes a function, and a rule then takes seven times as long.

use std::fs;

use object::{Object, ObjectSymbol};

#[test]
fn no_intrinsic_is_a_function_of_its_own() {
    let binary = fs::read(std::env::current_exe().unwrap()).unwrap();
    let file = object::File::parse(&*binary).unwrap();
    let names = || file.symbols().filter_map(|symbol| symbol.name().ok());
    assert!(
        names().any(|name| name.contains("spirt_aggregation")),
        "has its symbols"
    );
    // As mangled, each with its length before it. Other crates call those of `f16c`.
    let sets = ["3avx", "4avx2", "3fma", "7avx512f", "8avx512dq"];
    let sets = sets.map(|set| format!("core_arch3x86{set}"));
    let is_ours = |name: &&str| sets.iter().any(|set| name.contains(set));
    assert_eq!(names().filter(is_ours).collect::<Vec<_>>(), [""; 0]);
}
