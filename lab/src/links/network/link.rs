//! A link of a rate: what passes it, passes one after the other.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A link. It keeps its own time, so that late timers cost it no rate.
#[derive(Debug)]
pub(super) struct Link {
    rate: f64,
    free_at: Mutex<Option<Instant>>,
}

impl Link {
    /// Of so many bytes per second.
    pub(super) const fn new(rate: f64) -> Self {
        Self {
            rate,
            free_at: Mutex::new(None),
        }
    }

    /// When the last of these bytes has passed, if the first is there at `at`.
    pub(super) fn pass(&self, at: Instant, bytes: usize) -> Instant {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = free_at.map_or(at, |free| free.max(at));
        let over = begins + Duration::from_secs_f64(bytes as f64 / self.rate);
        *free_at = Some(over);
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_pass_one_after_the_other_at_the_rate() {
        let link = Link::new(1000.0);
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        assert_eq!(link.pass(start, 100), after(100));
        assert_eq!(
            link.pass(after(50), 100),
            after(200),
            "it is busy until 100"
        );
        assert_eq!(
            link.pass(after(500), 100),
            after(600),
            "it was idle from 200 on"
        );
    }
}
