//! Named steps: each prints its name when it starts, and its name and seconds when it ends.

use std::fmt;
use std::time::Instant;

use anyhow::{Context as _, Result};

/// The name of the step that failed; `main` prints it as the last line.
#[derive(Debug)]
pub(crate) struct FailedStep(pub(crate) String);

impl fmt::Display for FailedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step `{}` failed", self.0)
    }
}

/// Runs one step and reports how long it took.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("==> {name}");
    let start = Instant::now();
    let done = work();
    let verdict = if done.is_ok() { "ok" } else { "FAILED" };
    println!(
        "<== {name}: {verdict}, {:.1} s",
        start.elapsed().as_secs_f64()
    );
    done.with_context(|| FailedStep(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_error_keeps_its_cause_and_the_step_its_name() {
        let error = step("clippy", || -> Result<()> { anyhow::bail!("two warnings") })
            .expect_err("the step fails");
        let name = &error.downcast_ref::<FailedStep>().expect("a step failed").0;
        assert_eq!(name, "clippy");
        assert_eq!(format!("{error:#}"), "step `clippy` failed: two warnings");
    }
}
