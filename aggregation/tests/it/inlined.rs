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
    // Those of the crate's kernels; `half` calls its own, of another set.
    let is_ours = |name: &&str| name.contains("_mm256_") || name.contains("_mm512_");
    assert_eq!(names().filter(is_ours).collect::<Vec<_>>(), [""; 0]);
}
