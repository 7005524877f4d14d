//! Brings a failing scenario down: leaves out what is not needed for it to fail.

use super::scenario::Scenario;
use super::watch::Violation;
use super::world::run;

/// A smaller scenario that breaks the same kind of promise as `scenario`, which must break one.
///
/// Tries, until nothing more can be left out: each fault, each liar, loss, duplicates, corruption
/// and skew.
pub fn shrink(scenario: &Scenario) -> Scenario {
    let Err(violation) = run(scenario) else {
        return scenario.clone();
    };
    let fails = |smaller: &Scenario| run(smaller).is_err_and(|other| is_like(&other, &violation));
    let mut smallest = scenario.clone();
    let knobs: [fn(&mut Scenario); 4] = [
        |s| s.drop = 0.0,
        |s| s.duplicate = 0.0,
        |s| s.corrupt = 0.0,
        |s| s.skew = 0,
    ];
    for knob in knobs {
        let mut smaller = smallest.clone();
        knob(&mut smaller);
        if fails(&smaller) {
            smallest = smaller;
        }
    }
    smallest.liars = without(
        &smallest,
        smallest.liars.clone(),
        |s, liars| s.liars = liars,
        &fails,
    );
    smallest.faults = without(
        &smallest,
        smallest.faults.clone(),
        |s, faults| s.faults = faults,
        &fails,
    );
    smallest
}

fn is_like(a: &Violation, b: &Violation) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// As few of `items` as it takes to fail: leaves out halves, then quarters, down to single ones.
fn without<T: Clone>(
    scenario: &Scenario,
    mut items: Vec<T>,
    set: fn(&mut Scenario, Vec<T>),
    fails: &dyn Fn(&Scenario) -> bool,
) -> Vec<T> {
    let mut chunk = items.len().div_ceil(2);
    while chunk > 0 {
        let mut from = 0;
        while from < items.len() {
            let mut fewer = items.clone();
            fewer.drain(from..(from + chunk).min(items.len()));
            let mut smaller = scenario.clone();
            set(&mut smaller, fewer.clone());
            if fails(&smaller) {
                items = fewer;
            } else {
                from += chunk;
            }
        }
        chunk /= 2;
    }
    items
}
