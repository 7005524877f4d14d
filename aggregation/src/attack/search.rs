//! One-dimensional searches for the most damaging factor.

/// Evaluations of an optimised attack.
const EVALUATIONS: usize = 20;

/// ByzFL's line search: from 0 with steps that double from 10 on as long as the damage grows; after
/// the first failure steps that shrink by 0.8 with every evaluation, and forward only.
pub(super) fn line_search(damage: impl Fn(f64) -> f64) -> f64 {
    let (mut best, mut most) = (0.0, damage(0.0));
    let (mut step, mut grows) = (10.0, true);
    for _ in 1..EVALUATIONS {
        let found = damage(best + step);
        let is_better = found > most;
        if is_better {
            (best, most) = (best + step, found);
        }
        grows &= is_better;
        step *= if grows { 2.0 } else { 0.8 };
    }
    best
}

/// The first of `most`, `most` / 2, ... that is accepted, or the last one tried.
pub(super) fn largest_step(most: f64, accepted: impl Fn(f64) -> bool) -> f64 {
    let mut step = most;
    for _ in 1..EVALUATIONS {
        if accepted(step) {
            break;
        }
        step /= 2.0;
    }
    step
}
