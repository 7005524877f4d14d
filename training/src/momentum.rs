//! Worker momentum: a peer contributes a moving average of its updates. Owned by the peer alone: no
//! part of the model, not sent to joiners, lost on a restart.

/// The moving average `m = beta * m + (1 - beta) * u` of a peer's updates u, where the first m is
/// the first u.
///
/// It takes noise out of what honest peers send, round by round, so that a liar has less room to
/// hide in, and lies that are small in each round do not add up unseen (Karimireddy, He and Jaggi,
/// *Learning from History for Byzantine Robust Optimization*, ICML 2021, arXiv 2012.10333).
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerMomentum {
    beta: f32,
    average: Vec<f32>,
}

impl WorkerMomentum {
    /// Nothing averaged yet. `beta` is the weight of the past, from 0 (none) to below 1.
    pub const fn new(beta: f32) -> Self {
        Self {
            beta,
            average: Vec::new(),
        }
    }

    /// Takes an update in, and puts the average in its place. An update of another length than the
    /// ones before begins anew.
    pub fn smooth(&mut self, update: &mut [f32]) {
        if self.beta == 0.0 {
            return;
        }
        if self.average.len() != update.len() {
            self.average = update.to_vec();
            return;
        }
        for (average, value) in self.average.iter_mut().zip(update) {
            *average = self.beta * *average + (1.0 - self.beta) * *value;
            *value = *average;
        }
    }

    /// Forgets the past: after the model was replaced it says nothing about the new one.
    pub fn reset(&mut self) {
        self.average.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::WorkerMomentum;

    #[test]
    fn updates_are_averaged_and_the_first_counts_whole() {
        let mut momentum = WorkerMomentum::new(0.75);
        let mut update = [4.0, -8.0];
        momentum.smooth(&mut update);
        assert_eq!(update, [4.0, -8.0]);
        let mut update = [0.0, 0.0];
        momentum.smooth(&mut update);
        assert_eq!(update, [3.0, -6.0]);
        momentum.reset();
        let mut update = [1.0, 1.0];
        momentum.smooth(&mut update);
        assert_eq!(update, [1.0, 1.0]);
    }

    #[test]
    fn without_a_weight_for_the_past_nothing_changes() {
        let mut momentum = WorkerMomentum::new(0.0);
        for value in [5.0, -3.0] {
            let mut update = [value];
            momentum.smooth(&mut update);
            assert_eq!(update, [value]);
        }
    }

    #[test]
    fn a_steady_update_stays_as_it_is() {
        let mut momentum = WorkerMomentum::new(0.9);
        for _ in 0..100 {
            let mut update = [2.0];
            momentum.smooth(&mut update);
            assert!((update[0] - 2.0).abs() < 1e-5);
        }
    }
}
